"""Activations: the record that makes the mail go out once (B5). Every transition is one conditional write, here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.activation import SETTLED_WITHIN, UNTOLD, Activation, ActivationState
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.counted_items import STANDS_AS
from shared.stores.due_items import FOLLOW_UP, UNSETTLED, due_item
from shared.stores.keys import (
    Item,
    Key,
    activation_key,
    activation_pointer_key,
    due_key,
    ids_of,
    stuck_key,
    user_of,
    user_of_pk,
)
from shared.stores.stuck_people import StuckCode, stuck_item
from shared.stores.table import ABSENT, PRESENT, Delete, DynamoTable, Put, Table, Update, Write
from shared.stores.waiting import waiting_item

_PRESENT_ONE = "activation_id = :id"
"""The activation is still the person's present one."""
_UNUSED = "attribute_not_exists(used_at)"
_STUCK = {ActivationState.BOUNCED: StuckCode.BOUNCED, ActivationState.COMPLAINED: StuckCode.COMPLAINED}
_FORWARD_FROM = {
    ActivationState.SENT: (ActivationState.SENDING,),
    ActivationState.DELIVERED: (ActivationState.SENDING, ActivationState.SENT),
    ActivationState.BOUNCED: (ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED),
    ActivationState.COMPLAINED: (ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED),
}
"""From which states feedback leads into each state."""


_TO_CALL_BACK = (
    ActivationState.PENDING,
    ActivationState.SENT,
    ActivationState.DELIVERED,
    ActivationState.BOUNCED,
    ActivationState.EXPIRED,
)
"""The states of a mail that a person may withdraw: its link works, or may work again on a return."""


