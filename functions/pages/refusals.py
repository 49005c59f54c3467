"""What a person is told of an expected error."""

from __future__ import annotations

from functions.pages.http import ForbiddenOrigin, NoSuchClass, Reply, page
from shared.domain.errors import AccountLinkingError, LoginRefused, Throttled, UnknownDistrict
from shared.hubs.hub import IN_TROUBLE
from shared.runtime.observability import logger, metric


def refused(error: AccountLinkingError) -> Reply:
    """The page for an expected error, which is noted by its code alone."""
    logger.info("refused", extra={"code": error.code})
    if error.code in IN_TROUBLE:
        metric("HubInTrouble")
    return page_for(error)


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
