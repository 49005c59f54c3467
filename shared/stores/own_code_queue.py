"""Asks the worker of link notices to mail a code for an own login."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

OWN_CODE_ASKED = "OwnCodeAsked"
"""What a message about a code is called, as events of links have a detail type; it leaves this stack in no event."""


class OwnCodeQueue:
    """Twice is harmless: a code is mailed once."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, code_id: str) -> None:
        """Have the code of this id mailed, to the address that it was noted for."""
        self._send({"event_id": code_id})

    def request_for_login(self, code_id: str, login_id: str, asked_at: str, language: str) -> None:
        """Have a code mailed to the address of an own login, if there is that login: before a login the pages note nothing."""
        self._send({"event_id": code_id, "login_id": login_id, "asked_at": asked_at, "language": language})

    def _send(self, detail: dict[str, str]) -> None:
        body = json.dumps({"detail-type": OWN_CODE_ASKED, "detail": detail})
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)