class ActivationStore:
    """The only writer of activations, but for the link that uses one up (``shared.stores.links``)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of_user(self, user: RosterUserKey) -> Activation | None:
        item = self._table.get(activation_key(user))
        return activation_of(item) if item else None

    def by_id(self, activation_id: str) -> Activation | None:
        """The activation that an address of a mail names, as long as it is the person's present one."""
        pointer = self._table.get(activation_pointer_key(activation_id), consistent=False)
        if not pointer:
            return None
        activation = self.of_user(user_of(pointer))
        return activation if activation and activation.activation_id == activation_id else None

    def of_users(self, users: Iterable[RosterUserKey]) -> dict[RosterUserKey, Activation]:
        found = map(activation_of, self._table.batch_get(map(activation_key, users)).values())
        return {activation.user: activation for activation in found}

    def create_pending(self, activation: Activation, *, waits: bool = False) -> bool:
        """A new activation; it may wait for its district. False when the person has one already (M8)."""
        # One by one, since a transaction costs twice as much. A pointer to what is not there leads nowhere. Who is to wait is
        # noted once there is what waits: a look before that would forget it, and whoever is cut here comes again.
        self._table.write(Put(_pointer(activation)))
        if not self._table.attempt(Put(_item(activation)).when(ABSENT)):
            self._table.write(Delete(activation_pointer_key(activation.activation_id)))
            return False
        for waiting in _waiting(activation, waits=waits):
            self._table.write(waiting)
        return True

    def renew(
        self,
        activation: Activation,
        activation_id: str,
        address: str,
        *,
        now: datetime,
        valid_for: timedelta,
        also: Iterable[Write] = (),
    ) -> Activation:
        """A person asked for a mail to this address: begin anew, and what was sent before leads nowhere any more.

        ``also`` is written in the same transaction. Raises RefusedTransition ``not_renewable`` while the mail is waiting or under
        way, when the activation was used, or withdrawn unsent by rule, when it has changed in the meantime, or when a condition
        of ``also`` does not hold.
        """
        was_not_needed = activation.state is ActivationState.WITHDRAWN and not activation.sent_at
        if was_not_needed and not activation.is_called_back:
            raise _not_renewable()
        return self._begin_anew(
            activation, activation_id, address, now=now, valid_for=valid_for, is_asked_for=True, also=also,
            is_corrected=activation.instead_of is not None and address == activation.official_email,
        )  # fmt: skip

    def invite_again(
        self,
        activation: Activation,
        activation_id: str,
        address: str,
        *,
        now: datetime,
        valid_for: timedelta,
        waits: bool,
        import_id: str | None = None,
    ) -> Activation:
        """As ``renew``, because of what changed, also for one that was withdrawn unsent; it may wait for its district (M8)."""
        invited = replace(activation, import_id=import_id)
        return self._begin_anew(invited, activation_id, address, now=now, valid_for=valid_for, waits=waits)

    def _begin_anew(
        self,
        activation: Activation,
        activation_id: str,
        address: str,
        *,
        now: datetime,
        valid_for: timedelta,
        waits: bool = False,
        is_asked_for: bool = False,
        is_corrected: bool = False,
        also: Iterable[Write] = (),
    ) -> Activation:
        under_way = activation.state is ActivationState.SENDING and (activation.lease_until or "") > to_iso(now)
        if activation.used_at or under_way or activation.state is ActivationState.PENDING:
            raise _not_renewable()
        fresh = Activation(
            activation_id,
            activation.user,
            address,
            token_version=activation.token_version + 1,
            created_at=to_iso(now),
            expires_at=to_iso(now + valid_for),
            is_asked_for=is_asked_for,
            import_id=activation.import_id,
            stands_as=activation.stands_as,
            instead_of=activation.instead_of if is_corrected else None,
            stuck_before=activation.stuck_before if is_corrected else "",
        )
        self._table.write(
            Put(_item(fresh)).when(_PRESENT_ONE, id=activation.activation_id).when(_UNUSED),
            Put(_pointer(fresh)),
            Delete(stuck_key(activation.user)),
            *_waiting(fresh, waits=waits),
            *also,
            otherwise=_not_renewable(),
        )
        return fresh

    def put_in_place(self, present: Activation | None, fresh: Activation, *also: Write) -> bool:
        """Let an activation be the person's in place of the present one, whose link leads nowhere any more; ``also`` is written in
        the same transaction. False where the present one was used or has changed meanwhile, or a condition does not hold."""
        put = Put(_item(fresh))
        if present is None:
            put = put.when(ABSENT)
        else:
            put = put.when(_PRESENT_ONE, id=present.activation_id).when(_UNUSED)
            put = put.when("#state = :before", before=present.state.value)
        return self._table.attempt(put, Put(_pointer(fresh)), *also)

    def change_address(self, activation: Activation, address: str) -> None:
        """A teacher's official address changed before the mail went out: it goes to the new one."""
        update = _update(activation).set(email=address, instead_of=None, stuck_before=None)
        self._step(activation, ActivationState.PENDING, update)

    def readdress(self, activation: Activation, address: str) -> bool:
        """Let an activation go on at its person's address in another domain: the link in a mail that is out goes on working
        (B11). False where it was changed in the meantime."""
        update = _update(activation).set(email=address)
        if activation.state is not ActivationState.PENDING:
            update = update.set_first(signed_email=activation.official_email)
        is_as_read = update.when(_PRESENT_ONE, id=activation.activation_id)
        return self._table.attempt(is_as_read.when("#state = :state", state=activation.state.value))

    def claim(self, activation: Activation, *, now: datetime, lease: timedelta) -> Activation:
        """Claim the activation for one send, and note until when its link works, and when SES' word about the mail is due.

        Return it with the latter. Raises RefusedTransition when somebody else has it, or had it.
        """
        settle_by = now + SETTLED_WITHIN
        update = _update(activation).set(
            state=ActivationState.SENDING.value,
            lease_until=to_iso(now + lease),
            expires_at=activation.expires_at,
            settle_by=to_iso(settle_by),
        )
        # Before the claim, and by itself: a look too many finds nothing, and two writes cost half of what a transaction does.
        due = due_item(UNSETTLED, activation.user, settle_by, activation_id=activation.activation_id)
        self._table.write(Put(due))
        self._step(activation, ActivationState.PENDING, update.add(attempts=1))
        return replace(activation, settle_by=to_iso(settle_by))

    def release(self, activation: Activation) -> None:
        """The service refused the mail before it accepted anything: it may be tried again. ``activation`` is as ``claim``
        returned it."""
        update = _update(activation).set(state=ActivationState.PENDING.value, lease_until=None, settle_by=None)
        self._step(activation, ActivationState.SENDING, update, *_settled(activation))

    def mark_sent(
        self, activation: Activation, message_id: str, *, now: datetime, follow_up_at: datetime | None = None
    ) -> None:
        """The service accepted the mail. A feedback event may have been faster: then the state stays."""
        update = _update(activation).set(
            state=ActivationState.SENT.value, message_id=message_id, sent_at=to_iso(now), lease_until=None
        )
        try:
            self._step(activation, ActivationState.SENDING, *_with_follow_up(activation, update, follow_up_at))
        except RefusedTransition:
            present = self.of_user(activation.user)
            if present is None or present.state in (ActivationState.PENDING, ActivationState.WITHDRAWN):
                raise

    def mark_feedback(
        self,
        activation: Activation,
        state: ActivationState,
        message_id: str,
        *,
        now: datetime,
        follow_up_at: datetime | None = None,
    ) -> bool:
        """Note what a feedback event reports; the state only ever moves forward. False when it reported nothing new.

        ``follow_up_at`` counts where the event is the first that is heard of the mail: SES' own reply was lost.
        Whoever cannot be reached is noted as stuck; whoever was stuck because nobody knew of the mail is so no more.
        """
        self._forget_unsettled(activation, state, now)
        update = (
            _update(activation)
            .set(state=state.value, lease_until=None)
            .set_first(message_id=message_id, sent_at=to_iso(now))
        )
        if state in _STUCK:
            stuck = stuck_item(activation.user, _STUCK[state], to_iso(now))
            return self._forward(activation, _FORWARD_FROM[state], update, Put(stuck), *_settled(activation))
        is_new = self._note_arrived(activation, state, update, follow_up_at)
        if state is ActivationState.DELIVERED and (settled := _settled(activation)):
            self._table.write(*settled)
        return is_new

    def _note_arrived(
        self, activation: Activation, state: ActivationState, update: Update, follow_up_at: datetime | None
    ) -> bool:
        if follow_up_at and self._forward(
            activation, (ActivationState.SENDING,), *_with_follow_up(activation, update, follow_up_at)
        ):
            return True
        return self._forward(activation, _FORWARD_FROM[state], update)

    def _forget_unsettled(self, activation: Activation, state: ActivationState, now: datetime) -> None:
        """Before a late word is noted: should this be all that gets done, the word comes again."""
        lease_is_over = activation.state is ActivationState.SENDING and (activation.lease_until or "") <= to_iso(now)
        if activation.trouble == UNTOLD or lease_is_over:
            told = [StuckCode.UNANSWERED] if state is ActivationState.SENT else [StuckCode.UNANSWERED, StuckCode.UNTOLD]
            for code in told:
                self._table.attempt(Delete(stuck_key(activation.user)).when("code = :code", code=code.value))

    def note_unsettled(self, activation: Activation, due: Key, *, now: datetime) -> bool:
        """SES' word about a mail did not come in time: its person is stuck, and nothing is sent. ``due`` is the item that made
        this due. False where it was changed in the meantime."""
        code = StuckCode.UNANSWERED if activation.state is ActivationState.SENDING else StuckCode.UNTOLD
        is_as_read = _unless_used(activation, _update(activation).set(trouble=UNTOLD)).when(
            "#state = :state", state=activation.state.value
        )
        return self._table.attempt(is_as_read, Put(stuck_item(activation.user, code, to_iso(now))), Delete(due))

    def _forward(
        self, activation: Activation, before: tuple[ActivationState, ...], update: Update, *more: Write
    ) -> bool:
        """False when a later event was faster."""
        states = {f"from{i}": state.value for i, state in enumerate(before)}
        is_before = f"#state IN ({', '.join(f':{name}' for name in states)})"
        return self._table.attempt(
            update.when(_PRESENT_ONE, id=activation.activation_id).when(is_before, **states), *more
        )

    def note_trouble(self, activation: Activation, trouble: str, *, now: datetime, stuck: StuckCode | None) -> bool:
        """What SES reports of a mail that is out and in trouble; with ``stuck``, of a person who has to be looked at."""
        more = [Put(stuck_item(activation.user, stuck, to_iso(now)))] if stuck else []
        return self._table.attempt(_unless_used(activation, _update(activation).set(trouble=trouble)), *more)

    def note_seen(self, activation: Activation, fact: str, seen_at: str) -> bool:
        """That the mail was opened, or its link clicked (``mail_opened_at``, ``mail_clicked_at``); the first time counts.

        Mail programs and scanners open mails, too: nothing is decided by it.
        """
        update = _unless_used(activation, _update(activation).set(**{fact: seen_at}))
        return self._table.attempt(update.when(f"attribute_not_exists(#{fact})"))

    def follow_up(
        self,
        activation: Activation,
        due_at: str,
        next_at: datetime | None,
        *,
        reminded: bool = False,
        under_way: bool = False,
    ) -> bool:
        """After a follow-up was due: when the next one is, None for never. False when somebody else has dealt with it.

        ``reminded`` counts a reminder as sent: from the first one on, whoever has opened nothing is stuck. ``under_way`` takes it
        for one send, whose lease ends at ``next_at``.
        """
        update = _update(activation).set(
            follow_up_at=to_iso(next_at) if next_at else None, follow_up_under_way=under_way or None
        )
        if reminded:
            update = update.add(reminders=1)
        more = [Put(due_item(FOLLOW_UP, activation.user, next_at))] if next_at else []
        is_first = reminded and activation.reminders == 0
        if is_first and not (activation.opened_at or activation.trouble):
            more.append(Put(stuck_item(activation.user, StuckCode.NEVER_OPENED, due_at)))
        return self._settle(activation, due_at, update, *more)

    def expire(self, activation: Activation, due_at: str, *, now: datetime) -> bool:
        """Its time is over, and nobody used it: from now on its person is stuck. False when it was dealt with already."""
        update = _update(activation).set(
            state=ActivationState.EXPIRED.value, follow_up_at=None, follow_up_under_way=None
        )
        return self._settle(
            activation, due_at, update, Put(stuck_item(activation.user, StuckCode.EXPIRED, to_iso(now)))
        )

    def _settle(self, activation: Activation, due_at: str, update: Update, *more: Write) -> bool:
        """False when somebody else has dealt with this follow-up."""
        is_due = update.when(_PRESENT_ONE, id=activation.activation_id).when("follow_up_at = :due", due=due_at)
        return self._table.attempt(is_due.when(_UNUSED), Delete(due_key(FOLLOW_UP, activation.user, due_at)), *more)

    def stop_reminders(self, activation: Activation) -> None:
        """No reminder any more: one click is enough (RFC 8058). The link in the mail goes on working."""
        self._table.write(_update(activation).set(reminders_stopped=True).when(PRESENT))

    def discard(self, activation: Activation) -> bool:
        """Forget a used activation of somebody whose number is another person's now (M19): that one is mailed anew."""
        return self._table.attempt(
            Delete(activation_key(activation.user)).when("activation_id = :id", id=activation.activation_id)
        )

    def withdraw(self, activation: Activation) -> bool:
        """A mail that is not needed any more. False when it was under way already."""
        try:
            self._step(
                activation, ActivationState.PENDING, _update(activation).set(state=ActivationState.WITHDRAWN.value)
            )
        except RefusedTransition:
            return False
        return True

    def call_back(self, activation: Activation, *also: Write) -> bool:
        """A person wants the link of this mail to lead nowhere any more; ``also`` is written in the same transaction. False when
        it was used, has changed meanwhile, or a condition of ``also`` does not hold."""
        if activation.used_at or activation.state not in _TO_CALL_BACK:
            return False
        update = _update(activation).set(state=ActivationState.WITHDRAWN.value, follow_up_at=None, is_called_back=True)
        is_as_read = update.when(_PRESENT_ONE, id=activation.activation_id).when(_UNUSED)
        return self._table.attempt(is_as_read.when("#state = :before", before=activation.state.value), *also)

    def mark_opened(self, user: RosterUserKey, activation_id: str, opened_at: str) -> bool:
        """The first button of its mail was pressed, by somebody who then logged in; the first time counts."""
        update = Update(activation_key(user)).set(opened_at=opened_at).when("attribute_not_exists(opened_at)")
        return self._table.attempt(update.when(_PRESENT_ONE, id=activation_id))

    def _step(self, activation: Activation, before: ActivationState, update: Update, *more: Write) -> None:
        self._table.write(
            update.when(_PRESENT_ONE, id=activation.activation_id).when("#state = :before", before=before.value),
            *more,
            otherwise=RefusedTransition(
                f"activation_not_{before.value}", f"This activation is not {before.value} any more."
            ),
        )


