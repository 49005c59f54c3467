"""Every address and the page that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from functions.pages.bootstrap import Site
from functions.pages.http import Reply, Request


@dataclass(frozen=True, slots=True)
class Route:
    """``page`` is given the request, and each ``<part>`` of the address by its name."""

    method: str
    address: str
    page: Callable[..., Reply]


class Found(NamedTuple):
    """The route of a request, and what stands in the parts of its address."""

    route: Route
    parts: Mapping[str, str]


class Router:
    """Finds the route of a request: an address without parts goes before one with them, else the first counts."""

    def __init__(self, table: Iterable[Route]) -> None:
        self._plain: dict[tuple[str, str], Route] = {}
        self._with_parts: list[tuple[str, re.Pattern[str], Route]] = []
        for route in table:
            if "<" in route.address:
                pattern = _PART.sub(_ANY_PART, route.address)
                self._with_parts.append((route.method, re.compile(pattern), route))
            else:
                self._plain.setdefault((route.method, route.address), route)

    def find(self, method: str, path: str) -> Found | None:
        """None where there is no such address, or none for this method."""
        if plain := self._plain.get((method, path)):
            return Found(plain, {})
        for wanted, pattern, route in self._with_parts:
            if wanted == method and (found := pattern.fullmatch(path)):
                return Found(route, found.groupdict())
        return None


_PART = re.compile(r"<(\w+)>")
_ANY_PART = r"(?P<\1>[-._~()'!*:@,;=+&$%<> \\[\\]{}|^\\w]+)"
"""What may stand in a part of an address: letters, digits, and what addresses may hold beside them, but no slash."""


def routes(site: Site) -> tuple[Route, ...]:
    """The table of this site's routes (docs/openapi.yaml describes each of them)."""
    return (
        Route("GET", "/healthz", health),
        Route("GET", "/", site.home.show),
        Route("GET", "/home", site.home.show),
        # From the mail to the link
        Route("GET", "/activate", site.activation.show),
        Route("GET", "/activate/<token>", site.activation.arrive),
        Route("POST", "/activate/existing", site.activation.existing_account),
        Route("POST", "/activate/new", site.activation.new_account),
        Route("POST", "/activate/again", site.activation.send_again),
        Route("GET", "/link", site.link.show),
        Route("POST", "/link", site.link.confirm),
        Route("POST", "/link/not-me", site.link.not_me),
        Route("GET", "/receipt/<district_id>", site.receipt.show),
        Route("GET", "/link/undo", site.link.ask_to_undo),
        Route("POST", "/link/undo", site.link.undo),
        # Logins
        Route("GET", "/login", site.login.show),
        Route("POST", "/login", site.login.with_password),
        Route("GET", "/login/confirm", site.login.ask_about_waiting),
        Route("POST", "/login/confirm", site.login.answer_about_waiting),
        Route("POST", "/logout", site.login.leave),
        Route("POST", "/login/google", site.federated_login.start_google),
        Route("GET", "/callback/<provider>", site.federated_login.callback),
        Route("POST", "/login/another", site.federated_login.another),
        Route("GET", "/sso", site.find_district.show),
        Route("POST", "/sso", site.find_district.find),
        Route("GET", "/sso/<district_id>", site.federated_login.show_district),
        Route("POST", "/sso/<district_id>/<provider>", site.federated_login.start_district),
        Route("GET", "/login/code", site.password.show_challenge),
        Route("POST", "/login/code", site.password.answer_challenge),
        Route("GET", "/login/forgot", site.password.show_forgotten),
        Route("POST", "/login/forgot", site.password.send_code),
        Route("GET", "/login/reset", site.password.show_reset),
        Route("POST", "/login/reset", site.password.reset),
        Route("GET", "/login/email", site.own_logins.show_email),
        Route("POST", "/login/email", site.own_logins.send_login_code),
        Route("GET", "/login/email/code", site.own_logins.show_login_code),
        Route("POST", "/login/email/code", site.own_logins.log_in_by_code),
        Route("GET", "/ways-in", site.own_logins.show),
        Route("POST", "/ways-in/google", site.federated_login.start_own),
        Route("POST", "/ways-in/email", site.own_logins.ask_for_address),
        Route("GET", "/ways-in/code", site.own_logins.show_code),
        Route("POST", "/ways-in/code", site.own_logins.add_address),
        Route("POST", "/ways-in/remove", site.own_logins.remove),
        Route("GET", "/welcome", site.welcome.show),
        Route("POST", "/account/new", site.welcome.new_account),
        Route("POST", "/account/older", site.welcome.existing_account),
        Route("POST", "/account/join", site.welcome.join),
        # Classes
        Route("GET", "/classes/<reference>", site.class_page.show),
        Route("GET", "/classes/<reference>/settings", site.class_page.settings),
        Route("GET", "/classes/<reference>/students", site.students.show),
        Route("GET", "/classes/<reference>/students/board", site.board.show),
        Route("POST", "/classes/<reference>/students/<action>", site.students.act),
        Route("POST", "/classes/<reference>/goals", site.class_page.add_goal),
        Route("POST", "/classes/<reference>/assignments", site.class_page.add_assignment),
        Route("POST", "/classes/<reference>/again", site.class_page.recreate),
        Route("POST", "/classes/<reference>/delete", site.class_page.delete),
        Route("POST", "/classes/<reference>/restore", site.class_page.restore),
        Route("POST", "/classes/<reference>/download", site.class_page.download),
        Route("GET", "/downloads/<export_id>", site.download.fetch),
        Route("GET", "/cleaning", site.cleanup.show),
        Route("POST", "/cleaning/download", site.cleanup.download),
        Route("POST", "/cleaning/delete", site.cleanup.delete),
        Route("POST", "/cleaning/keep", site.cleanup.keep),
        Route("POST", "/cleaning/later", site.cleanup.later),
        Route("POST", "/cleaning/restore", site.cleanup.restore),
        # What a mail leads to without a login
        Route("GET", "/notice", site.notice.show),
        Route("GET", "/notice/<token>", site.notice.arrive),
        Route("POST", "/notice/undo", site.notice.undo),
        Route("GET", "/real", site.real.show),
        Route("GET", "/unsubscribe/<token>", site.unsubscribe.show),
        Route("POST", "/unsubscribe/<token>", site.unsubscribe.stop),
        # Administrators
        Route("GET", "/console", site.console.choose),
        Route("POST", "/console", site.console.chosen),
        Route("GET", "/console/<district_id>", site.console.show),
        Route("POST", "/console/<district_id>/invite-again", site.console.invite_again),
        Route("GET", "/console/<district_id>/logins", site.logins.show),
        Route("GET", "/console/<district_id>/imports", site.imports.show),
        Route("GET", "/console/<district_id>/imports/upload", site.imports.upload),
        Route("GET", "/console/<district_id>/imports/checks/<name>", site.imports.check),
        Route("GET", "/console/<district_id>/imports/<import_id>", site.imports.one),
        Route("POST", "/console/<district_id>/imports/<import_id>/<action>", site.imports.decide),
        Route("GET", "/console/<district_id>/imports/<import_id>/files/<name>", site.imports.file),
        Route("GET", "/console/<district_id>/source", site.source.show),
        Route("POST", "/console/<district_id>/source/fetch", site.source.fetch),
        Route("GET", "/console/<district_id>/forecast", site.forecast.show),
        Route("GET", "/console/<district_id>/people", site.people.show),
        Route("POST", "/console/<district_id>/people", site.people.search),
        Route("GET", "/console/<district_id>/people/<kind>/<sourced_id>", site.people.one),
        Route("POST", "/console/<district_id>/people/<kind>/<sourced_id>/<action>", site.people.act),
        Route("POST", "/console/<district_id>/people/<action>", site.bulk.order),
        Route("GET", "/console/<district_id>/bulk/<order_id>", site.bulk.show),
        Route("POST", "/console/<district_id>/bulk/<order_id>/<what>", site.bulk.act),
        Route("GET", "/console/<district_id>/settings", site.settings.show),
        Route("GET", "/console/<district_id>/first-mails", site.first_mails.show),
        Route("POST", "/console/<district_id>/first-mails/<action>", site.first_mails.act),
        Route("GET", "/console/<district_id>/trail.csv", site.settings.trail),
        # What a report leads to without a login
        Route("GET", "/help", site.help.show_all),
        Route("GET", "/help/logins", site.help.show_logins),
        Route("GET", "/help/<code>", site.help.show),
    )


def health(_request: Request) -> Reply:
    """Says that the function runs; reads nothing."""
    return Reply(body='{"ok": true}', content_type="application/json")
