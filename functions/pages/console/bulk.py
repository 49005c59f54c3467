"""The console's actions for many people at once: first a page that counts, then done, then undone where somebody wants (B7)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.addresses import person_of_part
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.activation import Activation, ActivationState, may_be_mailed
from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.runtime.parallel import each
from shared.stores.bulk_orders import MOST, BulkAction, BulkOrder, Stage
from shared.stores.request_context import Person
from shared.stores.table import Write

_AT_ONCE = 8
_READ_TOGETHER = 33
"""People whose three items are read with one request."""
_ASKED, _UNDONE = "Asked for on the console", "Undone on the console"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_GOES_ON_FOR = timedelta(minutes=30)
_CHOSEN = "who-"
"""Begins the names of the boxes by which people are chosen; their values name a person each (``person_part``)."""
WORKING = (ActivationState.PENDING, ActivationState.SENT, ActivationState.DELIVERED)
"""States in which the link of a mail works, or is about to."""


class BulkPages:
    """Whoever has single schools alone acts for their people alone."""

    def __init__(self, services: Services, contexts: RequestContexts, *, at_once: int = _AT_ONCE) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)
        self._at_once = at_once

    def order(self, request: Request, district_id: str, action: str) -> Reply:
        """Note what is wanted for those who were chosen, and show what it comes to; nothing is done yet."""
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        if action not in set(BulkAction):
            return not_found()
        self._services.rate_limiter.hit(limits.CONSOLE_SEARCH, district_id)
        chosen = self._chosen(access, request)
        if not chosen:
            return see_other(f"/console/{district_id}/people?none=1")
        may, left_out = self._sorted_out(access, BulkAction(action), chosen)
        order = BulkOrder(district_id, self._services.new_id(), BulkAction(action), access.by, tuple(may), left_out)
        self._services.bulk_orders.put(order, self._services.clock())
        return see_other(f"/console/{district_id}/bulk/{order.order_id}")

    def show(self, request: Request, district_id: str, order_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        order = self._order(access, order_id)
        return self._page(access, order) if order else not_found()

    def act(self, request: Request, district_id: str, order_id: str, what: str) -> Reply:
        """Do what was shown, or undo it. What was cut short goes on where it was."""
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        order = self._order(access, order_id)
        if order is None or what not in ("do", "undo"):
            return not_found()
        if what == "do" and order.stage in (Stage.SHOWN, Stage.BEGUN):
            self._do(access, self._services.bulk_orders.begin(order, self._services.clock(), undoing=False))
        elif what == "undo" and order.stage in (Stage.DONE, Stage.UNDOING):
            self._undo(access, self._services.bulk_orders.begin(order, self._services.clock(), undoing=True))
        return see_other(f"/console/{district_id}/bulk/{order_id}")

    # Who is chosen, and for whom it can be done

    def _chosen(self, access: Access, request: Request) -> list[RosterUserKey]:
        """Those who were ticked, or everybody on the list; ``MOST`` at most."""
        district_id = access.district_id
        if request.form.get("all") and access.is_whole:
            asked = request.form.get("stuck", "")
            found = self._services.stuck.window(district_id).people
            return [each.user for each in found if not asked or each.code == asked][:MOST]
        parts = [value for name, value in request.form.items() if name.startswith(_CHOSEN)]
        keys = [key for part in parts if (key := person_of_part(district_id, part))]
        return list(dict.fromkeys(keys))[:MOST]

    def _sorted_out(
        self, access: Access, action: BulkAction, chosen: Sequence[RosterUserKey]
    ) -> tuple[list[str], dict[str, int]]:
        """For whom it can be done, and for how many it cannot, by why. Whoever is not shown to who asks is nobody."""
        may: list[str] = []
        left_out: Counter[str] = Counter()
        for key, person in self._people(chosen):
            if person.user is None or not access.sees(person.user.school_ids):
                left_out["unknown"] += 1
            elif why_not := _why_not(action, person, to_iso(self._services.clock())):
                left_out[why_not] += 1
            else:
                may.append(key.person_id)
        return may, dict(left_out)

    def _people(self, keys: Sequence[RosterUserKey]) -> Iterable[tuple[RosterUserKey, Person]]:
        starts = range(0, len(keys), _READ_TOGETHER)
        for start in starts:
            some = keys[start : start + _READ_TOGETHER]
            found = self._services.request_contexts.people(some)
            yield from ((key, found.get(key, Person())) for key in some)

    # Doing and undoing

    def _do(self, access: Access, order: BulkOrder) -> None:
        orders = self._services.bulk_orders
        before = orders.entered(order)
        due = self._still_shown(access, (key for key in orders.people(order) if key.person_id not in before))
        now_due = [] if self._is_late(order.begun_at) else due
        if order.action is BulkAction.MAIL:
            now_due = self._within_limit(order, now_due)
            self._ask_again(order, before)
        step = self._mail if order.action is BulkAction.MAIL else self._withdraw
        self._each(step, order, now_due)
        done = orders.entered(order)
        activations = self._services.activations.of_users(self._keys(order, done))
        acted = {key.person_id: activation.activation_id for key, activation in activations.items()}
        left_out = {
            **order.left_out,
            "late" if self._is_late(order.begun_at) else "limit": sum(
                key.person_id not in done for key in due[len(now_due) :]
            ),
            "changed": sum(key.person_id not in done for key in now_due),
        }
        orders.end(order, acted, {why: number for why, number in left_out.items() if number})

    def _undo(self, access: Access, order: BulkOrder) -> None:
        """Withdraw the mails that the order had sent again, or send again, within the day's limit, those that it withdrew;
        nothing where somebody else did something since."""
        orders = self._services.bulk_orders
        before = orders.entered(order, undoing=True)
        due = self._still_shown(access, self._keys(order, (one for one in order.done if one not in before)))
        present = self._services.activations.of_users(due)
        due = [key for key in due if key in present and present[key].activation_id == order.done[key.person_id]]
        due = [] if self._is_late(order.undoing_at) else due
        if order.action is BulkAction.WITHDRAW:
            due = self._within_limit(order, [key for key in due if present[key].is_called_back])
            self._ask_again(order, before)
        step: Callable[..., None] = self._withdraw if order.action is BulkAction.MAIL else self._mail
        self._each(partial(step, undoing=True), order, due)
        orders.end_undoing(order, len(orders.entered(order, undoing=True)))

    def _is_late(self, begun_at: str) -> bool:
        """Whether it was begun too long ago to go on: entries of the trail have the moment at which it was."""
        return self._services.clock() > from_iso(begun_at) + _GOES_ON_FOR

    def _each(self, step: Callable[..., None], order: BulkOrder, keys: Iterable[RosterUserKey]) -> None:
        for _ in each(lambda key: step(order, key), keys, at_once=self._at_once):
            pass

    def _keys(self, order: BulkOrder, person_ids: Iterable[str]) -> list[RosterUserKey]:
        return [RosterUserKey.of_person_id(order.district_id, person_id) for person_id in person_ids]

    def _still_shown(self, access: Access, keys: Iterable[RosterUserKey]) -> list[RosterUserKey]:
        """Those who are at a school of who is here; its people may be others since the order was shown."""
        listed = list(keys)
        if access.is_whole or not listed:
            return listed
        users = self._services.users.get_many(listed)
        return [key for key in listed if key in users and access.sees(users[key].school_ids)]

    def _within_limit(self, order: BulkOrder, keys: list[RosterUserKey]) -> list[RosterUserKey]:
        """As many of them as the district may have mailed again today."""
        if not keys:
            return []
        return keys[: self._services.rate_limiter.take(limits.INVITE_AGAIN, order.district_id, len(keys))]

    def _ask_again(self, order: BulkOrder, person_ids: Iterable[str]) -> None:
        """For whom a mail was made ready, and maybe not asked for: the request may have been cut in between."""
        for activation in self._services.activations.of_users(self._keys(order, person_ids)).values():
            if activation.state is ActivationState.PENDING:
                self._services.resend_activation.ask_for(activation)

    def _mail(self, order: BulkOrder, key: RosterUserKey, *, undoing: bool = False) -> None:
        """Send somebody another mail, unless that was done, or cannot be any more."""
        with suppress(RefusedTransition):
            self._services.resend_activation.resend(key, self._entry(order, key, undoing=undoing))

    def _withdraw(self, order: BulkOrder, key: RosterUserKey, *, undoing: bool = False) -> None:
        if present := self._services.activations.of_user(key):
            self._services.activations.call_back(present, self._entry(order, key, undoing=undoing))

    def _entry(self, order: BulkOrder, key: RosterUserKey, *, undoing: bool) -> Write:
        reason = _UNDONE if undoing else _ASKED
        return self._services.bulk_orders.entry(order, key.person_id, reason, undoing=undoing)

    # The page

    def _order(self, access: Access, order_id: str) -> BulkOrder | None:
        """An order of who is here; of the district's to who has the whole of it."""
        order = self._services.bulk_orders.of(access.district_id, order_id) if _ID.fullmatch(order_id) else None
        return order if order and (access.is_whole or order.by == access.by) else None

    def _page(self, access: Access, order: BulkOrder) -> Reply:
        district = access.district
        reply = page("console/bulk", audience=district, district=district.name, access=access, tab="people")
        reply.values |= {"when": Moments(district.zone), "order": order, "most_a_day": limits.INVITE_AGAIN.most}
        return reply


