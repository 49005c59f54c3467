"""The console's people: who is stuck, a search, and one person's page with what can be done for them (B7)."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.addresses import person_address, person_part, sourced_id_of
from functions.pages.console.at_place import people_at
from functions.pages.console.bulk import may_withdraw, why_no_mail
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.activation import ActivationState, NotMailed, why_not_mailed
from shared.domain.clock import to_iso
from shared.domain.email_address import normalise
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link
from shared.domain.roster import NumberKind, RosterUser, RosterUserKey
from shared.stores.audit import Actor
from shared.stores.keys import is_an_id
from shared.stores.request_context import Person
from shared.stores.stuck_people import Stuck, StuckCode
from shared.stores.table import Put
from shared.stores.trail import trail_item

if TYPE_CHECKING:
    from shared.stores.people_search import PeopleFound

MOST = 50
PAGE = 33
"""People of a list with their links and mails: so many are read with one request."""
_PAGE_OF_SCHOOLS = 100
"""People who are looked at for a page of who sees single schools: so many are read with one request."""
_LONGEST_QUERY = 254
_LONGEST_PART = 4_000
_STRANGERS = "not_on_roster"
_ASKED = "Asked for on the console"
_CORRECT, _TAKE_BACK = "correct", "take-back"
_ACTIONS = ("mail", "withdraw", "undo", _CORRECT, _TAKE_BACK)
_KINDS = ("", *NumberKind)


@dataclass(frozen=True, slots=True)
class RowShown:
    """Somebody in a list."""

    address: str
    name: str
    sourced_id: str
    kind: str
    role: str
    code: str = ""
    since: str = ""
    part: str = ""
    """The person, as the form of the list names them."""
    is_linked: bool = False
    has_opened: bool = False


@dataclass(frozen=True, slots=True)
class StuckShown:
    """A page of a list of people who are stuck, what names the next one, and how many there are by code."""

    rows: list[RowShown]
    next_page: str = ""
    counts: Mapping[str, int] | None = None
    """None where they are not known: to who sees single schools, and beyond those whom one read brings."""
    is_at_least: bool = False
    """Whether there may be more than were counted."""


class PeoplePages:
    """Administrators of single schools find and see the people of these alone."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        if "place" in request.query:
            return people_at(self._services, access, request.query)
        asked = request.query.get("stuck", "")
        if asked == _STRANGERS and access.is_whole:
            found = self._services.strangers.of_district(district_id, self._services.clock())
            return self._page(access, rows=[], stuck=StuckShown([]), code=asked, query="", strangers=found)
        code = StuckCode(asked) if asked in set(StuckCode) else None
        begins, after = (_number_in(request.query.get(name, "")) for name in ("from", "after"))
        stuck = self._stuck(access, code, begins, after)
        none = request.query.get("none") == "1"
        return self._page(access, rows=stuck.rows, stuck=stuck, code=asked if code else "", query="", is_nobody=none)

    def search(self, request: Request, district_id: str) -> Reply:
        """By number, address or name, whatever fits; posted, so that no name stands in an address."""
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        query = request.form.get("query", "").strip()[:_LONGEST_QUERY]
        if not query:
            return see_other(f"/console/{district_id}/people")
        self._services.rate_limiter.hit(limits.CONSOLE_SEARCH, district_id)
        rows, by_name = self._found(access, query)
        return self._page(access, rows=rows, query=query, code="", by_name=by_name)

    def _found(self, access: Access, query: str) -> tuple[list[RowShown], PeopleFound | None]:
        """The rows, and what a search by name says beside them, where it was one."""
        district_id = access.district_id
        if address := normalise(query):
            users = self._services.users.by_email(district_id, address)
            return [_row(user) for user in users if access.sees(user.school_ids)], None
        applied = None
        if is_an_id(query):
            keys = [RosterUserKey(district_id, query, kind) for kind in _KINDS]
            numbered, applied = self._services.people_search.numbered(keys)
            if rows := [_row(user) for user in numbered if access.sees(user.school_ids)]:
                return rows, None
        found = self._services.people_search.by_name(
            district_id, query, MOST, lambda person: access.sees(person.school_ids), applied
        )
        rows = [
            RowShown(person_address(each.key), each.name, each.key.sourced_id, each.key.kind, each.role)
            for each in found.people
        ]
        return rows, found

    def _stuck(self, access: Access, code: StuckCode | None, begins: str, after: str) -> StuckShown:
        """A page of those who are stuck: one read of them, and one of who they are. ``begins`` and ``after`` are a ``person_id``
        after which the read and the page begin."""
        window = self._services.stuck.window(access.district_id, begins)
        listed = [each for each in window.people if code in (None, each.code) and _comes_after(each, after)]
        most = PAGE if access.is_whole else _PAGE_OF_SCHOOLS
        shown, rest = listed[:most], listed[most:]
        follows = {"from": begins, "after": shown[-1].user.person_id} if rest else {"from": window.last}
        more = (
            urlencode({name: _part_of(value) for name, value in follows.items() if value})
            if any(follows.values())
            else ""
        )
        counts = Counter(each.code.value for each in window.people) if access.is_whole and not begins else None
        rows = self._rows(access, shown)
        return StuckShown(rows, more if rest or window.last else "", counts, is_at_least=bool(window.last))

    def _rows(self, access: Access, shown: list[Stuck]) -> list[RowShown]:
        """Those of them who are on the table and shown to who is here."""
        keys = [each.user for each in shown]
        if not access.is_whole:
            users = self._services.users.get_many(keys) if keys else {}
            people = {key: Person(user) for key, user in users.items() if access.sees(user.school_ids)}
        else:
            people = self._services.request_contexts.people(keys) if keys else {}
        return [
            replace(
                _row(user, each.code.value, each.since),
                part=person_part(each.user),
                is_linked=bool(person.link and person.link.is_linked),
                has_opened=bool(person.activation and person.activation.opened_at),
            )
            for each in shown
            if (person := people.get(each.user)) and (user := person.user)
        ]

    def _page(self, access: Access, **values: object) -> Reply:
        district = access.district
        reply = page("console/people", audience=district, district=district.name, access=access, tab="people")
        codes = [code.value for code in StuckCode]
        reply.values |= {
            "when": Moments(district.zone),
            "codes": codes,
            "by_name": None,
            "stuck": None,
            "strangers": [],
            "is_nobody": False,
            **values,
        }
        return reply

    # One person

    def one(self, request: Request, district_id: str, kind: str, sourced_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        found = self._person(access, kind, sourced_id)
        done = request.query.get("done", "")
        return self._one(access, *found, done=done if done in _ACTIONS else "") if found else not_found()

    def act(self, request: Request, district_id: str, kind: str, sourced_id: str, action: str) -> Reply:
        """Send another mail, withdraw the one that is out, undo the link, correct the address of the invitation, or take that back;
        noted with who asked for it."""
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        found = self._person(access, kind, sourced_id)
        if found is None or action not in _ACTIONS:
            return not_found()
        user, person = found
        self._services.rate_limiter.hit(limits.CORRECTION if action == _CORRECT else limits.INVITE_AGAIN, district_id)
        now, reason = to_iso(self._services.clock()), request.form.get("reason", "").strip() or _ASKED
        typed = request.form.get("address", "").strip()[:_LONGEST_QUERY]
        # Addresses stand in no entry.
        said = {"action": action, "by": access.by, "reason": reason[:500], "person": user.key.person_id}
        try:
            if action in (_CORRECT, _TAKE_BACK):
                entry = Put(trail_item(district_id, now, self._services.new_id(), **said))
                self._correct(access, user, person, typed if action == _CORRECT else None, entry)
            else:
                self._services.trail.note(district_id, now, self._services.new_id(), **said)
                self._do(action, user.key, person)
        except RefusedTransition as refused:
            return self._one(access, user, person, problem=refused.code, typed=typed)
        return see_other(f"{person_address(user.key)}?done={action}")

    def _correct(self, access: Access, user: RosterUser, person: Person, typed: str | None, entry: Put) -> None:
        """Raises RefusedTransition."""
        use_case = self._services.correct_address
        if typed is None:
            use_case.take_back(user, person.activation, entry)
        else:
            use_case.correct(access.district, user, person.link, person.activation, typed, entry)

    def _do(self, action: str, user: RosterUserKey, person: Person) -> None:
        """Raises RefusedTransition."""
        match action:
            case "mail":
                self._services.resend_activation.resend(user)
            case "withdraw":
                if not (person.activation and self._services.activations.call_back(person.activation)):
                    raise RefusedTransition(
                        "nothing_to_withdraw", "There is no mail of this person that can be withdrawn."
                    )
            case _:
                account_id = person.link.account_id if person.link else None
                self._services.links.undo(
                    user,
                    event_id=self._services.new_id(),
                    now=self._services.clock(),
                    account_id=account_id,
                    actor=Actor.CONSOLE,
                )

    def _person(self, access: Access, kind: str, sourced_id: str) -> tuple[RosterUser, Person] | None:
        """The person of this kind and number, with link and activation, where they are shown to who is here."""
        number = sourced_id_of(sourced_id)
        if not is_an_id(number):
            return None
        kinds = [kind, ""] if kind in set(NumberKind) else [""]
        keys = [RosterUserKey(access.district_id, number, each) for each in kinds]
        people = self._services.request_contexts.read(people=keys, with_settings=False).people
        for key in keys:
            person = people.get(key, Person())
            if person.user and access.sees(person.user.school_ids):
                return person.user, person
        return None

    def _one(
        self, access: Access, user: RosterUser, person: Person, *, problem: str = "", typed: str = "", done: str = ""
    ) -> Reply:
        district, now = access.district, to_iso(self._services.clock())
        activation, link = person.activation, person.link
        names = self._services.districts.school_names(user.district_id, user.school_ids)
        reply = page(
            "console/person",
            status=409 if problem else 200,
            audience=district,
            district=district.name,
            access=access,
            tab="people",
        )
        reply.values |= {
            "when": Moments(district.zone),
            "user": user,
            "address": person_address(user.key),
            "schools": sorted(names.values()) or list(user.school_ids),
            "activation": activation,
            "link": link,
            "facts": self._services.audit.of_user(user.key),
            "trail": self._services.trail.about(user.district_id, user.key.person_id),
            "may_mail": not (link and link.is_linked) and not why_no_mail(person, now),
            "may_withdraw": may_withdraw(activation),
            "may_undo": _may_undo(link, now),
            "problem": problem,
            "typed": typed,
            "done": done,
            "corrected": activation if activation and activation.is_corrected_for(user.official_email) else None,
            "may_correct": why_not_mailed(user, link=link) in (None, NotMailed.NO_ADDRESS, NotMailed.SHARED_ADDRESS)
            and not (activation and (activation.used_at or activation.state is ActivationState.SENDING)),
            "domains": district.login_domains,
        }
        return reply


def _row(user: RosterUser, code: str = "", since: str = "") -> RowShown:
    return RowShown(
        person_address(user.key), user.display_name, user.sourced_id, user.kind, user.role.value, code, since[:10]
    )


def _comes_after(stuck: Stuck, person_id: str) -> bool:
    """In the order of the table, which compares bytes."""
    return stuck.user.person_id.encode() > person_id.encode()


def _part_of(person_id: str) -> str:
    return base64.urlsafe_b64encode(person_id.encode()).decode().rstrip("=")


def _number_in(part: str) -> str:
    """The ``person_id`` in a part of an address that ``_part_of`` made; empty for anything else."""
    try:
        found = base64.urlsafe_b64decode(part[:_LONGEST_PART] + "=" * (-len(part[:_LONGEST_PART]) % 4)).decode()
    except ValueError:
        return ""
    return found if is_an_id(found) else ""


def _may_undo(link: Link | None, now: str) -> bool:
    return link is not None and link.is_linked and link.may_be_undone(now)
