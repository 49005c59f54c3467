"""A classroom for tests of the teacher's table and the class code: Ada's class, her old class, and another teacher's."""

from __future__ import annotations

from typing import Any

from local.web_client import WebClient
from shared.domain.link import Link
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, activated, log_in

TABLE = "/classes/c1/students?district=lakeside"
CODE = "123456"
"""What ``new_digits`` gives in tests."""


def old(account_id: str, name: str, **more: Any) -> dict[str, Any]:
    shown = {"email": None, "email_verified": False, **more}
    return {**account(account_id, ""), "role": "student", "display_name": name, **shown}


class Room:
    """Ada's class of five, her old class of the year before, and Ben's, who teaches another class."""

    def __init__(self, *, may_vouch: bool = True, gate: Any = None, kid: dict[str, Any] | None = None) -> None:
        gated = {"gate": gate} if gate else {}
        self.world = World(**gated)
        self.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=may_vouch)
        theirs = ("kid", "billy", "maria", "zed")
        self.world.feed(
            account("ada", "ada@mail.example", classes=[old_class("own", "Period 3", *theirs)]),
            account("ben", "ben@mail.example", classes=[old_class("bens", "Period 9", "noa")]),
            kid or old("kid", "Kid P."), old("billy", "Bill Person"), old("maria", "Maria"), old("zed", "Zed Other"),
            old("noa", "Noa Person"),
        )  # fmt: skip
        self.world.upload(
            roster(
                user("t1", "teacher", given="Ada"), user("t2", "teacher", given="Ben"),
                user("s1", ids="{Clever:cid-1}", given="Kid"), user("s2", ids="{Clever:cid-2}", given="William"),
                user("s3", ids="{Clever:cid-3}", given="María"), user("s4", ids="{Clever:cid-4}", given="Noa"),
                user("s5", ids="{Clever:cid-5}", given="Xi"),
                classes="c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k1,scheduled,o1,t1\n",
                enrollments="".join(
                    [enrolled("t1", "teacher"), enrolled("t2", "teacher", "c2"), *map(enrolled, ("s1", "s2", "s3", "s4"))]
                ) + enrolled("s5", "student", "c2"),
            )
        )  # fmt: skip
        self.world.send_mail()
        self.web = Website(self.world, **gated)
        self.web.cognito.users = {
            name: (PASSWORD, name) for name in ("ada", "ben", "kid", "billy", "maria", "zed", "noa")
        }

    def teacher(self, name: str = "ada", number: str = "t1") -> WebClient:
        page = activated(self.web, number).press("Log into my existing account")
        return log_in(page, name).press("Link my accounts")

    def student(self, clever_id: str) -> WebClient:
        page = self.web.visitor(sub=clever_id, district=CLEVER_DISTRICT).open("/sso/lakeside")
        return page.press("Continue with Clever")

    def link(self, number: str) -> Link | None:
        return self.world.links.of_user(key(number))


def old_class(class_id: str, name: str, *students: str) -> dict[str, Any]:
    return {
        "class_id": class_id,
        "name": name,
        "created_at": "2025-08-20T14:00:00Z",
        "student_account_ids": list(students),
    }
