"""Activations: the ledger that makes the mail go out once (B5). Every transition is one conditional write, here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.activation import Activation, ActivationState
from shared.clock import to_iso
from shared.errors import Conflict, RefusedTransition
from shared.roster import RosterUserKey
from shared.stores.due import ACTIVATION, due_item
from shared.stores.table import Item, Key, conflicts, user_of_pk, user_pk, without_none


class ActivationStore:
    """The only writer of activations, but for the link that uses one up (``shared.stores.links``)."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def of_user(self, user: RosterUserKey) -> Activation | None:
        item = self._table.get_item(Key=_key(user), ConsistentRead=True).get("Item")
        return _activation(item) if item else None

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
        user = activation.user
        writes: list[dict[str, Any]] = [
            {"Put": {"TableName": name, "Item": _item(activation), "ConditionExpression": "attribute_not_exists(PK)"}},
            {"Put": {"TableName": name, "Item": _pointer(activation)}},
        ]
        if due_at:
            writes.append(
                {
                    "Put": {
                        "TableName": name,
                        "Item": due_item(ACTIVATION, user, due_at, activation_id=activation.activation_id),
                    }
                }
            )
        try:
            with conflicts("activation_exists", "This person has an activation already."):
                self._table.meta.client.transact_write_items(TransactItems=writes)
        except Conflict:
            return False
        return True

    def renew(self, activation: Activation, activation_id: str, *, now: datetime, valid_for: timedelta) -> Activation:
        """Begin anew, because a person asked for another mail: what was sent before leads nowhere any more.

        Raises RefusedTransition ``not_renewable`` while the mail is waiting or under way, when the activation was used,
        or when it has changed in the meantime.
        """
        under_way = activation.state is ActivationState.SENDING and (activation.lease_until or "") > to_iso(now)
        if activation.used_at or under_way or activation.state in (ActivationState.PENDING, ActivationState.WITHDRAWN):
            raise _not_renewable()
        name = self._table.name
        fresh = Activation(
            activation_id,
            activation.user,
            activation.official_email,
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
                    TransactItems=[{"Put": put}, {"Put": {"TableName": name, "Item": _pointer(fresh)}}]
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

    def mark_sent(self, activation: Activation, message_id: str, *, now: datetime) -> None:
        """The service accepted the mail. A feedback event may have been faster: then the state stays."""
        try:
            self._step(
                activation,
                ActivationState.SENDING,
                "SET #state = :to, message_id = :message_id, sent_at = :now REMOVE lease_until",
                {":to": ActivationState.SENT.value, ":message_id": message_id, ":now": to_iso(now)},
            )
        except RefusedTransition:
            present = self.of_user(activation.user)
            if present is None or present.state in (ActivationState.PENDING, ActivationState.WITHDRAWN):
                raise

    def mark_feedback(self, activation: Activation, state: ActivationState, message_id: str, *, now: datetime) -> bool:
        """What a feedback event tells; the state only ever moves forward. False when it told nothing new."""
        before = {
            ActivationState.SENT: [ActivationState.SENDING],
            ActivationState.DELIVERED: [ActivationState.SENDING, ActivationState.SENT],
            ActivationState.BOUNCED: [ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED],
            ActivationState.COMPLAINED: [ActivationState.SENDING, ActivationState.SENT, ActivationState.DELIVERED],
        }[state]
        names = [f":from{i}" for i in range(len(before))]
        try:
            with conflicts("not_forward", "A later event was faster."):
                self._table.update_item(
                    Key=_key(activation.user),
                    UpdateExpression=(
                        "SET #state = :to, message_id = if_not_exists(message_id, :message_id), "
                        "sent_at = if_not_exists(sent_at, :now) REMOVE lease_until"
                    ),
                    ConditionExpression=f"activation_id = :id AND #state IN ({', '.join(names)})",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={
                        ":to": state.value,
                        ":message_id": message_id,
                        ":now": to_iso(now),
                        ":id": activation.activation_id,
                        **dict(zip(names, (s.value for s in before), strict=True)),
                    },
                )
        except Conflict:
            return False
        return True

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
            Key=_key(activation.user),
            UpdateExpression="SET opened_at = if_not_exists(opened_at, :at)",
            ExpressionAttributeValues={":at": opened_at},
        )

    def _step(self, activation: Activation, before: ActivationState, change: str, values: dict[str, Any]) -> None:
        try:
            with conflicts("activation_not_" + before.value, f"This activation is not {before.value} any more."):
                self._table.update_item(
                    Key=_key(activation.user),
                    UpdateExpression=change,
                    ConditionExpression="activation_id = :id AND #state = :before",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":id": activation.activation_id, ":before": before.value, **values},
                )
        except Conflict as refused:
            raise RefusedTransition(refused.code, refused.message) from None


def _key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "ACTIVATION"}


def _pointer(activation: Activation) -> Item:
    """Finds the person whose activation an address names."""
    return {
        "PK": f"ACTIVATION#{activation.activation_id}",
        "SK": "POINTER",
        "district_id": activation.user.district_id,
        "sourced_id": activation.user.sourced_id,
    }


def _not_renewable() -> RefusedTransition:
    return RefusedTransition(
        "not_renewable", "This activation waits for its mail, was used or withdrawn, or has just changed."
    )


def _item(a: Activation) -> Item:
    return without_none(
        {
            **_key(a.user),
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
        }
    )


def _activation(item: Item) -> Activation:
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
    )
