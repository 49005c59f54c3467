"""The teacher's live board of a class day: who waits, chooses, is linked or needs help, and why (B12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.pages.classes.board import REFRESH_SECONDS
from functions.pages.limits import CLASS_CODE, LOGIN
from local.web_client import WebClient
from shared.domain.class_day import CHOOSING_FOR, HELP_FOR
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Counting, Website, activated, log_in, post

BOARD = "/classes/c1/students/board?district=lakeside"
TABLE = "/classes/c1/students?district=lakeside"
CODE = "123456"
"""What ``new_digits`` gives in tests."""
WAITING = {"Kid Person": "waiting", "María Person": "waiting", "Noa Person": "waiting"}
MOST_CALLS = 13
"""Of a look at the board, the session and the class among them."""

MOST_BYTES_OF_A_WAY = 80_000
"""Of all pages of a child's way in, on a slow Chromebook: each holds its style, and asks for nothing else."""
MOST_BYTES_OF_A_BOARD = 20_000
"""Every ten seconds; a further student adds their name."""


class Room:
    """Ada and Cleo teach a class of three together; Ben teaches another one."""

    def __init__(self, *, gate: Any = None, **protection: Any) -> None:
        gated = {"gate": gate} if gate else {}
        self.world = World(**gated)
        self.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=True)
        own = {"class_id": "own", "name": "Period 3", "created_at": "2025-08-20T14:00:00Z"}
        self.world.feed(
            account("ada", "ada@mail.example", classes=[{**own, "student_account_ids": ["kid", "maria"]}]),
            account("ben", "ben@mail.example"), account("cleo", "cleo@mail.example"),
            {**_student("kid", "Kid Person"), **protection}, _student("maria", "Maria Person"),
        )  # fmt: skip
        self.upload()
        self.world.send_mail()
        self.web = Website(self.world, **gated)
        self.web.cognito.users = {name: (PASSWORD, name) for name in ("ada", "ben", "cleo", "kid", "maria")}

    def upload(self, kids: str = "cid-1") -> None:
        self.world.upload(
            roster(
                *(user(number, "teacher", given=name) for number, name in TEACHERS.items()),
                user("s1", ids=f"{{Clever:{kids}}}", given="Kid"), user("s3", ids="{Clever:cid-3}", given="María"),
                user("s4", ids="{Clever:cid-4}", given="Noa"),
                classes="c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k1,scheduled,o1,t1\n",
                enrollments="".join(
                    [enrolled("t1", "teacher"), enrolled("t3", "teacher"), enrolled("t2", "teacher", "c2"),
                     *map(enrolled, ("s1", "s3", "s4"))]
                ),
            )
        )  # fmt: skip

    def teacher(self, number: str = "t1") -> WebClient:
        """At home; the first time by the mail's button."""
        name = TEACHERS[number].lower()
        if self.world.links.of_user(key(number)):
            return log_in(self.web.visitor().open("/login"), name)
        page = activated(self.web, number).press("Log into my existing account")
        return log_in(page, name).press("Link my accounts")

    def student(self, clever_id: str = "cid-1", device: WebClient | None = None) -> WebClient:
        browser = self.web.visitor(sub=clever_id, district=CLEVER_DISTRICT)
        if device:
            browser.http.cookies.update(device.http.cookies)
        return browser.open("/sso/lakeside").press("Continue with Clever")


TEACHERS = {"t1": "Ada", "t2": "Ben", "t3": "Cleo"}


def _student(account_id: str, name: str) -> dict[str, Any]:
    return {**account(account_id, "", role="student"), "email": None, "email_verified": False, "display_name": name}


@pytest.fixture
def room() -> Room:
    return Room()


def states(page: WebClient) -> dict[str, str]:
    """The state of each student by name, as the lists of the page have them."""
    return {
        (row.css_first("b") or row).text(strip=True): listed.attributes["aria-labelledby"] or ""
        for listed in page.page.css("main ul")
        for row in listed.css("li")
    }


def advice(page: WebClient, name: str = "Kid Person") -> str:
    (row,) = [row for row in page.page.css("ul.troubles li") if row.css_first("b").text(strip=True) == name]
    return " ".join(row.css_first("p").text().split())


def refreshes(page: WebClient) -> bool:
    return page.response is not None and "Refresh" in page.response.headers


