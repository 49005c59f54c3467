"""What a page must know of an invitation, in one read: the activation, its person and their district."""

from __future__ import annotations

from typing import Any

from shared.activation import Activation
from shared.district import District
from shared.roster import RosterUser, RosterUserKey
from shared.stores.activations import activation_key, activation_of
from shared.stores.districts import district_of, settings_key
from shared.stores.roster_users import roster_key, roster_user_of
from shared.stores.table import get_many


class InvitationStore:
    """Reads only; the stores of the three write them."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def user_of(self, activation_id: str) -> RosterUserKey | None:
        """Whose mail an address names, whether or not that activation is still the person's present one."""
        key = {"PK": f"ACTIVATION#{activation_id}", "SK": "POINTER"}
        item = self._table.get_item(Key=key).get("Item")
        return RosterUserKey(item["district_id"], item["sourced_id"]) if item else None

    def read(self, user: RosterUserKey) -> tuple[Activation | None, RosterUser | None, District | None]:
        """The person's present activation, the person and the district, as they stand at one moment."""
        keys = [activation_key(user), roster_key(user), settings_key(user.district_id)]
        found = get_many(self._table, keys, consistent=True)
        activation, person, district = (found.get((key["PK"], key["SK"])) for key in keys)
        return (
            activation_of(activation) if activation else None,
            roster_user_of(person) if person else None,
            district_of(district) if district else None,
        )
