"""The HTTP API: one request in, one answer out; what goes wrong becomes a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from time import perf_counter
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.pages.bootstrap import Site, deferred, wire
from functions.pages.http import Reply, Request, Response, not_found, page
from functions.pages.refusals import page_for, refused
from functions.pages.routes import Route, Router, routes
from shared.domain.errors import AccountLinkingError, busy
from shared.runtime.observability import about, logger, metric, observed, where
from shared.runtime.throttling import is_throttled

_LOGINS = {("POST", "/login"), ("POST", "/login/code"), ("GET", "/callback/<provider>")}
"""Where a login ends: with a session, a further question, or a refusal."""


class HttpApi:
    """All routes of a site, as API Gateway asks for them (payload 2.0)."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._router = Router(routes(deferred(site)))

    def resolve(self, event: dict[str, Any]) -> dict[str, Any]:
        """The answer to an event. A HEAD is answered as its GET would be, without the body (RFC 9110 §9.3.2)."""
        http = event["requestContext"]["http"]
        is_head = http["method"] == "HEAD"
        if is_head:
            http = {**http, "method": "GET"}
            event = {**event, "requestContext": {**event["requestContext"], "http": http}}
        response = self._routed(event).to_api()
        return {**response, "body": ""} if is_head else response

    def _routed(self, event: Mapping[str, Any]) -> Response:
        request = Request.from_event(event)
        found = self._router.find(request.method, request.path)
        if found is None:
            return self.answer(request, lambda _request: not_found())
        began = perf_counter()
        with about():
            response = self.answer(request, partial(found.route.page, **found.parts))
            self._note(found.route, response.status_code, perf_counter() - began, event)
        return response

    def answer(self, request: Request, page_of: Callable[[Request], Reply]) -> Response:
        """The page, or the page for its error: an expected one says what to do, any other one raises an alarm, too."""
        try:
            # The button of RFC 8058 is pressed by a mail program, from wherever that runs.
            if request.method == "POST" and not request.path.startswith("/unsubscribe/"):
                request.check_origin(self.site.services.brand.web_url)
            return self.site.renderer.response(request, page_of(request))
        except AccountLinkingError as error:
            reply = refused(error)
        except Exception as error:  # noqa: BLE001 - the last resort; the message may hold people's data and is not logged
            logger.error("page failed", extra={"error": type(error).__name__, "at": where(error)})
            metric("PageFailed")
            reply = page_for(busy()) if is_throttled(error) else _defect()
        return self.site.renderer.response(request, reply)

    def _note(self, route: Route, status: int, seconds: float, event: Mapping[str, Any]) -> None:
        """Which page it was: the route alone, as tokens are in paths. The id is that of the access log's line."""
        request_id = event["requestContext"].get("requestId")
        logger.info(
            "page",
            extra={
                "route": f"{route.method} {route.address}",
                "status": status,
                "ms": round(seconds * 1000),
                "api_request_id": request_id,
            },
        )
        if (route.method, route.address) in _LOGINS:
            metric("LoginFailed" if status >= 400 else "LoginSucceeded")


def _defect() -> Reply:
    return page("sorry", status=500, code="internal_error", retry_after=None)


@cache
def api() -> HttpApi:
    """Made at the first request, and kept for the life of a worker."""
    return HttpApi(wire())


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return api().resolve(event)
