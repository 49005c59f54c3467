"""What the teacher's board is told of students who log in (B12): nothing of anybody who is linked already."""

from __future__ import annotations

from functions.pages.dependencies import Services
from shared.domain.link import Proof
from shared.domain.roster import Role
from shared.use_cases.link_accounts import DistrictLogin, DistrictLoginOutcome, Proven

_AT_HOME = (DistrictLoginOutcome.ALREADY_LINKED, DistrictLoginOutcome.LINKED_BY_RULE)


class ClassDayNotes:
    """One write for a student who comes to the question, and one for each thing that stops them there."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def arrived(self, role: Role, login: DistrictLogin, before: Proven | None) -> None:
        """A district login ended. ``before`` is whom the same browser had proved until then: a student who had not chosen yet
        is not there any more."""
        if before and before.user.key != login.user and _is_at_the_question(before):
            self._services.class_days.trouble(before.user.key, "left", self._services.clock())
        if role is Role.STUDENT and login.outcome not in _AT_HOME:
            is_known = login.outcome is not DistrictLoginOutcome.CONFIRMATION_NEEDED
            self._services.class_days.arrived(login.user, self._services.clock(), is_known=is_known)

    def trouble(self, proven: Proven | None, code: str) -> None:
        """Something stopped whoever is here: the code of a refusal. It counts for students at the question alone."""
        if proven and _is_at_the_question(proven):
            self._services.class_days.trouble(proven.user.key, code, self._services.clock())

    def gone(self, proven: Proven | None) -> None:
        """Whoever was here says that they are somebody else."""
        if proven and _is_at_the_question(proven):
            self._services.class_days.gone(proven.user.key)


def _is_at_the_question(proven: Proven) -> bool:
    return proven.user.role is Role.STUDENT and proven.by is not Proof.ACTIVATION and not proven.is_linked
