"""The roles of OneRoster and School Data Sync, and which of ours each one is (M20)."""

from __future__ import annotations

from functools import lru_cache

from shared.domain.roster import Role

_ROLES = {
    Role.TEACHER: {"teacher", "aide", "proctor", "professor", "faculty", "lecturer", "staff", "instructor"},
    Role.STUDENT: {"student"},
    Role.ADMINISTRATOR: {
        "administrator",
        "principal",
        "siteadministrator",
        "districtadministrator",
        "systemadministrator",
    },
}


_SHORT_FOR_ADMINISTRATOR = {"admin", "siteadmin", "schooladmin", "schooladministrator", "districtadmin", "systemadmin"}
_OF_SCHOOLS = {"principal", "siteadministrator", "siteadmin", "schooladmin", "schooladministrator"}
"""Administrators of their own schools alone."""
_LEFT_OUT = {
    "guardian", "guardians", "legalguardian", "parent", "parents", "parentguardian", "parent/guardian", "mother",
    "father", "stepparent", "grandparent", "relative", "relatives", "sibling", "family", "contact", "contacts",
    "emergencycontact", "counselor", "counsellor", "guidancecounselor", "adjunct", "advisor", "adviser", "affiliate",
    "alumni", "assistant", "chair", "coach", "itadmin", "librarian", "nurse", "occupationaltherapist", "officestaff",
    "other", "paraprofessional", "physicaltherapist", "researcher", "socialworker", "specialservices",
    "speechtherapist", "substitute", "teacherassistant", "visiontherapist", "volunteer",
}  # fmt: skip
"""Roles of OneRoster and of School Data Sync for which nothing is done, as people write them."""


@lru_cache(1_000)
def role_of(text: str) -> Role | None:
    """The role that a roster's word names, in any case; None for guardians, parents, relatives and other contacts."""
    word = _word(text)
    return next((role for role, words in _ROLES.items() if word in words), None)


@lru_cache(1_000)
def is_administrator(text: str) -> bool:
    """Whether a role or a title of staff is an administrator's, also as Clever shortens it (``District Admin``)."""
    return role_of(text) is Role.ADMINISTRATOR or _word(text) in _SHORT_FOR_ADMINISTRATOR


@lru_cache(1_000)
def is_of_schools(text: str) -> bool:
    """Whether a role or a title is that of an administrator of single schools, and not of the district."""
    return _word(text) in _OF_SCHOOLS


@lru_cache(1_000)
def is_known_role(text: str) -> bool:
    """Whether a roster's word is a role at all, be it one for which nothing is done. ``ext:`` begins words of a district's
    own (OneRoster 1.2)."""
    return role_of(text) is not None or _word(text) in _LEFT_OUT or text.lower().startswith("ext:")


@lru_cache(1_000)
def acts_in_class(text: str) -> bool:
    """Whether an enrollment with this role makes anybody a teacher or a student of the class."""
    return role_of(text) in (Role.TEACHER, Role.STUDENT)


def _word(text: str) -> str:
    return "".join(text.lower().split()).replace("_", "").replace("-", "")
