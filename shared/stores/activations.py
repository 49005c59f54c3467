"""Activations: the ledger that makes the mail go out once (B5). Every transition is one conditional write, here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import to_iso
from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.due import ACTIVATION, FOLLOW_UP, due_item, due_key
from shared.stores.keys import Item, Key, user_of_pk, user_pk
from shared.stores.stuck import StuckCode, stuck_item, stuck_key
from shared.stores.table import conflicts, without_none


class ActivationStore:
    """The only writer of activations, but for the link that uses one up (``shared.stores.links``)."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def of_user(self, user: RosterUserKey) -> Activation | None:
        item = self._table.get_item(Key=activation_key(user), ConsistentRead=True).get("Item")
        return activation_of(item) if item else None

    def by_id(self, activation_id: str) -> Activation | None:
        """The activation that an address of a mail names, as long as it is the person's present one."""
        pointer = self._table.get_item(Key={"PK": f"ACTIVATION#{activation_id}", "SK": "POINTER"}).get("Item")
        if not pointer:
            return None
        activation = self.of_user(RosterUserKey(pointer["district_id"], pointer["sourced_id"]))
        return activation if activation and activation.activation_id == activation_id else None

    def create_pending(self, activation: Activation, *, due_at: datetime | None = None) -> bool:
        """A new activation; with ``due_at`` it waits for that moment. False when the person has one already (M8)."""
        name = self._table.name
        writes: list[dict[str, Any]] = [
            {"Put": {"TableName": name, "Item": _item(activation), "ConditionExpression": "attribute_not_exists(PK)"}},
            {"Put": {"TableName": name, "Item": _pointer(activation)}},
        ]
        if due_at:
            writes.append({"Put": self._into(_waiting(activation, due_at))})
        try:
            with conflicts("activation_exists", "This person has an activation already."):
                self._table.meta.client.transact_write_items(TransactItems=writes)
        except Conflict:
            return False
        return True

    def renew(
        self, activation: Activation, activation_id: str, address: str, *, now: datetime, valid_for: timedelta
    ) -> Activation:
        """Begin anew with a mail to this address: what was sent before leads nowhere any more.

        Raises RefusedTransition ``not_renewable`` while the mail is waiting or under way, when the activation was used or
        withdrawn, or when it has changed in the meantime.
        """
        if activation.state is ActivationState.WITHDRAWN:
            raise _not_renewable()
        return self._begin_anew(activation, activation_id, address, now=now, valid_for=valid_for)

    def invite_again(
        self,
        activation: Activation,
        activation_id: str,
        address: str,
        *,
        now: datetime,
        valid_for: timedelta,
        due_at: datetime | None,
    ) -> Activation:
        """As ``renew``, also for one that was withdrawn unsent; with ``due_at`` it waits for that moment (M8)."""
        return self._begin_anew(
            activation, activation_id, address, now=max(now, due_at or now), valid_for=valid_for, due_at=due_at
        )

    def _begin_anew(
        self,
        activation: Activation,
        activation_id: str,
        address: str,
        *,
        now: datetime,
        valid_for: timedelta,
        due_at: datetime | None = None,
    ) -> Activation:
        under_way = activation.state is ActivationState.SENDING and (activation.lease_until or "") > to_iso(now)
        if activation.used_at or under_way or activation.state is ActivationState.PENDING:
            raise _not_renewable()
        name = self._table.name
        fresh = Activation(
            activation_id,
            activation.user,
            address,
            token_version=activation.token_version + 1,
            created_at=to_iso(now),
            expires_at=to_iso(now + valid_for),
        )
        put = {
            "TableName": name,
            "Item": _item(fresh),
            "ConditionExpression": "activation_id = :id AND attribute_not_exists(used_at)",
            "ExpressionAttributeValues": {":id": activation.activation_id},
        }
        try:
            with conflicts("not_renewable", "The activation changed in the meantime."):
                self._table.meta.client.transact_write_items(
                    TransactItems=[
                        {"Put": put},
                        {"Put": self._into(_pointer(fresh))},
                        {"Delete": self._at(stuck_key(activation.user))},
                        *([{"Put": self._into(_waiting(fresh, due_at))}] if due_at else []),
                    ]
                )
        except Conflict:
            raise _not_renewable() from None
        return fresh

    def change_address(self, activation: Activation, address: str) -> None:
        """A teacher's official address changed before the mail went out: it goes to the new one."""
        self._step(activation, ActivationState.PENDING, "SET email = :email", {":email": address})

    def begin_sending(self, activation: Activation, *, now: datetime, lease: timedelta) -> None:
        """Take the activation for one send. Raises RefusedTransition when somebody else has it, or had it."""
        self._step(
            activation,
            ActivationState.PENDING,
            "SET #state = :to, lease_until = :lease, attempts = if_not_exists(attempts, :zero) + :one",
            {":to": ActivationState.SENDING.value, ":lease": to_iso(now + lease), ":zero": 0, ":one": 1},
        )

    def give_back(self, activation: Activation) -> None:
        """The service said no before it accepted anything: the mail may be tried again."""
        self._step(
            activation,
            ActivationState.SENDING,
            "SET #state = :to REMOVE lease_until",
            {":to": ActivationState.PENDING.value},
        )

    def mark_sent(
        self, activation: Activation, message_id: str, *, now: datetime, follow_up_at: datetime | None = None
    ) -> None:
        """The service accepted the mail. A feedback event may have been faster: then the state stays."""
        set_follow_up, values, put = self._follow_up(activation, follow_up_at)
        try:
            self._step(
                activation,
                ActivationState.SENDING,
                f"SET #state = :to, message_id = :message_id, sent_at = :now{set_follow_up} REMOVE lease_until",
                {":to": ActivationState.SENT.value, ":message_id": message_id, ":now": to_iso(now), **values},
                put,
            )
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
        """What a feedback event tells; the state only ever moves forward. False when it told nothing new.

        ``follow_up_at`` counts where the event is the first that is heard of the mail: SES' own answer was lost.
        Whoever cannot be reached is noted as stuck.
        """
        before = {
            ActivationState.SENT: [ActivationState.SENDING],
            ActivationState.DELIVERED: [ActivationState.SENDING, ActivationState.SENT],
            ActivationState.BOUNCED: [ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED],
            ActivationState.COMPLAINED: [ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED],
        }[state]
        if state in _STUCK:
            stuck = stuck_item(activation.user, _STUCK[state], to_iso(now))
            return self._forward(activation, state, before, message_id, now, None, [{"Put": self._into(stuck)}])
        if follow_up_at and self._forward(
            activation, state, [ActivationState.SENDING], message_id, now, follow_up_at, []
        ):
            return True
        return self._forward(activation, state, before, message_id, now, None, [])

    def _forward(
        self,
        activation: Activation,
        state: ActivationState,
        before: list[ActivationState],
        message_id: str,
        now: datetime,
        follow_up_at: datetime | None,
        more: list[dict[str, Any]],
    ) -> bool:
        names = [f":from{i}" for i in range(len(before))]
        set_follow_up, values, put = self._follow_up(activation, follow_up_at)
        update = {
            "Key": activation_key(activation.user),
            "UpdateExpression": (
                "SET #state = :to, message_id = if_not_exists(message_id, :message_id), "
                f"sent_at = if_not_exists(sent_at, :now){set_follow_up} REMOVE lease_until"
            ),
            "ConditionExpression": f"activation_id = :id AND #state IN ({', '.join(names)})",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":to": state.value,
                ":message_id": message_id,
                ":now": to_iso(now),
                ":id": activation.activation_id,
                **dict(zip(names, (s.value for s in before), strict=True)),
                **values,
            },
        }
        try:
            with conflicts("not_forward", "A later event was faster."):
                self._write(update, [*put, *more])
        except Conflict:
            return False
        return True

    def note_trouble(self, activation: Activation, trouble: str, *, now: datetime, stuck: StuckCode | None) -> bool:
        """What SES tells of a mail that is out and in trouble; with ``stuck``, of a person who has to be looked at."""
        more = [{"Put": self._into(stuck_item(activation.user, stuck, to_iso(now)))}] if stuck else []
        return self._note(activation, "trouble", trouble, more)

    def note_seen(self, activation: Activation, what: str, at: str) -> bool:
        """That the mail was opened, or its link clicked (``mail_opened_at``, ``mail_clicked_at``); the first time counts.

        Mail programs and scanners open mails, too: nothing is decided by it.
        """
        return self._note(activation, what, at, [], only_once=True)

    def _note(
        self, activation: Activation, name: str, value: str, more: list[dict[str, Any]], *, only_once: bool = False
    ) -> bool:
        update = {
            "Key": activation_key(activation.user),
            "UpdateExpression": "SET #name = :value",
            "ConditionExpression": "activation_id = :id AND attribute_not_exists(used_at)"
            + (" AND attribute_not_exists(#name)" if only_once else ""),
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":value": value, ":id": activation.activation_id},
        }
        try:
            with conflicts("nothing_new", "The activation was used or replaced, or this is known."):
                self._write(update, more)
        except Conflict:
            return False
        return True

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

        ``reminded`` counts a reminder as sent; ``under_way`` takes it for one send, whose lease ends at ``next_at``.
        """
        sets = ["follow_up_at = :next"] if next_at else []
        sets += ["follow_up_under_way = :yes"] if under_way else []
        sets += ["reminders = if_not_exists(reminders, :zero) + :one"] if reminded else []
        removals = [] if next_at else ["follow_up_at"]
        removals += [] if under_way else ["follow_up_under_way"]
        expression = f"SET {', '.join(sets)}" if sets else ""
        expression += f" REMOVE {', '.join(removals)}" if removals else ""
        values: dict[str, Any] = {":yes": True} if under_way else {}
        values |= {":zero": 0, ":one": 1} if reminded else {}
        return self._settle(activation, due_at, next_at, expression.strip(), values)

    def expire(self, activation: Activation, due_at: str, *, now: datetime) -> bool:
        """Its time is over, and nobody used it: from now on its person is stuck. False when it was dealt with already."""
        stuck = stuck_item(activation.user, StuckCode.EXPIRED, to_iso(now))
        return self._settle(
            activation,
            due_at,
            None,
            "SET #state = :expired REMOVE follow_up_at, follow_up_under_way",
            {":expired": ActivationState.EXPIRED.value},
            [{"Put": self._into(stuck)}],
        )

    def _settle(
        self,
        activation: Activation,
        due_at: str,
        next_at: datetime | None,
        expression: str,
        values: dict[str, Any],
        more: list[dict[str, Any]] | None = None,
    ) -> bool:
        update: dict[str, Any] = {
            "Key": activation_key(activation.user),
            "UpdateExpression": expression,
            "ConditionExpression": "activation_id = :id AND follow_up_at = :due AND attribute_not_exists(used_at)",
            "ExpressionAttributeValues": {":id": activation.activation_id, ":due": due_at, **values},
        }
        if "#state" in expression:
            update["ExpressionAttributeNames"] = {"#state": "state"}
        writes = [{"Delete": self._at(due_key(FOLLOW_UP, activation.user, due_at))}, *(more or [])]
        if next_at:
            update["ExpressionAttributeValues"][":next"] = to_iso(next_at)
            writes.append({"Put": self._into(due_item(FOLLOW_UP, activation.user, next_at))})
        try:
            with conflicts("followed_up", "Somebody else has dealt with this follow-up."):
                self._write(update, writes)
        except Conflict:
            return False
        return True

    def stop_reminders(self, activation: Activation) -> None:
        """No reminder any more: one click is enough (RFC 8058). The link in the mail goes on working."""
        self._table.update_item(
            Key=activation_key(activation.user),
            UpdateExpression="SET reminders_stopped = :yes",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues={":yes": True},
        )

    def withdraw(self, activation: Activation) -> bool:
        """A mail that is not needed any more. False when it was under way already."""
        try:
            self._step(
                activation, ActivationState.PENDING, "SET #state = :to", {":to": ActivationState.WITHDRAWN.value}
            )
        except RefusedTransition:
            return False
        return True

    def mark_opened(self, activation: Activation, opened_at: str) -> None:
        """The first button was pressed, by somebody who then logged in."""
        self._table.update_item(
            Key=activation_key(activation.user),
            UpdateExpression="SET opened_at = if_not_exists(opened_at, :at)",
            ExpressionAttributeValues={":at": opened_at},
        )

    def _step(
        self,
        activation: Activation,
        before: ActivationState,
        change: str,
        values: dict[str, Any],
        more: list[dict[str, Any]] | None = None,
    ) -> None:
        update = {
            "Key": activation_key(activation.user),
            "UpdateExpression": change,
            "ConditionExpression": "activation_id = :id AND #state = :before",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":id": activation.activation_id, ":before": before.value, **values},
        }
        try:
            with conflicts("activation_not_" + before.value, f"This activation is not {before.value} any more."):
                self._write(update, more or [])
        except Conflict as refused:
            raise RefusedTransition(refused.code, refused.message) from None

    def _write(self, update: dict[str, Any], more: list[dict[str, Any]]) -> None:
        """One update; together with other items, in one transaction."""
        if not more:
            self._table.update_item(**update)
            return
        writes = [{"Update": {"TableName": self._table.name, **update}}, *more]
        self._table.meta.client.transact_write_items(TransactItems=writes)

    def _follow_up(
        self, activation: Activation, at: datetime | None
    ) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
        """What an update sets so that the mail is looked at again, and the item that makes it due."""
        if at is None:
            return "", {}, []
        due = due_item(FOLLOW_UP, activation.user, at)
        return ", follow_up_at = :follow_up", {":follow_up": to_iso(at)}, [{"Put": self._into(due)}]

    def _into(self, item: Item) -> dict[str, Any]:
        return {"TableName": self._table.name, "Item": item}

    def _at(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table.name, "Key": key}


_STUCK = {ActivationState.BOUNCED: StuckCode.BOUNCED, ActivationState.COMPLAINED: StuckCode.COMPLAINED}


def activation_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "ACTIVATION"}


def _pointer(activation: Activation) -> Item:
    """Finds the person whose activation an address names."""
    return {
        "PK": f"ACTIVATION#{activation.activation_id}",
        "SK": "POINTER",
        "district_id": activation.user.district_id,
        "sourced_id": activation.user.sourced_id,
    }


def _waiting(activation: Activation, due_at: datetime) -> Item:
    return due_item(ACTIVATION, activation.user, due_at, activation_id=activation.activation_id)


def _not_renewable() -> RefusedTransition:
    return RefusedTransition(
        "not_renewable", "This activation waits for its mail, was used or withdrawn, or has just changed."
    )


def _item(a: Activation) -> Item:
    return without_none(
        {
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
        }
    )


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
    )
