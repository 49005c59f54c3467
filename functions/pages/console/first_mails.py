"""A district's first mails: what comes, when, and what to do before; and the first wave, which its contacts choose and let go (M8).

Each action is in the trail with who and why, written with what it changes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.activation import ActivationState
from shared.domain.clock import to_iso
from shared.domain.email_address import normalise
from shared.domain.errors import RefusedTransition, Throttled
from shared.domain.first_wave import MOST_UNOPENED, FirstWave, Standing, WaveMember, holds_back, standing_of
from shared.domain.roster import NumberKind, Role, RosterUserKey
from shared.mail import messages
from shared.runtime.first_mail_words import Facts, facts_of, to_it, to_teachers
from shared.runtime.i18n import own_name
from shared.runtime.languages import language_for, languages
from shared.stores.keys import is_an_id
from shared.stores.table import Put
from shared.stores.trail import trail_item

MOST_CHOSEN = 200
MOST_AGAIN = 50
"""People who are mailed again by one press."""
_COUNTED = 1_000
"""Members of a first wave up to which the page says what became of each."""
_LONGEST_REASON = 500
_AGAIN_AFTER = timedelta(days=1)
_CHOSEN = "Chosen on the console"
_KINDS = ("", *NumberKind)
_SAMPLE = {"name": "Alex Rivera", "code": "CDFG-2345"}


@dataclass(frozen=True, slots=True)
class WaveShown:
    """The first wave as it stands. The counts are empty where it is too large to be counted on a page."""

    size: int
    state: FirstWave
    waits: bool
    """Whether the rest wait for it."""
    counts: Counter[Standing]
    may_mail_again: bool

    @property
    def members(self) -> int:
        return self.counts.total() - self.counts[Standing.LEFT]


class FirstMailsPage:
    """For who has the whole district."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of_whole(request, district_id)
        return self._page(access) if isinstance(access, Access) else access

    def act(self, request: Request, district_id: str, action: str) -> Reply:
        """Choose who goes first, let the rest go, or mail the first ones again."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        actions = {"choose": self._choose, "go": self._go, "again": self._again}
        if action not in actions:
            return not_found()
        self._services.rate_limiter.hit(limits.DECISION, district_id)
        reason = request.form.get("reason", "").strip()[:_LONGEST_REASON]
        if not self._is_waiting(access):
            return self._page(access, problem="not_waiting")
        if action != "choose" and not reason:
            return self._page(access, problem="no_reason")
        problem, unknown = actions[action](access, request, reason)
        if problem:
            return self._page(access, problem=problem, unknown=unknown)
        return see_other(f"/console/{access.district_id}/first-mails?done={action}")

    # What is done

    def _go(self, access: Access, _request: Request, reason: str) -> tuple[str, list[str]]:
        now, waiting = self._services.clock(), self._services.waiting
        noted = self._noted(access, "first_mails_go", reason)
        if not waiting.first_wave.release(access.district_id, access.by, now, noted):
            return "not_waiting", []
        waiting.look_now(access.district_id, now)
        return "", []

    def _choose(self, access: Access, request: Request, reason: str) -> tuple[str, list[str]]:
        """The order of the roster, the people of a school, or these people."""
        who, school = request.form.get("who", ""), ""
        people, unknown = list[RosterUserKey](), list[str]()
        if who == "school":
            school = request.form.get("school", "").strip()
            if not is_an_id(school) or not self._services.districts.school_names(access.district_id, [school]):
                return "unknown_school", [school]
        elif who == "people":
            people, unknown = self._named(access.district_id, request.form.get("people", ""))
            if unknown or not people:
                return "unknown_people", unknown
        noted = self._noted(access, "first_mails_choose", reason or _CHOSEN)
        waiting, chosen = self._services.waiting, [each.person_id for each in people]
        if not waiting.first_wave.choose(access.district_id, school, chosen, noted):
            return "not_waiting", []
        waiting.look_now(access.district_id, self._services.clock())
        return "", []

    def _named(self, district_id: str, text: str) -> tuple[list[RosterUserKey], list[str]]:
        """The teachers whose numbers or addresses stand in these lines, and the lines that name none."""
        found: dict[RosterUserKey, None] = {}
        unknown = []
        for line in filter(None, (line.strip() for line in text.splitlines()[:MOST_CHOSEN])):
            users = self._services.users
            address = normalise(line)
            rows = users.by_email(district_id, address) if address else []
            if not rows and is_an_id(line):
                rows = list(users.get_many(RosterUserKey(district_id, line, kind) for kind in _KINDS).values())
            teachers = [row.key for row in rows if row.role is Role.TEACHER]
            found |= dict.fromkeys(teachers)
            if not teachers:
                unknown.append(line[:80])
        return list(found), unknown

    def _again(self, access: Access, _request: Request, reason: str) -> tuple[str, list[str]]:
        """Another mail to those of the first wave who did not open theirs; what became of the first one counts no more."""
        now, waiting = self._services.clock(), self._services.waiting
        wave = waiting.first_wave.of(access.district_id)
        if wave is None or not _may_mail_again(wave, to_iso(now - _AGAIN_AFTER)):
            return "not_again", []
        noted = self._noted(access, "first_mails_again", reason)
        if not waiting.first_wave.go_on_waiting(access.district_id, now, noted):
            return "not_waiting", []
        members = waiting.first_wave.members(access.district_id)
        activations = self._services.activations.of_users(each.user for each in members)
        unopened = [
            each.user
            for each in members
            if (present := activations.get(each.user))
            and present.activation_id == each.activation_id
            and not present.opened_at
            and present.state is not ActivationState.COMPLAINED
        ]
        with suppress(Throttled):
            for user in unopened[:MOST_AGAIN]:
                self._services.rate_limiter.hit(limits.INVITE_AGAIN, access.district_id)
                with suppress(RefusedTransition):
                    fresh = self._services.resend_activation.resend(user)
                    waiting.first_wave.add([WaveMember(fresh.activation_id, user)], now)
        return "", []

    def _noted(self, access: Access, action: str, reason: str) -> Put:
        at, entry_id = to_iso(self._services.clock()), self._services.new_id()
        return Put(trail_item(access.district_id, at, entry_id, action=action, by=access.by, reason=reason))

    def _is_waiting(self, access: Access) -> bool:
        district = access.district
        return district.first_wave is not None and holds_back(
            district, self._services.waiting.first_wave.of(district.district_id)
        )

    # The page

    def _page(self, access: Access, *, problem: str = "", unknown: list[str] | None = None) -> Reply:
        district, brand = access.district, self._services.brand
        language = language_for(district.locale)
        sample = messages.activation(
            brand,
            district,
            to="",
            schools=[],
            link=f"{brand.web_url}/activate/…",
            expires=None,
            activation_id="",
            subject=self._services.activation_subject,
            **_SAMPLE,
        )
        facts = facts_of(brand, self._services.sender, sample.subject, district.support_url)
        rate, _ = self._services.send_state.read()
        reply = page(
            "console/first_mails",
            status=409 if problem else 200,
            audience=district,
            district=district.name,
            access=access,
            tab="overview",
        )
        reply.values |= {
            "facts": facts,
            "begins": district.activations_from,
            "today": self._services.clock().astimezone(district.zone).date(),
            "limits": rate.limits,
            "contacts": district.contacts,
            "sample": sample.text,
            "sample_language": language,
            "letters": self._letters(facts),
            "wave": self._wave(access),
            "most_unopened": MOST_UNOPENED,
            "when": Moments(district.zone),
            "problem": problem,
            "unknown": unknown or [],
        }
        return reply

    def _letters(self, facts: Facts) -> dict[str, dict[str, str]]:
        """For whom, and by the name of each language in itself, the words."""
        return {
            "teachers": {own_name(language): to_teachers(facts, language) for language in languages()},
            "it": {own_name(language): to_it(facts, language) for language in languages()},
        }

    def _wave(self, access: Access) -> WaveShown | None:
        district = access.district
        state = self._services.waiting.first_wave.of(district.district_id) if district.first_wave else None
        if state is None or district.first_wave is None:
            return None
        members = self._services.waiting.first_wave.members(district.district_id)
        day_ago = to_iso(self._services.clock() - _AGAIN_AFTER)
        counts = self._counts(members) if len(members) <= _COUNTED else Counter()
        return WaveShown(
            district.first_wave, state, holds_back(district, state), counts, _may_mail_again(state, day_ago)
        )

    def _counts(self, members: list[WaveMember]) -> Counter[Standing]:
        users = self._services.users.get_many(each.user for each in members) if members else {}
        activations = self._services.activations.of_users(each.user for each in members) if members else {}
        return Counter(
            standing_of(each.activation_id, activations.get(each.user), users.get(each.user)) for each in members
        )


def _may_mail_again(wave: FirstWave, day_ago: str) -> bool:
    """Once a day, after a stop: addresses have few mails a day."""
    return wave.stopped_at is not None and (wave.again_at is None or wave.again_at <= day_ago)
