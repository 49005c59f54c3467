"""What a person is told of an expected error."""

from __future__ import annotations

from functions.pages.http import ForbiddenOrigin, NoSuchClass, Reply, page
from shared.domain.errors import AccountLinkingError, LoginRefused, Throttled, UnknownDistrict


def page_for(error: AccountLinkingError) -> Reply:
    """What a person is told of an expected error."""
    match error:
        case Throttled():
            reply = page("sorry", status=429, code=error.code, retry_after=error.retry_after)
            reply.headers["Retry-After"] = str(error.retry_after)
            return reply
        case UnknownDistrict() | NoSuchClass():
            status = 404
        case ForbiddenOrigin() | LoginRefused():
            status = 403
        case _:
            status = 409
    return page("sorry", status=status, code=error.code, retry_after=None)
