"""The address of one invitation, corrected by the district until its roster has another: for this mail, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.activation import Activation, ActivationState, NotMailed, valid_for, why_not_mailed
from shared.domain.clock import Clock, NewId, to_iso
from shared.domain.district import District, is_anybodys
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import RefusedTransition
from shared.domain.funnel import stands_as
from shared.domain.link import Link
from shared.domain.roster import RosterUser
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.keys import stuck_key
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck_people import StuckCode, StuckStore, stuck_item
from shared.stores.table import Delete, Put, Write

_MENDED = (NotMailed.NO_ADDRESS, NotMailed.SHARED_ADDRESS)
"""What keeps a teacher from mail until the address is corrected."""


class CorrectAddress:
    """No rule looks at a corrected address: it makes no match and proves nothing but who reads the mail (M6)."""

    def __init__(
        self,
        activations: ActivationStore,
        users: RosterUserStore,
        stuck: StuckStore,
        queue: ActivationQueue,
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._activations = activations
        self._users = users
        self._stuck = stuck
        self._queue = queue
        self._clock = clock
        self._new_id = new_id

    def correct(
        self,
        district: District,
        user: RosterUser,
        link: Link | None,
        present: Activation | None,
        typed: str,
        *also: Write,
    ) -> None:
        """Send the invitation of a teacher to another address of the district's; ``also`` is written in the same transaction.

        Raises RefusedTransition ``not_an_address``, ``not_your_domain``, ``same_address``, ``anothers_address``,
        ``no_mail_is_due`` or ``mail_under_way``.
        """
        address = self._checked(district, user, typed)
        if why_not_mailed(user, link=link) not in (None, *_MENDED):
            raise RefusedTransition("no_mail_is_due", "This person gets no invitation: not a teacher here, or linked.")
        now, stuck = self._clock(), self._stuck.of(user.key)
        if present and (present.used_at or present.state is ActivationState.SENDING):
            raise RefusedTransition("mail_under_way", "A mail is under way, or its link was used.")
        is_first = present is None or present.state is ActivationState.PENDING
        fresh = Activation(
            self._new_id(),
            user.key,
            address,
            token_version=present.token_version + 1 if present else 1,
            created_at=to_iso(now),
            expires_at=to_iso(now + valid_for(district)),
            is_asked_for=not is_first or bool(present and present.is_asked_for),
            import_id=present.import_id if present else None,
            stands_as=stands_as(user),
            instead_of=user.official_email or "",
            stuck_before=present.stuck_before if present and present.stuck_before else (stuck.value if stuck else ""),
        )
        if not self._activations.put_in_place(present, fresh, Delete(stuck_key(user.key)), *also):
            raise RefusedTransition("mail_under_way", "A mail is under way, or its link was used.")
        self._queue.request([fresh])

    def _checked(self, district: District, user: RosterUser, typed: str) -> str:
        address = normalise(typed)
        if address is None:
            raise RefusedTransition("not_an_address", "This is not an address.")
        domain = domain_of(address)
        if domain not in district.login_domains or is_anybodys(domain or ""):
            raise RefusedTransition("not_your_domain", "The address has to lie in a domain of the district.")
        if address == user.official_email:
            raise RefusedTransition("same_address", "This is the address on the roster.")
        if any(other.key != user.key for other in self._users.by_email(district.district_id, address)):
            raise RefusedTransition("anothers_address", "Somebody else on the roster has this address.")
        return address

    def take_back(self, user: RosterUser, present: Activation | None, *also: Write) -> None:
        """End a correction: the link in its mail leads nowhere any more, and the person is stuck as before. A mail that waits
        goes to the address on the roster.

        Raises RefusedTransition ``not_corrected``.
        """
        if present is None or present.instead_of is None or present.used_at:
            raise RefusedTransition("not_corrected", "The address of this invitation is not corrected.")
        waits = present.state is ActivationState.PENDING and bool(present.instead_of)
        before = replace(
            present,
            activation_id=self._new_id(),
            official_email=present.instead_of,
            state=ActivationState.PENDING if waits else ActivationState.EXPIRED,
            token_version=present.token_version + 1,
            follow_up_at=None,
            settle_by=None,
            instead_of=None,
            stuck_before="",
        )
        code = StuckCode(present.stuck_before) if present.stuck_before else StuckCode.EXPIRED
        noted = [] if waits else [Put(stuck_item(user.key, code, to_iso(self._clock())))]
        if present.state is ActivationState.SENDING or not self._activations.put_in_place(
            present, before, *noted, *also
        ):
            raise RefusedTransition("mail_under_way", "A mail is under way, or its link was used.")
        if waits:
            self._queue.request([before])