def test_a_student_waits_then_chooses_then_is_linked(room: Room) -> None:
    teacher = room.teacher().open(TABLE)
    board = teacher.open(teacher.links()["Live board"])
    assert states(board) == WAITING
    assert "0 of 3 linked" in " ".join(board.text.split())

    student = room.student()
    assert states(board.open(BOARD)) == {**WAITING, "Kid Person": "choosing"}

    log_in(student.press("Log into my existing account"), "kid").press("Link my accounts")
    assert states(board.open(BOARD)) == {**WAITING, "Kid Person": "linked"}
    assert "1 of 3 linked" in " ".join(board.text.split())


def test_a_co_teacher_sees_the_same_board_and_another_teacher_none(room: Room) -> None:
    room.student()
    shown = states(room.teacher("t3").open(BOARD))
    assert shown == {**WAITING, "Kid Person": "choosing"}
    assert room.teacher("t2").open(BOARD).status == 404
    student = log_in(room.student("cid-3").press("Log into my existing account"), "maria").press("Link my accounts")
    assert student.open(BOARD).status == 404
    assert room.web.visitor().open(BOARD).path == "/login"


# Help


def _types(code: str, times: int = 1) -> Callable[[Room], None]:
    def do(room: Room) -> None:
        student = room.student()
        for _ in range(times):
            post(student, "/account/join", code=code)

    return do


def _picked_types(code: str, times: int) -> Callable[[Room], None]:
    def do(room: Room) -> None:
        room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
        _types(code, times)(room)

    return do


def _password(times: int) -> Callable[[Room], None]:
    def do(room: Room) -> None:
        at_login = room.student().press("Log into my existing account")
        for _ in range(times):
            post(at_login, "/login", username="kid", password="not it")

    return do


def _another_students_account(room: Room) -> None:
    other = log_in(room.student("cid-3").press("Log into my existing account"), "kid")
    other.press("Link my accounts").press("Yes, it is mine")
    log_in(room.student().press("Log into my existing account"), "kid")


def _next_child_on_the_device(room: Room) -> None:
    room.student("cid-3", device=room.student())


