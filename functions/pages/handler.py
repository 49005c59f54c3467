"""The HTTP API: one request in, one answer out; what goes wrong becomes a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from time import perf_counter
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.pages.bootstrap import Site, wire
from functions.pages.classes.class_page import NoSuchClass
from functions.pages.http import ForbiddenOrigin, Reply, Request, not_found, page
from functions.pages.routes import Route, routes
from shared.domain.errors import AccountLinkingError, LoginRefused, Throttled, UnknownDistrict
from shared.runtime.observability import about, logger, metric, observed, where

_LOGINS = {("POST", "/login"), ("POST", "/login/code"), ("GET", "/callback/<provider>")}
"""Where a login ends: with a session, a further question, or a refusal."""


class HttpApi:
    """All routes of a site, as API Gateway asks for them (payload 2.0)."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._resolver = APIGatewayHttpResolver()
        for route in routes(site):
            self._resolver.route(route.address, method=route.method)(self._answering(route))
        self._resolver.not_found(lambda _error: self.answer(self._request(), lambda _request: not_found()))

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """The answer to an event. A HEAD is answered as its GET would be, without the body (RFC 9110 §9.3.2)."""
        http = event["requestContext"]["http"]
        if http["method"] != "HEAD":
            return self._resolver.resolve(event, context)
        as_get = {**event, "requestContext": {**event["requestContext"], "http": {**http, "method": "GET"}}}
        return {**self._resolver.resolve(as_get, context), "body": "", "isBase64Encoded": False}

    def answer(self, request: Request, page_of: Callable[[Request], Reply]) -> Response[str]:
        """The page, or the page for its error: an expected one says what to do, any other one raises an alarm, too."""
        try:
            # The button of RFC 8058 is pressed by a mail program, from wherever that runs.
            if request.method == "POST" and not request.path.startswith("/unsubscribe/"):
                request.check_origin(self.site.services.brand.web_url)
            return self.site.renderer.response(request, page_of(request))
        except AccountLinkingError as error:
            logger.info("refused", extra={"code": error.code})
            reply = page_for(error)
        except Exception as error:  # noqa: BLE001 - the last resort; the message may hold people's data and is not logged
            logger.error("page failed", extra={"error": type(error).__name__, "at": where(error)})
            metric("PageFailed")
            reply = page("sorry", status=500, code="internal_error", retry_after=None)
        return self.site.renderer.response(request, reply)

    def _answering(self, route: Route) -> Callable[..., Response[str]]:
        def answer(**parts: str) -> Response[str]:
            began = perf_counter()
            with about():
                response = self.answer(self._request(), partial(route.page, **parts))
                self._note(route, response.status_code, perf_counter() - began)
            return response

        return answer

    def _note(self, route: Route, status: int, seconds: float) -> None:
        """Which page it was: the route alone, as tokens are in paths. The id is that of the access log's line."""
        request_id = self._resolver.current_event.raw_event.get("requestContext", {}).get("requestId")
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

    def _request(self) -> Request:
        return Request.from_event(self._resolver.current_event.raw_event)


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


@cache
def api() -> HttpApi:
    """Made at the first request, and kept for the life of a worker."""
    return HttpApi(wire())


@observed
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api().resolve(event, context)