def _update(activation: Activation) -> Update:
    return Update(activation_key(activation.user))


def _unless_used(activation: Activation, update: Update) -> Update:
    return update.when(_PRESENT_ONE, id=activation.activation_id).when(_UNUSED)


def _settled(activation: Activation) -> list[Delete]:
    """What became of its mail is known: it is not looked at any more."""
    return [Delete(due_key(UNSETTLED, activation.user, activation.settle_by))] if activation.settle_by else []


def _with_follow_up(
    activation: Activation, update: Update, follow_up_at: datetime | None
) -> tuple[Update, *tuple[Put, ...]]:
    """An update after which the mail is looked at again, and the item that makes that due."""
    if follow_up_at is None:
        return (update,)
    due = due_item(FOLLOW_UP, activation.user, follow_up_at)
    return update.set(follow_up_at=to_iso(follow_up_at)), Put(due)


def _pointer(activation: Activation) -> Item:
    """Finds the person whose activation an address names."""
    return {
        **activation_pointer_key(activation.activation_id),
        **ids_of(activation.user),
    }


def _waiting(activation: Activation, *, waits: bool) -> list[Put]:
    """That an activation waits for its district, if it does."""
    return [Put(waiting_item(activation.user, activation.activation_id))] if waits else []


def _not_renewable() -> RefusedTransition:
    return RefusedTransition(
        "not_renewable", "This activation waits for its mail, was used or withdrawn, or has just changed."
    )


