"""The way out through SES. A send is one call: SDK retries are off, because SES cannot tell a repeated send (B5)."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import AccountLinkingError, OutcomeUnknown
from shared.mail.message import Message

_TRY_LATER = {"TooManyRequestsException", "ThrottlingException", "LimitExceededException", "SendingPausedException"}


class MailRefused(AccountLinkingError):
    """SES said no before it accepted anything. ``may_try_later`` when it was about pace."""

    def __init__(self, code: str, message: str, *, may_try_later: bool) -> None:
        super().__init__(code, message)
        self.may_try_later = may_try_later


class Mailer:
    """Sends mail as one sender, under one configuration set. ``ses`` must be a client without retries."""

    def __init__(self, ses: Any, sender: str, configuration_set: str) -> None:
        self._ses = ses
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, message: Message) -> str:
        """Send once; answers SES' message id.

        Raises MailRefused when SES answered no, OutcomeUnknown when its answer did not come.
        """
        simple: dict[str, Any] = {
            "Subject": {"Data": message.subject, "Charset": "UTF-8"},
            "Body": {
                "Html": {"Data": message.html, "Charset": "UTF-8"},
                "Text": {"Data": message.text, "Charset": "UTF-8"},
            },
        }
        if message.headers:
            simple["Headers"] = [{"Name": name, "Value": value} for name, value in message.headers.items()]
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [message.to]},
                Content={"Simple": simple},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": name, "Value": value} for name, value in message.tags.items()],
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            if status >= 500:
                raise OutcomeUnknown(
                    "send_unanswered", "SES failed while it took the mail; it may have gone out."
                ) from None
            raise MailRefused(code, "SES refused the mail.", may_try_later=code in _TRY_LATER) from None
        except BotoCoreError:
            raise OutcomeUnknown("send_unanswered", "SES did not answer; the mail may have gone out.") from None
        return str(answer["MessageId"])
