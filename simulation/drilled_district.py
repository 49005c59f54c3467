"""Generated districts before their first day: a roster, settings, accounts from before, and how each person will log in.

They have what makes a forecast hard: nicknames, shared and missing addresses, addresses that were never verified or lie elsewhere,
people who changed their name, two accounts of one person, several hubs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shared.domain.district import AnyProvider
from shared.hubs.hub import Identity, Number
from tests.builders import CLASSES, ENROLLMENTS, USERS
from tests.harness import CLEVER, GOOGLE

DISTRICT, OWN, ACROSS = "lakeside", "lakeside.example", "county.example"
_STUDENTS_IN_A_CLASS = 24
_GIVEN = (
    ("Robert", "Bob"), ("Katherine", "Kate"), ("William", "Bill"), ("José", "Pepe"), ("Nadia", "Nadia"), ("Yusuf", "Joe"),
    ("Zoë", "Zoe"), ("Elizabeth", "Liz"), ("Mateo", "Teo"), ("Priya", "Priya"), ("美咲", "Misaki"), ("Kofi", "Kofi"),
    ("Anna Lena", "Lena"), ("Ivo", "Ivo"),
)  # fmt: skip
_FAMILY = (
    "O'Brien", "Núñez", "Okafor", "田中", "Smith-Jones", "Nguyễn", "de la Cruz", "Haddad", "Müller", "Park", "Silva", "Quispe",
    "Rossi",
)  # fmt: skip
_SUBJECTS = ("Algebra 1", "Biology", "English 2", "World History", "Geometry", "Chemistry")


@dataclass
class Pupil:
    """Somebody of the roster, as the roster and the hubs know them."""

    number: str
    role: str
    given: str
    nickname: str
    family: str
    email: str
    clever_id: str = ""
    hub: AnyProvider = "google"

    def identity(self, provider: AnyProvider, issuer: str) -> Identity:
        """What this hub says of the person at a login."""
        subject = f"google-{self.email or self.number}" if provider == "google" else f"{provider}-{self.number}"
        return Identity(
            issuer,
            (self.clever_id or subject) if provider == "clever" else subject,
            self.email or None,
            provider == "google",
            tenant=f"{provider}-tenant",
            hosted_domain=self.email.rpartition("@")[2] or None,
            numbers=() if provider == "google" else (Number(self.number),),
            given_name=self.given,
            family_name=self.family,
            is_student=self.role == "student",
        )


@dataclass
class DrilledDistrict:
    """One of them. The same seed and size give the same district."""

    seed: int
    size: int
    settings: dict[str, Any] = field(default_factory=dict)
    people: list[Pupil] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    enrollments: list[tuple[str, str, str]] = field(default_factory=list)
    """(class, person, role)."""
    classes: list[tuple[str, str]] = field(default_factory=list)
    """(id, title)."""

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed} {self.size}")
        self._rates = {name: self._chance.uniform(0, most) for name, most in _MOST.items()}
        self._choose_settings()
        self._make_people()
        self._make_classes()
        self._make_accounts()

    def files(self) -> dict[str, str | bytes]:
        """The roster, as OneRoster 1.1."""
        users = (
            f"{p.number},,,true,o1,{p.role},{p.number},{'{Clever:' + p.clever_id + '}' if p.clever_id else ''},"
            f"{p.given},{p.family},{p.email},\n"
            for p in self.people
        )
        return {
            "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
            "orgs.csv": "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\n",
            "users.csv": USERS + "".join(users),
            "classes.csv": CLASSES + "".join(f"{key},,,{title},k1,scheduled,o1,t1\n" for key, title in self.classes),
            "enrollments.csv": ENROLLMENTS
            + "".join(f"e{n},,,{of},o1,{who},{role}\n" for n, (of, who, role) in enumerate(self.enrollments)),
        }

    def _is(self, name: str) -> bool:
        return self._chance.random() < self._rates[name]

    def _choose_settings(self) -> None:
        chance = self._chance
        providers = chance.choice(
            (["google"], ["clever"], ["clever", "google"], ["google", "microsoft"], ["classlink"])
        )
        settings: dict[str, Any] = {
            "email_domains": [OWN],
            "identity_providers": providers,
            "clever_district_id": "clever-tenant",
            "classlink_tenant_id": "classlink-tenant",
            "microsoft_tenant_id": "microsoft-tenant",
        }
        if chance.random() < 0.5:
            settings["shared_email_domains"] = [ACROSS]
        if chance.random() < 0.5:
            settings["activations_from"] = f"2026-09-{chance.randrange(1, 12):02}"
        if chance.random() < 0.5:
            settings["activations"] = {
                "in_school_hours": chance.random() < 0.5,
                "reminders_after_days": chance.choice(([], [7], [7, 14], [10, 30])),
            }
        if chance.random() < 0.3:
            settings["first_wave"] = chance.choice((1, 3, 10))
        settings["nudges"] = {
            "repeat_after_days": chance.choice(([14], [14, 30], [14, 30, 60])),
            "holidays": ["2026-09-07"],
        }
        self.settings = settings

    def _make_people(self) -> None:
        teachers = max(1, self.size // 16)
        family_box = ""
        for n in range(self.size):
            given, nickname = self._chance.choice(_GIVEN)
            role = "teacher" if n < teachers else "student"
            person = Pupil(f"n{n}", role, given, nickname, self._chance.choice(_FAMILY), f"p{n}@{OWN}")
            person.hub = self._chance.choice(self.settings["identity_providers"])
            if self._is("no address"):
                person.email = ""
            elif self._is("elsewhere"):
                person.email = f"p{n}@mail.example"
            elif self._is("across"):
                person.email = f"p{n}@{ACROSS}"
            elif self._is("shared"):
                family_box = family_box or person.email
                person.email, family_box = family_box, "" if self._chance.random() < 0.5 else family_box
            if "clever" in self.settings["identity_providers"] and self._is("clever id"):
                person.clever_id, person.hub = f"c{n}", "clever"
            self.people.append(person)

    def _make_classes(self) -> None:
        teachers = [p for p in self.people if p.role == "teacher"]
        students = [p for p in self.people if p.role == "student"]
        for subject in _SUBJECTS[:3]:
            self._chance.shuffle(students)
            for first in range(0, len(students), _STUDENTS_IN_A_CLASS):
                key = f"k{len(self.classes)}"
                self.classes.append((key, f"{subject} {first // _STUDENTS_IN_A_CLASS + 1}"))
                self.enrollments.append((key, self._chance.choice(teachers).number, "teacher"))
                members = students[first : first + _STUDENTS_IN_A_CLASS]
                self.enrollments += [(key, each.number, "student") for each in members]

    def _make_accounts(self) -> None:
        of: dict[str, str] = {}
        for person in self.people:
            if self._is("account"):
                if self._is("second account"):
                    second = self._account(person, f"b-{person.number}")
                    self.accounts.append({**second, "clever_id": None, "google_sub": None})
                account = self._account(person, f"a-{person.number}")
                of[person.number] = account["account_id"]
                self.accounts.append(account)
        taught = {who: key for key, who, role in self.enrollments if role == "teacher"}
        by_id = {account["account_id"]: account for account in self.accounts}
        for person in self.people:
            if person.role == "teacher" and person.number in of and person.number in taught:
                by_id[of[person.number]]["classes"] = list(self._own_classes(person.number, taught[person.number], of))

    def _account(self, person: Pupil, account_id: str) -> dict[str, Any]:
        """An account that this person has made."""
        email, verified = person.email or f"{person.number}@home.example", not self._is("never verified")
        if self._is("own mailbox"):
            email = f"{person.number}@home.example"
        given = person.nickname if self._is("nickname") else person.given
        family = "Marriedname" if self._is("renamed") else person.family
        has_google = verified and email == person.email and self._is("google")
        is_known_to_clever = bool(person.clever_id) and self._is("known to clever")
        if has_google and not is_known_to_clever and "google" in self.settings["identity_providers"]:
            # People go on with the hub that they used before.
            person.hub = "google"
        return {
            "account_id": account_id,
            "role": person.role,
            "display_name": given if self._is("one name") else f"{given} {family}",
            "username": account_id,
            "email": email,
            "email_verified": verified,
            "google_sub": f"google-{email}" if has_google else None,
            "clever_id": person.clever_id if is_known_to_clever else None,
            "classes": [],
        }

    def _own_classes(self, number: str, class_id: str, of: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Last year's classes of a teacher: one whose students went over into a district class, and perhaps a club."""
        members = [who for key, who, role in self.enrollments if key == class_id and role == "student"]
        title = dict(self.classes)[class_id]
        moved = [of[who] for who in members if who in of and self._chance.random() < 0.9]
        yield self._own_class(f"{number}-1", f"{title.rpartition(' ')[0]} period 3", moved)
        if self._chance.random() < 0.5:
            club = [self._chance.choice([*of.values()]) for _ in range(12)]
            yield self._own_class(f"{number}-2", "Chess club", sorted(set(club)))

    @staticmethod
    def _own_class(class_id: str, name: str, students: list[str]) -> dict[str, Any]:
        return {
            "class_id": class_id, "name": name, "created_at": "2025-09-01T08:00:00Z", "last_activity_at": "2026-06-01T08:00:00Z",
            "student_account_ids": students, "goals": [], "assignments": [],
        }  # fmt: skip


ISSUERS: dict[AnyProvider, str] = {
    "google": GOOGLE,
    "clever": CLEVER,
    "classlink": "https://launchpad.classlink.com",
    "microsoft": "https://login.microsoftonline.com/tenant/v2.0",
}
_MOST = {
    "no address": 0.15, "elsewhere": 0.1, "across": 0.08, "shared": 0.1, "clever id": 1.0, "account": 1.0, "second account": 0.1,
    "never verified": 0.4, "own mailbox": 0.5, "nickname": 0.6, "renamed": 0.2, "one name": 0.3, "google": 0.8,
    "known to clever": 0.8,
}  # fmt: skip
"""How large a share each of these is at most; each district has its own."""
