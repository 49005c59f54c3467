"""Teachers, classes, students, codes and accounts at random: nothing of another teacher's is shown, and nobody is linked without
all three proofs (B12). What ought to be is read from the stored rows by this file alone, not by the product's rules."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from math import ceil
from random import Random
from typing import Any

import pytest

from functions.pages.limits import CLASS_CODE
from local.web_client import WebClient
from shared.domain.vouching import CODE_DIGITS, CODE_FOR
from shared.stores.vouching import VouchStore
from tests.builders import account, enrolled, key, roster, user
from tests.depth import depth
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, activated, log_in, post

type Item = dict[str, Any]
TEACHERS = {"t1": "ada", "t2": "ben", "t3": "cleo"}
TAUGHT = {"t1": ("c1",), "t2": ("c2",), "t3": ("c1", "c3")}
"""Ada and Cleo teach one class together; each has old classes of her own."""
STUDENTS = {
    "s1": ("Kit", ("c1",)), "s2": ("Lou", ("c1", "c3")), "s3": ("Max", ("c2",)), "s4": ("Nat", ("c2", "c3")),
    "s5": ("Oli", ("c1",)),
}  # fmt: skip
ELSEWHERE = "xena"
"""A teacher of no district here, with old classes of students of the same names."""
ACTIONS = ("same", "same", "same", "code", "code", "code", "all", "not", "undo", "hide-code")


class School:
    """Everybody of a class is called as an account in each teacher's old class is, so that a wrong one is always at hand."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.world = World()
        self.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=True)
        everybody = (*TEACHERS.values(), ELSEWHERE)
        self.world.feed(
            *(account(who, f"{who}@mail.example",
                      classes=[{"class_id": f"{who}-old", "name": f"Old of {who}", "created_at": "2025-08-20T14:00:00Z",
                                "student_account_ids": [f"{who}-{number}" for number in STUDENTS]}]) for who in everybody),
            *(old(f"{who}-{number}", f"{given} Person") for who in everybody for number, (given, _) in STUDENTS.items()),
        )  # fmt: skip
        self.world.upload(
            roster(
                *(user(number, "teacher", given=who.title()) for number, who in TEACHERS.items()),
                *(user(number, ids=f"{{Clever:cid-{number}}}", given=given) for number, (given, _) in STUDENTS.items()),
                classes="".join(f"{each},,,Class {each},k1,scheduled,o1,t1\n" for each in ("c1", "c2", "c3")),
                enrollments="".join(
                    [*(enrolled(number, "teacher", each) for number, taught in TAUGHT.items() for each in taught),
                     *(enrolled(number, "student", each) for number, (_, attended) in STUDENTS.items() for each in attended)]
                ),
            )
        )  # fmt: skip
        self.world.send_mail()
        self.web = Website(self.world)
        self.web.cognito.users = {who: (PASSWORD, who) for who in everybody}
        self.pages = {number: self._linked(number, who) for number, who in TEACHERS.items()}
        self.vouches = VouchStore(self.world.table)
        self.counts: Counter[str] = Counter()

    def _linked(self, number: str, who: str) -> WebClient:
        page = activated(self.web, number).press("Log into my existing account")
        return log_in(page, who).press("Link my accounts")

    def item(self, pk: str, sk: str) -> Item | None:
        return self.world.table.items.get((pk, sk))

    def link_of(self, number: str) -> str | None:
        link = self.world.links.of_user(key(number))
        return link.account_id if link and link.is_linked else None

    # What a teacher does and sees

    def look(self) -> None:
        number = self.chance.choice(list(TEACHERS))
        class_id = self.chance.choice(("c1", "c2", "c3", "ada-old", "ben-old"))
        page = self.pages[number].open(f"/classes/{class_id}/students?district=lakeside")
        if page.path == "/login":
            self.pages[number] = log_in(page, TEACHERS[number])
            return
        self.counts["looks"] += 1
        row = self.item(f"USER#lakeside#{number}", "ROSTER") or {}
        may = class_id in row.get("teaches", ()) and self.link_of(number) == TEACHERS[number]
        assert (page.status == 200) is may, (number, class_id, page.status)
        for who in (*TEACHERS.values(), ELSEWHERE):
            if not (may and who == TEACHERS[number]):
                self.counts["names that must not be there"] += len(STUDENTS)
                assert f"{who}-s" not in page.page.html
                assert f"Old of {who}" not in page.page.html

    def say(self) -> None:
        number, action = self.chance.choice(list(TEACHERS)), self.chance.choice(ACTIONS)
        class_id = self.chance.choice(("c1", "c2", "c3"))
        student, who = self.chance.choice(list(STUDENTS)), self.chance.choice([*TEACHERS.values(), ELSEWHERE])
        if self.chance.random() < 0.7:  # As it is meant: an own class, a student of it, an own old account.
            who, class_id = TEACHERS[number], self.chance.choice(TAUGHT[number])
            student = self.chance.choice([each for each, (_, attended) in STUDENTS.items() if class_id in attended])
        about = {"sourced_id": student, "account_id": f"{who}-{student}"}
        if action == "all":
            about = {"number-1": student, "account-1": f"{who}-{student}"}
        before = {pk: item for (pk, sk), item in self.world.table.items.items() if sk == "VOUCH"}
        post(self.pages[number], f"/classes/{class_id}/students/{action}?district=lakeside", **about)
        self.counts["words and codes"] += 1
        for (pk, sk), item in self.world.table.items.items():
            if sk == "VOUCH" and item != before.get(pk):
                own = TEACHERS[number]
                assert (item["class_id"], item["teacher_account_id"]) == (class_id, own)
                assert item["account_id"].startswith(f"{own}-"), "an account of the teacher's own class"
        if action == "code" and self.item(f"CLASS#lakeside#{class_id}", "CODE"):
            digits = f"{self.chance.randrange(10**CODE_DIGITS):06d}"  # Tests have one code for all.
            self.vouches.show_code("lakeside", class_id, digits, key(number), self.world.now)

    # What a student tries

    def join(self) -> None:
        unlinked = [each for each in STUDENTS if not self.link_of(each)] or list(STUDENTS)
        confirmed = [each for each in unlinked if self.item(f"USER#lakeside#{each}", "VOUCH")]
        number = self.chance.choice(confirmed if confirmed and self.chance.random() < 0.8 else unlinked)
        page = self.web.visitor(sub=f"cid-{number}", district=CLEVER_DISTRICT).open("/sso/lakeside")
        page = page.press("Continue with Clever")
        codes = [
            item["digits"] for (_, sk), item in self.world.table.items.items() if sk == "CODE" and "digits" in item
        ]
        word = self.item(f"USER#lakeside#{number}", "VOUCH") or {}
        its_own = self.item(f"CLASS#lakeside#{word.get('class_id')}", "CODE")
        guess = self.chance.choice([*codes, "000000", ""])
        digits = its_own["digits"] if its_own and self.chance.random() < 0.4 else guess
        named, was = self.may_join(number, digits), self.link_of(number)
        answer = post(page, "/account/join", code=digits, mine="yes")
        self.counts["tries"] += 1
        now = self.link_of(number)
        if now != was:
            self.counts["links"] += 1
            assert now is not None
            assert now == named, (number, digits, "linked without the three proofs")
        elif named and not was and answer.status_code != 429:
            raise AssertionError((number, digits, answer.status_code, "all three were there"))
        elif not named:
            self.counts["refused"] += 1

    def may_join(self, number: str, digits: str) -> str | None:
        """The account that login, word and code stand for now, by the stored rows."""
        word, row = self.item(f"USER#lakeside#{number}", "VOUCH"), self.item(f"USER#lakeside#{number}", "ROSTER")
        if not (word and row and self.world.districts.get("lakeside").teachers_may_vouch):
            return None
        code = self.item(f"CLASS#lakeside#{word['class_id']}", "CODE")
        teacher = next((each for each, who in TEACHERS.items() if who == word["teacher_account_id"]), "")
        teaches = self.item(f"USER#lakeside#{teacher}", "ROSTER") or {}
        named = self.item(f"ACCOUNT#{word['account_id']}", "ACCOUNT") or {}
        old_class = self.item(f"ACCOUNT#{word['teacher_account_id']}", f"CLASS#{word['teacher_account_id']}-old") or {}
        stands = (
            code and code["digits"] == digits and datetime.fromisoformat(code["until"]) > self.world.now,
            word["class_id"] in row.get("attends", ()),
            word["class_id"] in teaches.get("teaches", ()) and self.link_of(teacher) == word["teacher_account_id"],
            word["account_id"] in old_class.get("student_account_ids", ()),
            named.get("role") == "student" and "closed_at" not in named,
            not named.get("email_verified") and not named.get("google_sub"),
            word["account_id"] not in {self.link_of(each) for each in STUDENTS},
            datetime.fromisoformat(word["at"]) > self.world.now - timedelta(days=90),
        )
        return str(word["account_id"]) if all(stands) else None

    # What changes meanwhile

    def change(self) -> None:
        number, teacher = self.chance.choice(list(STUDENTS)), self.chance.choice(list(TEACHERS))
        row = self.world.table.items[f"USER#lakeside#{number}", "ROSTER"]
        account_id = f"{TEACHERS[teacher]}-{number}"
        held = self.world.table.items[f"ACCOUNT#{account_id}", "ACCOUNT"]
        self.counts["changes"] += 1
        match self.chance.randrange(9):
            case 0 | 1 | 2:
                self.world.now += CODE_FOR * self.chance.choice((0.5, 1.1))
            case 3:
                row["attends"] = [] if row.get("attends") else list(STUDENTS[number][1])
            case 4:
                rows = self.world.table.items[f"USER#lakeside#{teacher}", "ROSTER"]
                rows["teaches"] = [] if rows.get("teaches") else list(TAUGHT[teacher])
            case 5:
                held |= self.chance.choice(
                    ({"role": "teacher"}, {"role": "student"}, {"closed_at": "2026-09-01T00:00:00.000Z"})
                )
            case 6:
                verified = {"email": f"{account_id}@x.example", "email_verified": True}
                held |= self.chance.choice(({"google_sub": f"g-{account_id}"}, verified))
            case 7:
                owned = self.world.table.items[f"ACCOUNT#{TEACHERS[teacher]}", f"CLASS#{TEACHERS[teacher]}-old"]
                owned["student_account_ids"] = [each for each in owned["student_account_ids"] if each != account_id]
            case 8:
                may = not self.world.districts.get("lakeside").teachers_may_vouch
                self.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=may)