TROUBLES: dict[str, tuple[Callable[[Room], None], str]] = {
    "wrong code": (_picked_types("000000", 3), "Typed a wrong code 3 times. Read the code out."),
    "locked out": (_picked_types("000000", CLASS_CODE.most + 1), "too many tries"),
    "nobody picked": (_types(CODE), "you have not picked an old account"),
    "wrong password": (_password(2), "The password was wrong 2 times."),
    "password locked": (_password(LOGIN.at_place.most + 1), "too many tries"),
    "account of another": (_another_students_account, "linked to another student"),
    "left": (_next_child_on_the_device, "Left before choosing"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_whoever_is_stopped_needs_help_and_the_board_says_what_to_do(room: Room, name: str) -> None:
    stop, told = TROUBLES[name]
    stop(room)
    board = room.teacher().open(BOARD)
    assert states(board)["Kid Person"] == "help"
    assert told in advice(board)
    assert next(iter(states(board))) == "Kid Person", "those who need help stand first"


def test_an_account_with_an_address_of_its_own_is_not_opened_by_a_code() -> None:
    room = Room(email="kid@mail.example", email_verified=True)
    _picked_types(CODE, 1)(room)
    assert "an email goes to its address" in advice(room.teacher().open(BOARD))


def test_where_the_code_ended_the_board_says_so_and_shows_a_new_one(room: Room) -> None:
    _picked_types("000000", 2)(room)
    room.world.now += timedelta(minutes=11)
    board = room.teacher().open(BOARD)
    assert "none is on the board now" in advice(board)
    board.press("Show class code")
    assert (board.path, "123 456" in board.text) == ("/classes/c1/students/board", True)


@pytest.mark.parametrize("slip", [_picked_types("000000", 1), _password(1)])
def test_a_first_slip_is_no_need_of_help(room: Room, slip: Callable[[Room], None]) -> None:
    slip(room)
    assert states(room.teacher().open(BOARD))["Kid Person"] == "choosing"


def test_a_new_district_login_of_a_linked_student_needs_help_until_it_is_known(room: Room) -> None:
    log_in(room.student().press("Log into my existing account"), "kid").press("Link my accounts")
    room.world.now += timedelta(days=1)
    room.upload(kids="cid-9")
    student = room.student("cid-9")
    assert "Linked, but this school login is new" in advice(room.teacher().open(BOARD))
    room.world.now += timedelta(seconds=5)
    log_in(student.press("Log into my existing account"), "kid").press("Link my accounts")
    assert states(room.teacher().open(BOARD))["Kid Person"] == "linked"


def test_whoever_says_that_they_are_somebody_else_waits_again(room: Room) -> None:
    room.student().press("Not Kid Person?")
    assert states(room.teacher().open(BOARD)) == WAITING


@pytest.mark.parametrize(("stop", "lasts"), [(lambda room: room.student(), CHOOSING_FOR), (_types(CODE), HELP_FOR)])
def test_what_is_long_past_is_not_shown(room: Room, stop: Callable[[Room], None], lasts: timedelta) -> None:
    stop(room)
    room.world.now += lasts - timedelta(seconds=1)
    assert states(room.teacher().open(BOARD)) != WAITING
    room.world.now += timedelta(seconds=1)
    assert states(room.teacher().open(BOARD)) == WAITING


def test_nothing_is_noted_of_a_linked_student_whose_device_is_handed_on(room: Room) -> None:
    first = room.student("cid-4").press("I don't have an account yet")
    room.world.table.items.pop(("USER#lakeside#s4", "DAY"))
    room.student("cid-3", device=first)
    assert day_writes(room) == ["USER#lakeside#s3"]


# On a projector


def test_a_code_of_before_the_district_changed_its_mind_is_not_shown(room: Room) -> None:
    board = room.teacher().open(TABLE).press("Show class code")
    room.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=False)
    assert "123 456" not in board.open(BOARD).text


def test_names_can_be_hidden_for_the_class(room: Room) -> None:
    room.student()
    board = room.teacher().open(TABLE).press("Show class code").open(BOARD)
    board.open(board.links()["Hide names for the class"])
    assert "123 456" in board.text
    assert "0 of 3 linked" in " ".join(board.text.split())
    assert not {"Kid", "Noa", "María"} & set(board.page.css_first("main").text().split())
    other = board.page.css_first("footer [hreflang]").attributes["href"] or ""
    board.open(f"/classes/c1/students/board{other}")
    assert "Kid" not in board.page.css_first("main").text(), "another language shows no more"
    assert "district=lakeside" in other


def test_it_looks_again_only_while_something_goes_on_and_can_be_paused(room: Room) -> None:
    board = room.teacher().open(BOARD)
    assert not refreshes(board)
    assert "Refresh" in board.links()
    room.student()
    board.open(BOARD)
    assert board.response is not None
    assert board.response.headers["Refresh"] == str(REFRESH_SECONDS)
    board.open(board.links()["Pause refreshing"])
    assert not refreshes(board)
    board.open(board.links()["Hide names for the class"])
    assert not refreshes(board), "another choice keeps it paused"
    board.open(board.links()["Refresh by itself"])
    assert refreshes(board)
    room.world.now += CHOOSING_FOR
    assert not refreshes(board.open(BOARD))


# What it costs


def day_writes(room: Room) -> list[str]:
    return sorted(pk for pk, sk in room.world.table.items if sk == "DAY")


def test_a_class_day_costs_a_write_a_student_and_a_known_login_none() -> None:
    calls = Counting()
    room = Room(gate=calls)

    def writes(do: Callable[[], object]) -> int:
        calls.calls.clear()
        do()
        return sum(n for name, n in calls.calls.items() if name in ("dynamodb PutItem", "dynamodb UpdateItem"))

    room.student("cid-4").press("I don't have an account yet")
    room.world.table.items.pop(("USER#lakeside#s4", "DAY"))
    known = writes(lambda: room.student("cid-4"))
    assert day_writes(room) == [], "a login of a linked student notes nothing"
    first = writes(lambda: room.student("cid-1"))
    assert day_writes(room) == ["USER#lakeside#s1"]
    assert first == known + 1


def test_a_look_at_the_board_costs_a_few_calls_and_writes_nothing() -> None:
    calls = Counting()
    room = Room(gate=calls)
    page = room.teacher()
    room.student()
    calls.calls.clear()
    page.open(BOARD)
    assert calls.calls.total() <= MOST_CALLS
    assert set(calls.calls) <= {"dynamodb GetItem", "dynamodb BatchGetItem", "dynamodb Query"}
    assert page.response is not None
    assert len(page.response.content) <= MOST_BYTES_OF_A_BOARD


@pytest.mark.parametrize("way", ["code", "password", "new"])
def test_the_pages_of_a_childs_whole_way_are_light(room: Room, way: str) -> None:
    room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
    room.web.responses.clear()
    student = room.student()
    if way == "code":
        student.press("Join", class_code=CODE)
    elif way == "password":
        log_in(student.press("Log into my existing account"), "kid").press("Link my accounts")
    else:
        student.press("I don't have an account yet")
    assert student.path == "/home"
    assert sum(len(answer.content) for _, answer in room.web.responses) <= MOST_BYTES_OF_A_WAY
