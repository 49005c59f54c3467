"""The teacher's table and the class code: the teacher says who is who, and each student proves it (B12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest

from functions.pages.limits import CLASS_CODE
from local.web_client import NoSuchButton, WebClient
from shared.domain.link import LinkState
from shared.stores.audit import Actor, AuditStore
from shared.stores.vouching import VouchStore
from shared.use_cases.link_accounts import LinkAccounts
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World, text
from tests.pages_harness import PASSWORD, Counting, Website, activated, log_in, post
from tests.rooms import CODE, TABLE, Room, old, old_class

MOST_CALLS = 14


def rows(page: WebClient) -> dict[str, str]:
    """The state of each student by name."""
    return {
        row.css_first("th").text(strip=True): row.css_first("td .kind").text(strip=True)
        for row in page.page.css("tbody tr")
    }


def buttons(page: WebClient) -> set[str]:
    return {node.text(strip=True) for node in page.page.css("main button")}


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_teacher_sees_who_is_probably_who_out_of_their_own_old_classes_alone(room: Room) -> None:
    page = room.teacher().open("/classes/c1?district=lakeside")
    page.open(page.links()["Students"])

    assert page.path == "/classes/c1/students"
    assert rows(page) == {
        "Kid Person": "suggested", "María Person": "suggested", "Noa Person": "not yet", "William Person": "suggested",
    }  # fmt: skip
    assert {"Bill Person", "Period 3"} <= {
        word.strip() for cell in page.page.css("td p") for word in cell.text().split(",")
    }
    assert "Period 9" not in page.text, "that is another teacher's class"
    assert "Zed" not in page.text, "nobody of this class is called so"


def test_a_confirmed_account_is_offered_first_and_the_student_proves_it(room: Room) -> None:
    page = room.teacher().open(TABLE).press("Same student: Kid Person")
    assert rows(page)["Kid Person"] == "invited by login"
    assert room.link("s1") is None, "a teacher's word alone links nobody"

    student = room.student("cid-1")
    assert student.path == "/welcome"
    assert "Your teacher says this account is yours" in student.text
    student = log_in(student.press("Log into my existing account"), "kid").press("Link my accounts")

    assert student.path == "/home"
    assert rows(page.open(TABLE))["Kid Person"] == "linked"


def test_a_confirmation_can_be_undone(room: Room) -> None:
    page = room.teacher().open(TABLE).press("Same student: Kid Person").press("Undo: Kid Person")
    assert rows(page)["Kid Person"] == "suggested"
    assert "Your teacher says" not in room.student("cid-1").text


def test_whoever_was_told_apart_is_not_suggested_again_and_that_can_be_undone(room: Room) -> None:
    page = room.teacher().open(TABLE).press("Not Kid Person")
    assert rows(page)["Kid Person"] == "not yet"
    page = page.press("Undo: Kid Person is not Kid P.")
    assert rows(page)["Kid Person"] == "suggested"


def test_all_sure_ones_are_confirmed_with_one_press() -> None:
    room = Room(kid=old("kid", "Kid Person"))
    page = room.teacher().open(TABLE)
    page = page.press("Confirm all 2 sure ones")
    assert rows(page) == {
        "Kid Person": "invited by login", "María Person": "suggested", "Noa Person": "not yet",
        "William Person": "invited by login",
    }  # fmt: skip


def test_what_was_not_suggested_cannot_be_confirmed(room: Room) -> None:
    page = room.teacher().open(TABLE)
    post(page, "/classes/c1/students/same?district=lakeside", sourced_id="s4", account_id="noa")
    post(page, "/classes/c1/students/same?district=lakeside", sourced_id="s1", account_id="zed")
    post(page, "/classes/c1/students/all?district=lakeside", **{"number-1": "s4", "account-1": "noa"})
    assert not VouchStore(room.world.table).of_students([key("s1"), key("s4")], room.world.now)


# The code on the board


def test_login_word_and_code_together_link_a_student_without_a_password(room: Room) -> None:
    teacher = room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
    assert "123 456" in teacher.text

    student = room.student("cid-1").press("Join", class_code="123 456")

    assert student.path == "/home"
    link = room.link("s1")
    assert link is not None
    assert (link.state, link.account_id, link.vouched_in, link.vouched_by) == (LinkState.LINKED, "kid", "c1", "t1")
    (entry,) = AuditStore(room.world.table).of_user(key("s1"))
    assert (entry.actor, entry.proof, entry.vouched_in, entry.vouched_by) == (
        Actor.PERSON, "district_login_clever", "c1", "t1",
    )  # fmt: skip
    details = [str(item["detail"]) for pair, item in room.world.table.items.items() if pair[0].startswith("OUTBOX#")]
    assert sum('"by": "class_code"' in detail for detail in details) == 1
    assert rows(teacher.open(TABLE))["Kid Person"] == "linked"
    assert room.student("cid-1").path == "/home", "the next login opens it without a code"


def test_the_teacher_undoes_such_a_link_for_thirty_days(room: Room) -> None:
    teacher = room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
    room.student("cid-1").press("Join", class_code=CODE)

    teacher.open(TABLE).press("Undo: Kid Person")

    link = room.link("s1")
    assert link is not None
    assert link.state is LinkState.UNDONE
    assert AuditStore(room.world.table).of_user(key("s1"))[-1].actor is Actor.TEACHER


def test_after_thirty_days_it_stays(room: Room) -> None:
    teacher = room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
    room.student("cid-1").press("Join", class_code=CODE)
    room.world.now += timedelta(days=31)
    teacher = log_in(room.web.visitor().open("/login")).open(TABLE).press("Undo: Kid Person")
    assert "30 days" in teacher.text
    link = room.link("s1")
    assert link is not None
    assert link.is_linked


def confirmed(room: Room, *, shows: bool = True) -> WebClient:
    page = room.teacher().open(TABLE).press("Same student: Kid Person")
    return page.press("Show class code") if shows else page


def no_code(room: Room) -> None:
    confirmed(room, shows=False)


def hidden_code(room: Room) -> None:
    confirmed(room).press("Hide class code")


def old_code(room: Room) -> None:
    confirmed(room)
    room.world.now += timedelta(minutes=11)


def no_word(room: Room) -> None:
    room.teacher().open(TABLE).press("Show class code")


def word_taken_back(room: Room) -> None:
    confirmed(room).press("Undo: Kid Person")


def code_of_another_class(room: Room) -> None:
    confirmed(room, shows=False).open("/classes/c2/students?district=lakeside")
    VouchStore(room.world.table).show_code("lakeside", "c2", CODE, key("t1"), room.world.now)


def another_person_under_the_number(room: Room) -> None:
    confirmed(room)
    item = room.world.table.items["USER#lakeside#s1", "ROSTER"]
    item["given_name"], item["family_name"] = "Someone", "Else"


def out_of_the_class(room: Room) -> None:
    confirmed(room)
    room.world.table.items["USER#lakeside#s1", "ROSTER"]["attends"] = []


def teacher_gone(room: Room) -> None:
    confirmed(room)
    room.world.table.items["USER#lakeside#t1", "ROSTER"]["teaches"] = []


def teachers_link_undone(room: Room) -> None:
    confirmed(room)
    room.world.links.undo(key("t1"), event_id="e", now=room.world.now)


def out_of_the_old_class(room: Room) -> None:
    confirmed(room)
    room.world.table.items["ACCOUNT#ada", "CLASS#own"]["student_account_ids"] = ["billy"]


def has_an_address(room: Room) -> None:
    confirmed(room)
    room.world.table.items["ACCOUNT#kid", "ACCOUNT"] |= {"email": "kid@mail.example", "email_verified": True}


def has_an_outside_login(room: Room) -> None:
    confirmed(room)
    room.world.table.items["ACCOUNT#kid", "ACCOUNT"] |= {"google_sub": "g"}


def is_closed(room: Room) -> None:
    confirmed(room)
    room.world.table.items["ACCOUNT#kid", "ACCOUNT"] |= {"closed_at": "2026-09-01T00:00:00.000Z"}


def is_a_teachers(room: Room) -> None:
    confirmed(room)
    room.world.table.items["ACCOUNT#kid", "ACCOUNT"] |= {"role": "teacher"}


def is_linked_to_another(room: Room) -> None:
    confirmed(room)
    student = room.student("cid-2").press("Log into my existing account")
    log_in(student, "kid").press("Link my accounts").press("Yes, it is mine")


WITHOUT_THE_THREE_PROOFS = (
    no_code, hidden_code, old_code, no_word, word_taken_back, code_of_another_class, another_person_under_the_number,
    out_of_the_class, teacher_gone, teachers_link_undone, out_of_the_old_class, has_an_address, has_an_outside_login,
    is_closed, is_a_teachers, is_linked_to_another,
)  # fmt: skip


@pytest.mark.parametrize("arrange", WITHOUT_THE_THREE_PROOFS)
def test_nobody_is_linked_without_the_three_proofs(room: Room, arrange: Callable[[Room], None]) -> None:
    student = room.student("cid-1") if arrange is another_person_under_the_number else None
    arrange(room)
    student = student or room.student("cid-1")
    if student.path == "/welcome":
        student.press("Join", class_code=CODE)
    else:
        post(student, "/account/join", code=CODE)
    link = room.link("s1")
    assert link is None or not link.is_linked


def test_whoever_has_the_number_since_is_told_nothing_of_the_account(room: Room) -> None:
    another_person_under_the_number(room)
    student = room.student("cid-1")
    assert "Your teacher says" not in student.text
    post(student, "/account/join", code=CODE)
    assert room.link("s1") is None


def test_a_guess_is_counted_and_hopeless(room: Room) -> None:
    confirmed(room)
    student = room.student("cid-1")
    for _ in range(CLASS_CODE.most):
        student.press("Join", class_code="000000")
        assert "not the code on the board" in student.text
    student.press("Join", class_code=CODE)
    assert student.status == 429
    assert room.link("s1") is None


def test_where_the_district_does_not_allow_it_there_is_no_code(room: Room) -> None:
    room = Room(may_vouch=False)
    teacher = room.teacher().open(TABLE)
    assert "Show class code" not in buttons(teacher)
    post(teacher, "/classes/c1/students/code?district=lakeside")
    assert VouchStore(room.world.table).code("lakeside", "c1", room.world.now) is None
    teacher.open(TABLE).press("Same student: Kid Person")
    student = room.student("cid-1")
    with pytest.raises(NoSuchButton):
        student.press("Join", class_code=CODE)
    VouchStore(room.world.table).show_code("lakeside", "c1", CODE, key("t1"), room.world.now)
    post(student, "/account/join", code=CODE)
    assert room.link("s1") is None


def test_a_link_is_undone_from_the_class_whose_code_made_it_alone(room: Room) -> None:
    teacher = confirmed(room)
    room.student("cid-1").press("Join", class_code=CODE)
    room.world.table.items["USER#lakeside#s1", "LINK"]["vouched_in"] = "c7"
    link = room.link("s1")
    assert link is not None
    assert "kid" not in [node.attributes.get("value") for node in teacher.open(TABLE).page.css("input")]
    post(teacher, "/classes/c1/students/undo?district=lakeside", sourced_id="s1", linked_at=link.linked_at)
    link = room.link("s1")
    assert link is not None
    assert link.is_linked


def test_an_address_that_nobody_verified_is_told(room: Room) -> None:
    room = Room(kid=old("kid", "Kid Person", email="kid@mail.example"))
    confirmed(room)
    room.student("cid-1").press("Join", class_code=CODE)
    room.world.notify_of_links()
    assert [m for m in room.world.ses.sent if m["To"] == "kid@mail.example" and "linked" in text(m)]


# Who may see it

CLASSES = ("c1", "c2", "own", "bens")


@pytest.mark.parametrize(("number", "teacher"), [("t1", "ada"), ("t2", "ben")])
def test_a_table_is_shown_to_who_teaches_the_class_alone(number: str, teacher: str) -> None:
    room = Room()
    page = room.teacher(teacher, number)
    taught = {"t1": {"c1"}, "t2": {"c2"}}[number]
    for class_id, action in product(CLASSES, ("", "/same", "/not", "/all", "/undo", "/code", "/hide-code")):
        address = f"/classes/{class_id}/students{action}?district=lakeside"
        if action:
            answer = post(page, address, sourced_id="s1", account_id="kid", **{"number-1": "s1", "account-1": "kid"})
            assert (answer.status_code == 404) is (class_id not in taught), address
        else:
            page.open(address)
            assert (page.status == 200) is (class_id in taught), address
            assert class_id in taught or "Kid" not in page.text


def test_students_and_strangers_see_no_table(room: Room) -> None:
    student = log_in(room.student("cid-1").press("Log into my existing account"), "kid").press("Link my accounts")
    student.open(TABLE)
    assert student.status == 404
    stranger = room.web.visitor().open(TABLE)
    assert stranger.path == "/login"


@pytest.mark.parametrize(("students", "old_classes", "most"), [(4, 1, MOST_CALLS), (28, 5, MOST_CALLS + 3)])
def test_a_table_costs_a_few_calls(students: int, old_classes: int, most: int) -> None:
    """Of 28 students and 140 old accounts as of a handful, but for a second batch of a hundred where accounts are read."""
    calls = Counting()
    world = World(gate=calls)
    world.register(teachers_may_vouch=True)
    old_ids = [[f"k{number}-{n}" for n in range(28)] for number in range(old_classes)]
    kids = [old(each, f"Zed Quux{each}") for ids in old_ids for each in ids]
    owned = [old_class(f"own{number}", f"Period {number}", *ids) for number, ids in enumerate(old_ids)]
    world.feed(account("ada", "ada@mail.example", classes=owned), *kids)
    numbers = [f"s{n}" for n in range(students)]
    world.upload(
        roster(
            user("t1", "teacher"), *(user(each, given=f"Kid{each}") for each in numbers),
            enrollments=enrolled("t1", "teacher") + "".join(map(enrolled, numbers)),
        )
    )  # fmt: skip
    world.send_mail()
    web = Website(world, gate=calls)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    page = log_in(activated(web, "t1").press("Log into my existing account"), "ada").press("Link my accounts")
    calls.calls.clear()
    assert page.open(TABLE).status == 200
    assert len(rows(page)) == students
    assert calls.calls.total() <= most, calls.calls


def test_the_code_links_only_by_its_own_way() -> None:
    """Nothing else of the product makes a link that a code stands for."""
    assert "vouched" not in LinkAccounts.by_consent.__kwdefaults__