def _why_not(action: BulkAction, person: Person, now: str) -> str:
    """Why an action cannot be done for somebody, as a code; empty where it can."""
    activation = person.activation
    if (person.link and person.link.is_linked) or (activation and activation.used_at):
        return "linked"
    if action is BulkAction.WITHDRAW:
        return "" if may_withdraw(activation) else "nothing_to_withdraw"
    return why_no_mail(person, now)


def why_no_mail(person: Person, now: str) -> str:
    """Why somebody who is not linked cannot be sent another mail, as a code; empty where they can."""
    activation = person.activation
    address = person.user.official_email if person.user else None
    if activation is None or not (may_be_mailed(person.user) or activation.is_corrected_for(address)):
        return "no_mail"
    if activation.used_at:
        return "linked"
    if activation.state is ActivationState.COMPLAINED:
        return "complained"
    is_under_way = activation.state is ActivationState.SENDING and (activation.lease_until or "") > now
    if activation.state is ActivationState.PENDING or is_under_way:
        return "waiting"
    was_not_needed = activation.state is ActivationState.WITHDRAWN and not activation.sent_at
    return "no_mail" if was_not_needed and not activation.is_called_back else ""


def may_withdraw(activation: Activation | None) -> bool:
    """Whether there is a mail whose link works, or is about to."""
    return activation is not None and activation.used_at is None and activation.state in WORKING
