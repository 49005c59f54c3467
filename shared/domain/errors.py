"""One tree of exceptions: everything this service raises on purpose.

Any other exception is a defect: its event goes to the dead-letter queue, and an alarm tells a person.
"""

from __future__ import annotations


class AccountLinkingError(Exception):
    """Base of every error that this service raises on purpose.

    ``code`` is stable and machine-readable; ``message`` tells a person what happened and what to do next.
    Neither ever holds personal data.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class UploadRejected(AccountLinkingError):
    """A whole upload cannot be used; nothing that stood before was changed (M2).

    ``file``, ``line`` (1 is the header) and ``column`` say where, if there is a place.
    """

    def __init__(
        self, code: str, message: str, *, file: str | None = None, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.file = file
        self.line = line
        self.column = column


class InvalidSettings(AccountLinkingError):
    """A settings object (``district.json``, a function's environment) is incomplete or wrong."""


class UnknownDistrict(AccountLinkingError):
    """No settings are known for this district."""


class AccountTooLarge(AccountLinkingError):
    """A line of the accounts feed says more of one account than can be kept."""


class CatalogueFull(AccountLinkingError):
    """A file of skills says more than the catalogue can hold."""


class RefusedTransition(AccountLinkingError):
    """A state machine (activation, link, class) was asked for a step that its present state does not allow."""


class Conflict(AccountLinkingError):
    """A conditional write lost: somebody else changed the item first. Read again and decide anew."""


class Throttled(AccountLinkingError):
    """A rate limit of ours was reached. ``retry_after`` is in whole seconds."""

    def __init__(self, code: str, message: str, *, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


BUSY_SECONDS = 120
"""After so long somebody who met too many others may try again."""


def busy(retry_after: int = BUSY_SECONDS) -> Throttled:
    """The error for whoever comes while more people are here than a service takes: nothing is wrong with what they do."""
    return Throttled("busy", "Many people are here right now. Wait a little, then try again.", retry_after=retry_after)


class LoginRefused(AccountLinkingError):
    """A login proved nothing. The message never says which part was wrong (ASVS 6.3.8)."""


class OutcomeUnknown(AccountLinkingError):
    """A call may or may not have had its effect: the reply was lost."""
