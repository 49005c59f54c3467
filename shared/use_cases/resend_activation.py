"""Another invitation, because a person asked for it: at the page of an expired link, in the console, or by hand."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.activation import Activation, why_not_mailed
from shared.domain.clock import Clock, NewId
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.keys import is_an_id
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import Write


class ResendActivation:
    """What was mailed before leads nowhere from then on."""

    def __init__(
        self,
        activations: ActivationStore,
        users: RosterUserStore,
        districts: DistrictStore,
        queue: ActivationQueue,
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._activations = activations
        self._users = users
        self._districts = districts
        self._queue = queue
        self._clock = clock
        self._new_id = new_id

    def resend(self, user_key: RosterUserKey, *also: Write) -> Activation:
        """To the address that is the teacher's official one now, or to that by which the district corrected it; ``also`` is written
        in the same transaction.

        Raises RefusedTransition ``no_activation``, ``not_a_teacher``, or what ``ActivationStore.renew`` raises.
        """
        present = self._activations.of_user(user_key) if is_an_id(user_key.sourced_id) else None
        if present is None:
            raise RefusedTransition(
                "no_activation", "This person has no activation: not on the roster, matched, linked, or not a teacher."
            )
        user = self._users.get(user_key)
        address = (
            user.official_email
            if user and not present.is_corrected_for(user.official_email)
            else present.official_email
        )
        if (
            user is None
            or not address
            or why_not_mailed(user, mail=present if address == present.official_email else None)
        ):
            raise RefusedTransition(
                "not_a_teacher", "This person is not on the roster as a teacher with an address at the moment."
            )
        valid_for = timedelta(days=self._districts.get(user_key.district_id).activations.valid_days)
        fresh = self._activations.renew(
            present, self._new_id(), address, now=self._clock(), valid_for=valid_for, also=also
        )
        self.ask_for(fresh)
        return fresh

    def ask_for(self, activation: Activation) -> None:
        """Have a mail that waits sent. May be asked again, and after a crash: it goes out once (B5)."""
        self._queue.request([activation])
