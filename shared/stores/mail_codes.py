"""What the short codes of mails stand for: a district, a day and a kind of mail, and nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from shared.stores.keys import mail_code_key
from shared.stores.table import DynamoTable, Put, Table

KEPT = timedelta(days=400)
"""So long a code is known after the day of its mails."""


@dataclass(frozen=True, slots=True)
class CodedMails:
    """The mails that carry one code: all of a kind that a district's people got on a day of its calendar."""

    district_id: str
    kind: str
    day: date


class MailCodeStore:
    """``REAL#code`` / ``CODE``: one item for all mails of a district, a day and a kind."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def note(self, code: str, mails: CodedMails) -> bool:
        """Note what a code stands for. May be run again; False where it stands for other mails already."""
        facts = {"district_id": mails.district_id, "kind": mails.kind, "sent_on": mails.day.isoformat()}
        ends = datetime.combine(mails.day, time(), UTC) + KEPT
        is_free_or_same = (
            "(attribute_not_exists(PK) OR (district_id = :district_id AND kind = :kind AND sent_on = :sent_on))"
        )
        put = Put({**mail_code_key(code), **facts, "ttl": int(ends.timestamp())})
        return self._table.attempt(put.when(is_free_or_same, **facts))

    def of(self, code: str) -> CodedMails | None:
        item = self._table.get(mail_code_key(code), consistent=False)
        if item is None:
            return None
        return CodedMails(str(item["district_id"]), str(item["kind"]), date.fromisoformat(str(item["sent_on"])))
