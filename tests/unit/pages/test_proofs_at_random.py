"""No sequence of uploads, logins and undos by a hostile district opens an account that its login did not prove and whose owner
did not link it; and in the honest district, whose numbers and addresses wander, everybody stays in their own (M6, M19, M20)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from local.web_client import NoSuchButton, WebClient
from tests.builders import account, roster
from tests.depth import depth
from tests.harness import World, zipped
from tests.pages_harness import PASSWORD, Website

HONEST, HOSTILE = "lakeside", "hilltop"
VICTIMS = {
    "ada": account("ada", "ada@mail.example", display_name="Ada Lovelace", google_sub="g-ada"),
    "bea": account("bea", "bea@lakeside.example", display_name="Bea"),
    "kid": {**account("kid", "kid@lakeside.example", display_name="kid", clever_id="c-kid"), "role": "student"},
}
CLASS = {"class_id": "own", "name": "Period 3", "student_account_ids": ["kid"], "goals": [], "assignments": []}
NAMES = (("Ada", "Lovelace"), ("Bea", "Moss"), ("Kid", "Kane"), ("Eve", "Snow"))
ADDRESSES = ("ada@mail.example", "bea@lakeside.example", "kid@lakeside.example", "eve@hilltop.example", "")
"""Of victims, of the attacker, and none."""
CLEVER_IDS = ("c-kid", "evil-1", "evil-1", "evil-2")
NUMBERS = ("n1", "n2", "n3")
SUBJECTS = {"ada": "g-ada", "bea": "school-bea", "kid": "school-kid"}
"""Ada's Google opens her account; the others have one at school."""
OWN = {"ada": "ada", "bea": "bea", "kid": "kid"}