def _item(a: Activation) -> Item:
    return {
        **activation_key(a.user),
        "activation_id": a.activation_id,
        "email": a.official_email,
        "state": a.state.value,
        "token_version": a.token_version,
        "attempts": a.attempts,
        "message_id": a.message_id,
        "created_at": a.created_at,
        "lease_until": a.lease_until,
        "sent_at": a.sent_at,
        "expires_at": a.expires_at,
        "opened_at": a.opened_at,
        "used_at": a.used_at,
        "follow_up_at": a.follow_up_at,
        "reminders": a.reminders or None,
        "signed_number": a.signed_number,
        "signed_kind": a.signed_kind or None,
        "signed_email": a.signed_email,
        "from_before_kinds": a.from_before_kinds or None,
        "is_asked_for": a.is_asked_for or None,
        "is_called_back": a.is_called_back or None,
        "instead_of": a.instead_of,
        "stuck_before": a.stuck_before or None,
        "settle_by": a.settle_by,
        "import_id": a.import_id,
        STANDS_AS: a.stands_as or None,
    }


def activation_of(item: Item) -> Activation:
    return Activation(
        item["activation_id"],
        user_of_pk(item["PK"]),
        item["email"],
        ActivationState(item["state"]),
        int(item["token_version"]),
        int(item.get("attempts", 0)),
        item.get("message_id"),
        item.get("created_at"),
        item.get("lease_until"),
        item.get("sent_at"),
        item.get("expires_at"),
        item.get("opened_at"),
        item.get("used_at"),
        item.get("follow_up_at"),
        follow_up_under_way=bool(item.get("follow_up_under_way")),
        reminders=int(item.get("reminders", 0)),
        reminders_stopped=bool(item.get("reminders_stopped")),
        trouble=item.get("trouble"),
        signed_number=item.get("signed_number"),
        signed_kind=item.get("signed_kind", ""),
        signed_email=item.get("signed_email"),
        from_before_kinds=bool(item.get("from_before_kinds")),
        is_asked_for=bool(item.get("is_asked_for")),
        is_called_back=bool(item.get("is_called_back")),
        instead_of=item.get("instead_of"),
        stuck_before=item.get("stuck_before", ""),
        settle_by=item.get("settle_by"),
        import_id=item.get("import_id"),
        stands_as=item.get(STANDS_AS, ""),
    )