def old(account_id: str, name: str) -> dict[str, Any]:
    return {**account(account_id, ""), "role": "student", "display_name": name, "email": None, "email_verified": False}


@pytest.mark.deep
def test_at_random_nothing_is_shown_and_nobody_is_linked_without_proofs() -> None:
    counts: Counter[str] = Counter()
    for seed in range(depth(1, 4)):
        school = School(seed)
        for _ in range(depth(70, 150)):
            (step,) = school.chance.choices((school.look, school.say, school.join, school.change), (2, 5, 4, 1))
            step()
        counts += school.counts
    print(dict(counts))  # noqa: T201 (the count)
    assert counts["links"], "some have all three"
    assert counts["refused"] > counts["links"]


# Guesses


def test_guesses_at_a_code_are_counted_and_hopeless() -> None:
    """In the ten minutes of a code a student may guess as often as in two quarters of an hour that meet; each guess needs an own
    district login of a student of this very class whom the teacher confirmed."""
    each = CLASS_CODE.most * (1 + ceil(CODE_FOR / CLASS_CODE.within))
    codes = 10**CODE_DIGITS
    one, a_class, thirty = each / codes, 30 * each / codes, 30 * 30 * each / codes
    text = (
        f"{each} guesses of {codes:,}: one student {one:.0e}, a class of 30 {a_class:.1e}, thirty classes {thirty:.1e}"
    )
    print(text)  # noqa: T201 (the count)
    assert each == 10
    assert a_class <= 1 / 3_000
    assert thirty <= 1 / 100
