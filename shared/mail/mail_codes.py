"""The short code that a mail carries, by which ``/real`` says what that was, and where its button leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.errors import Conflict
from shared.mail.rendering import Kind
from shared.runtime.tokens import mail_code, shown_code
from shared.stores.mail_codes import CodedMails, MailCodeStore

_TURNS = 5
_MOST_KNOWN = 1_000


class MailCodes:
    """The codes of one worker's mails. A code is noted before the first mail that carries it, once a worker and day."""

    def __init__(self, store: MailCodeStore, *, token_key: Callable[[], bytes], clock: Clock) -> None:
        self._store = store
        self._token_key = token_key
        self._clock = clock
        self._noted: dict[tuple[str, Kind, date], str] = {}

    def of(self, district: District, kind: Kind) -> str:
        """The code of a mail of this kind to somebody of this district today, in two groups."""
        mails = CodedMails(district.district_id, kind.value, self._clock().astimezone(district.zone).date())
        known = (mails.district_id, kind, mails.day)
        if known not in self._noted:
            if len(self._noted) >= _MOST_KNOWN:
                self._noted.clear()
            self._noted[known] = self._note(mails)
        return shown_code(self._noted[known])

    def _note(self, mails: CodedMails) -> str:
        for turn in range(_TURNS):
            code = mail_code(mails.district_id, mails.kind, mails.day, self._token_key(), turn)
            if self._store.note(code, mails):
                return code
        raise Conflict("no_free_code", "Other mails have the codes of these already.")