rows = st.lists(
    st.tuples(
        st.sampled_from(NUMBERS),
        st.sampled_from(["teacher", "student"]),
        st.sampled_from(NAMES),
        st.sampled_from(ADDRESSES),
        st.sampled_from(CLEVER_IDS),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda row: row[0],
)


def line(number: str, role: str, name: tuple[str, str], address: str, clever_id: str) -> str:
    ids = f"{{Clever:{clever_id}}}" if clever_id else ""
    return f"{number},,,true,o1,{role},{number},{ids},{name[0]},{name[1]},{address},secret\n"


@cache
def prepared() -> World:
    """Both districts and the accounts of the victims; the attacker has one of their own."""
    world = World(is_metered=False)
    for district_id in (HONEST, HOSTILE):
        world.register(
            district_id,
            email_domains=[f"{district_id}.example"],
            clever_district_id=f"clever-{district_id}",
            removal_threshold_percent=100,
            removal_threshold_count=100,
        )
    world.feed(
        {**VICTIMS["ada"], "classes": [CLASS]}, VICTIMS["bea"], VICTIMS["kid"], account("eve", "eve@mail.example")
    )
    return world


class TwoDistricts(RuleBasedStateMachine):
    """Each step is what somebody can do with a browser, or a district with its bucket."""

    @initialize()
    def begin(self) -> None:
        world = World(is_metered=False)
        world.begin_like(prepared())
        self.web = Website(world)
        self.web.cognito.users = {name: (PASSWORD, name) for name in (*VICTIMS, "eve")}
        self.owner = {**OWN, "eve": "eve"}
        """account → whose it is; accounts that a login makes are their maker's."""
        self.uploads = 0
        self.seen: set[tuple[str, str]] = set()
        self.who = ""

    # What districts do.

    @rule(people=rows)
    def hostile_district_uploads(self, people: list[tuple[str, str, tuple[str, str], str, str]]) -> None:
        self.upload(HOSTILE, [line(*person) for person in people])

    @rule(
        order=st.one_of(st.just(NUMBERS), st.permutations(NUMBERS)),
        swapped=st.booleans(),
        left=st.sampled_from(["", "", "bea", "kid"]),
    )
    def honest_district_uploads(self, order: Sequence[str], swapped: bool, left: str) -> None:
        """Numbers are given to others, two addresses may be swapped in the sheet, somebody leaves."""
        addresses = ["ada@lakeside.example", "bea@lakeside.example", "kid@lakeside.example"]
        if swapped:
            addresses[0], addresses[1] = addresses[1], addresses[0]
        roles = ("teacher", "teacher", "student")
        cells = zip(order, roles, NAMES[:3], addresses, ("", "", "c-kid"), strict=True)
        self.upload(HONEST, [line(*cell) for cell in cells if cell[2][0].lower() != left])

    @rule(
        victim=st.sampled_from(list(zip(NAMES, ADDRESSES[:3], strict=False))),
        role=st.sampled_from(["teacher", "student"]),
        then=st.sampled_from(["look", "new", "undo"]),
    )
    def hostile_district_takes_aim(self, victim: tuple[tuple[str, str], str], role: str, then: str) -> None:
        """A row with the name and address of a victim, and a login of its own Clever as that row."""
        self.upload(HOSTILE, [line("n1", role, *victim, "evil-1")])
        self.attacker_logs_in_by_clever("evil-1", then)

    @rule(first=st.sampled_from(["ada", "bea"]), other=st.sampled_from(["ada", "bea"]))
    def sheet_is_swapped_between_two_logins(self, first: str, other: str) -> None:
        self.honest_district_uploads(NUMBERS, False, "")
        self.somebody_honest_logs_in(first, "look")
        self.nobody_is_in_an_account_of_another()
        self.honest_district_uploads(NUMBERS, True, "")
        self.somebody_honest_logs_in(other, "look")

    def upload(self, district_id: str, people: list[str]) -> None:
        self.uploads += 1
        world = self.web.world
        world.pass_time(minutes=1)
        taken = world.put(f"rosters/{district_id}/{self.uploads}.zip", _zipped(people))
        report = world.report(taken)
        if report["status"] == "held":
            body = b'{"action": "approve", "by": "kim", "reason": "as meant"}'
            world.put(f"decisions/{district_id}/{report['import_id']}.json", body)

    # What people do.

    @rule(
        clever_id=st.sampled_from(["evil-1", "evil-2"]),
        then=st.sampled_from(["look", "look", "new", "own account", "undo"]),
    )
    def attacker_logs_in_by_clever(self, clever_id: str, then: str) -> None:
        self.goes_on("eve", self.visitor("clever", HOSTILE, clever_id, None), then)

    @rule(then=st.sampled_from(["look", "look", "new", "own account", "undo"]))
    def attacker_logs_in_by_google(self, then: str) -> None:
        self.goes_on("eve", self.visitor("google", HOSTILE, "g-eve", "eve@hilltop.example"), then)

    @rule(
        who=st.sampled_from(["ada", "bea", "kid"]), then=st.sampled_from(["look", "look", "new", "own account", "undo"])
    )
    def somebody_honest_logs_in(self, who: str, then: str) -> None:
        self.goes_on(who, self.visitor("google", HONEST, SUBJECTS[who], f"{who}@lakeside.example"), then)

    @rule(who=st.sampled_from(["ada", "bea", "kid"]), then=st.sampled_from(["look", "undo"]))
    def owner_logs_in_with_the_password(self, who: str, then: str) -> None:
        visitor = self.web.visitor().open("/login")
        self.who = who
        visitor.press("Log in", username_or_email=who, password=PASSWORD)
        self.goes_on(who, visitor, then)

    def visitor(self, provider: str, district_id: str, subject: str, address: str | None) -> WebClient:
        self.who = "eve" if district_id == HOSTILE else subject.partition("-")[2]
        claims: dict[str, object] = {"sub": subject, "district": f"clever-{district_id}"}
        if address:
            claims |= {"email": address, "email_verified": True}
        visitor = self.web.visitor(**claims)
        return visitor.open(f"/sso/{district_id}").press(f"Continue with {provider.capitalize()}")

    def goes_on(self, who: str, visitor: WebClient, then: str) -> None:
        self.web.world.pass_time(minutes=1)
        before = set(self.web.world.table.items)
        try:
            if then == "new":
                visitor.open("/welcome").press("I don't have an account yet")
            elif then == "own account":
                visitor.open("/login").press("Log in", username_or_email=who, password=PASSWORD)
                visitor.open("/link").press("Link my accounts")
            elif then == "undo":
                visitor.http.post("https://link.example/link/undo")
        except NoSuchButton:
            pass
        for pk, sk in set(self.web.world.table.items) - before:
            if sk == "ACCOUNT" and pk.startswith("ACCOUNT#"):
                self.owner.setdefault(pk.removeprefix("ACCOUNT#"), who)
        for path in ("/home", "/link", "/classes/own"):
            visitor.open(path)
            assert who == "ada" or "Period 3" not in visitor.text or who == "kid", "only its teacher and student see it"

    @invariant()
    def nobody_is_in_an_account_of_another(self) -> None:
        if not hasattr(self, "web"):
            return
        for key, item in self.web.world.table.items.items():
            if key[0].startswith("SESSION#") and key not in self.seen:
                self.seen.add(key)
                account_id = item.get("account_id")
                assert account_id is None or self.owner.get(account_id, self.who) == self.who, (self.who, account_id)


def _zipped(people: list[str]) -> bytes:
    return zipped(roster(*people, classes=""))


TwoDistricts.TestCase.settings = settings(
    max_examples=depth(40, 400),
    stateful_step_count=depth(8, 12),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestTwoDistricts = pytest.mark.deep(TwoDistricts.TestCase)
