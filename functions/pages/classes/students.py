"""The teacher's table of a district class: which old account is which student's, and the class code (B12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from functions.pages.classes.class_page import ClassPages, OpenedClass
from functions.pages.dependencies import Services
from functions.pages.http import NoSuchClass, Reply, Request, page, see_other
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.roster import DistrictClass, RosterUser
from shared.domain.vouching import CODE_DIGITS, CODE_FOR, StudentState
from shared.stores.keys import LONGEST_ID
from shared.use_cases.vouch_for_students import Teacher

_MOST_AT_ONCE = 200
_ACTIONS = {
    "same": "same_student", "all": "same_students", "not": "not_this_student", "undo": "student_link_undone",
    "code": "class_code_shown", "hide-code": "class_code_hidden",
}  # fmt: skip
"""What is done, and what the district's trail calls it."""
_SAID = "Said by a teacher of the class, in its list of students"


class StudentsPage:
    """For a teacher of the class. What is said here links nobody: each student proves it."""

    def __init__(self, services: Services, class_page: ClassPages) -> None:
        self._services = services
        self._class_page = class_page
        self._vouch_for_students = services.vouch_for_students()

    def show(self, request: Request, reference: str) -> Reply:
        opened = self._class_page.opened_with_table(request, reference)
        if isinstance(opened, Reply):
            return opened
        return self._shown(opened)

    def _shown(self, opened: OpenedClass, problem: str | None = None) -> Reply:
        teacher, taught = _teacher_of(opened)
        district = self._services.districts.get(taught.district_id)
        table = self._vouch_for_students.table(teacher, taught)
        code = self._vouch_for_students.code(taught) if district.teachers_may_vouch else None
        return page(
            "classes/students",
            audience=district,
            opened=opened,
            is_student=False,
            action=f"{opened.form_address}/students",
            query=f"?district={taught.district_id}",
            rows=table.rows,
            apart=table.apart,
            sure=table.sure(),
            counts=Counter(row.state for row in table.rows),
            states=StudentState,
            may_vouch=district.teachers_may_vouch,
            code=code,
            code_minutes=int(CODE_FOR.total_seconds()) // 60,
            named=named_apart(row.user for row in table.rows),
            problem=problem,
            status=409 if problem else 200,
        )

    def act(self, request: Request, reference: str, action: str) -> Reply:
        """`Same student`, `Not …`, all sure ones at once, an undo, and the code on the board."""
        opened = self._class_page.opened_with_table(request, reference)
        if isinstance(opened, Reply):
            return opened
        teacher, taught = _teacher_of(opened)
        number, account_id = request.form.get("sourced_id", ""), request.form.get("account_id", "")
        vouch = self._vouch_for_students
        if action not in _ACTIONS:
            raise NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
        self._services.trail.note(
            taught.district_id, to_iso(self._services.clock()), self._services.new_id(),
            action=_ACTIONS[action], by=teacher.user.person_id, reason=_SAID, person=number[:LONGEST_ID], about=taught.sourced_id,
        )  # fmt: skip
        match action:
            case "same":
                vouch.confirm(teacher, taught, [(number, account_id)])
            case "all":
                vouch.confirm(teacher, taught, _pairs_of(request))
            case "not":
                vouch.tell_apart(teacher, taught, number, account_id)
            case "undo":
                try:
                    vouch.take_back(teacher, taught, number, account_id, request.form.get("linked_at", ""))
                except RefusedTransition as refused:
                    return self._shown(opened, refused.code)
            case "code" | "hide-code":
                if not self._services.districts.get(taught.district_id).teachers_may_vouch:
                    return self._shown(opened, "code_not_taken")
                if action == "code":
                    vouch.show_code(teacher, taught, self._services.new_digits(CODE_DIGITS))
                else:
                    vouch.hide_code(taught)
        return see_other(opened.board_address if request.form.get("board") else opened.students_address)


def named_apart(students: Iterable[RosterUser]) -> Callable[[RosterUser], str]:
    """How each student of a class is called on its pages: of two with one name, with the number."""
    names = Counter(student.display_name for student in students)
    return lambda user: user.display_name + (f" ({user.sourced_id})" if names[user.display_name] > 1 else "")


def _teacher_of(opened: OpenedClass) -> tuple[Teacher, DistrictClass]:
    """Who looks at the table, and the class: ``opened_with_table`` gives no other."""
    if opened.person is None or opened.district is None:
        raise NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
    return Teacher(opened.person, opened.account), opened.district


def _pairs_of(request: Request) -> list[tuple[str, str]]:
    """The pairs that the page showed: fields ``number-1`` and ``account-1`` and so on."""
    form = request.form
    numbered = ((form.get(f"number-{n}", ""), form.get(f"account-{n}", "")) for n in range(1, _MOST_AT_ONCE + 1))
    return [(number, account_id) for number, account_id in numbered if number and account_id]
