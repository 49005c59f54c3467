"""Who gets into a console: every role at every route, in the own district, another and none, of the own school and another.

Only those who may are shown anything; everybody else learns nothing, not even whether there is such a district or person.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter

import httpx
import pytest

from local.web_client import WebClient
from tests.builders import CLASSES, ENROLLMENTS, account
from tests.depth import depth
from tests.harness import WEB, World
from tests.pages_harness import PASSWORD, Website, log_in, operator, routes

ORGS = "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\no2,,,Lakeside High,school\no3,,,East,school\n"
USERS = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email\n"
ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
DOMAINS = {"lakeside": "lakeside.example", "hilltop": "hilltop.example"}

type Row = tuple[str, str]
"""A word for the role, and the school."""
PEOPLE: dict[str, tuple[Row, ...]] = {
    "teacher": (("teacher", "o1"),),
    "colleague": (("teacher", "o2"),),
    "student": (("student", "o1"),),
    "aide": (("aide", "o1"),),
    "principal": (("principal", "o1"),),
    "of-two-schools": (("siteAdministrator", "o1"), ("siteAdministrator", "o3")),
    "district-admin": (("districtAdministrator", "o1"),),
    "system-admin": (("systemAdministrator", "o1"),),
    "teaches-too": (("teacher", "o1"), ("principal", "o1")),
    "disabled": (("districtAdministrator", "o1"),),
    "over": (("districtAdministrator", "o1"),),
    "moved-on": (("districtAdministrator", "o1"),),
    "left": (("districtAdministrator", "o1"),),
}
"""The last four were the district's administrators when they logged in, and are not since."""
OF_ANOTHER_DISTRICT = ("teacher", "principal", "district-admin")
DISTRICTS = (*DOMAINS, "nowhere")


def people_of(domain: str, *, later: bool) -> dict[str, str | bytes]:
    """A roster of OneRoster 1.2; ``later`` some are administrators no more."""
    users, roles = "", ""
    for who, rows in PEOPLE.items():
        if later and who == "left":
            continue
        enabled = "false" if later and who == "disabled" else "true"
        users += f"{who},,,{enabled},{who},,Kim,Person-{who},{who}@{domain}\n"
        for n, (word, school) in enumerate(rows):
            ends = "2026-08-31" if later and who == "over" else ""
            now = "teacher" if later and who == "moved-on" else word
            roles += f"r{n}-{who},,,{who},{'secondary' if n else 'primary'},{now},,{ends},{school}\n"
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n",
        "orgs.csv": ORGS,
        "users.csv": USERS + users,
        "roles.csv": ROLES + roles,
        "classes.csv": CLASSES + "c1,,,Algebra,k1,scheduled,o1,t1\n",
        "enrollments.csv": ENROLLMENTS,
    }


def two_districts() -> Website:
    world = World()
    for district, domain in DOMAINS.items():
        world.register(district, name=f"{district.title()} Schools", email_domains=[domain], nudges={})
        report = world.upload(people_of(domain, later=False), district)
        assert report["status"] == "completed", report
    world.feed(account("ada", "ada@mail.example"))
    web = Website(world)
    web.cognito.users = {
        "ops": (PASSWORD, ""),
        "late": (PASSWORD, ""),
        "bare": (PASSWORD, ""),
        "ada": (PASSWORD, "ada"),
    }
    web.cognito.operators = {"ops", "late", "bare"}
    return web


def through_district(web: Website, who: str, district: str) -> WebClient:
    address = f"{who}@{DOMAINS[district]}"
    visitor = web.visitor(sub=f"google-{address}", email=address, email_verified=True)
    return visitor.open(f"/sso/{district}").press("Continue with Google")


def browsers(web: Website) -> dict[str, WebClient]:
    """Each role's browser, logged in as far as it gets; then time passes, and the next roster comes."""
    found = {"operator of an hour ago": operator(web, "late")}
    web.world.pass_time(minutes=61)
    found |= {
        "nobody": web.visitor().open("/login"),
        "who has an account": log_in(web.visitor().open("/login"), "ada"),
        "operator without a second factor": log_in(web.visitor().open("/login"), "bare"),
        "operator": operator(web),
    }
    for district in DOMAINS:
        people = PEOPLE if district == "lakeside" else OF_ANOTHER_DISTRICT
        found |= {f"{who} of {district}": through_district(web, who, district) for who in people}
    for district, domain in DOMAINS.items():
        assert web.world.upload(people_of(domain, later=True), district, "later")["status"] == "completed"
    return found


WHOLE, SCHOOLS = "the whole district", "own schools"
OPEN_TO: dict[tuple[str, str], str] = {
    ("GET", "/console/<district_id>"): SCHOOLS,
    ("POST", "/console/<district_id>/invite-again"): SCHOOLS,
    ("GET", "/console/<district_id>/logins"): WHOLE,
    ("GET", "/console/<district_id>/imports"): SCHOOLS,
    ("GET", "/console/<district_id>/imports/upload"): WHOLE,
    ("GET", "/console/<district_id>/imports/checks/<name>"): WHOLE,
    ("GET", "/console/<district_id>/imports/<import_id>"): WHOLE,
    ("POST", "/console/<district_id>/imports/<import_id>/<action>"): WHOLE,
    ("GET", "/console/<district_id>/imports/<import_id>/files/<name>"): WHOLE,
    ("GET", "/console/<district_id>/source"): WHOLE,
    ("POST", "/console/<district_id>/source/fetch"): WHOLE,
    ("GET", "/console/<district_id>/forecast"): WHOLE,
    ("GET", "/console/<district_id>/people"): SCHOOLS,
    ("POST", "/console/<district_id>/people"): SCHOOLS,
    ("GET", "/console/<district_id>/people/<kind>/<sourced_id>"): SCHOOLS,
    ("POST", "/console/<district_id>/people/<kind>/<sourced_id>/<action>"): SCHOOLS,
    ("POST", "/console/<district_id>/people/<action>"): SCHOOLS,
    ("GET", "/console/<district_id>/bulk/<order_id>"): SCHOOLS,
    ("POST", "/console/<district_id>/bulk/<order_id>/<what>"): SCHOOLS,
    ("GET", "/console/<district_id>/settings"): SCHOOLS,
    ("GET", "/console/<district_id>/first-mails"): WHOLE,
    ("POST", "/console/<district_id>/first-mails/<action>"): WHOLE,
    ("GET", "/console/<district_id>/trail.csv"): WHOLE,
}
"""Each route of the console, and whose it is: a route that is not named here fails the test."""
OF_WHOLE = {"district-admin", "system-admin"}
OF_SCHOOLS = {"principal", "of-two-schools", "teaches-too"}
PERSON = "<sourced_id>"


def console_routes() -> list[tuple[str, str]]:
    return [route for route in routes() if route[1].startswith("/console/")]


def may(role: str, route: tuple[str, str], district: str) -> bool:
    who, _, of = role.partition(" of ")
    if role == "operator":
        return district in DOMAINS
    return of == district and (who in OF_WHOLE or (who in OF_SCHOOLS and OPEN_TO[route] == SCHOOLS))


def is_let_in(answer: httpx.Response) -> bool:
    to_a_login = answer.headers.get("location", "").startswith(("/sso/", "/login"))
    return answer.status_code != 403 and not to_a_login


def path_of(address: str, district: str, person: str = "teacher") -> str:
    known = {"district_id": district, "kind": "person", "sourced_id": person, "action": "mail"}
    return re.sub(r"<(\w+)>", lambda found: known.get(found[1], "none"), address)


class Matrix:
    def __init__(self) -> None:
        self.web = two_districts()
        self.browsers = browsers(self.web)

    def ask(self, role: str, method: str, path: str) -> httpx.Response:
        self.web.world.pass_time(seconds=1)
        # Limits are another test's: here everybody asks everything.
        for limit in [each for each in self.web.world.table.items if each[0].startswith("LIMIT#")]:
            del self.web.world.table.items[limit]
        return self.browsers[role].http.request(
            method, WEB + path, follow_redirects=False, headers={"Accept": "text/html"}
        )


def text_of(answer: httpx.Response) -> str:
    """The page, without what is new each time, and the address that was asked for, which the link to the other language has."""
    return re.sub(r'nonce="[^"]+"|href="[^"]*[?]lang=es"', "", answer.text)


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return Matrix()


def test_every_route_of_the_console_is_named_with_whose_it_is() -> None:
    assert {route for route in console_routes() if "<district_id>" in route[1]} == set(OPEN_TO)


@pytest.mark.deep
def test_only_who_may_is_let_in_at_each_route_of_each_district(matrix: Matrix) -> None:
    wrong, asked = list[str](), Counter[str]()
    every = itertools.product(matrix.browsers, OPEN_TO, DISTRICTS)
    # A part of them tries each role at each route, and each of both in each district.
    for role, (method, address), district in itertools.islice(every, 0, None, depth(quick=7, full=1)):
        answer = matrix.ask(role, method, path_of(address, district))
        allowed = may(role, (method, address), district)
        asked["let in" if allowed else "refused"] += 1
        is_nowhere = district == "nowhere" and answer.status_code == 404
        if (is_let_in(answer) and not is_nowhere) is not allowed:
            wrong.append(f"{role} at {method} {path_of(address, district)}: {answer.status_code}")
    print(f"{len(matrix.browsers)} roles x {len(OPEN_TO)} routes x {len(DISTRICTS)} districts: {dict(asked)}")  # noqa: T201 (the count)
    assert not wrong


@pytest.mark.deep
def test_who_is_refused_learns_not_whether_there_is_such_a_district(matrix: Matrix) -> None:
    # Whoever is not logged in is led to the login of a district, which is public.
    asked = [role for role in matrix.browsers if role != "operator" and is_logged_in(matrix, role)]
    assert len(asked) >= 10
    for n, role in enumerate(asked):
        other = "lakeside" if role.endswith("hilltop") else "hilltop"
        for method, address in itertools.islice(OPEN_TO, n % 5, None, depth(quick=8, full=1)):
            there, nowhere = (matrix.ask(role, method, path_of(address, each)) for each in (other, "nowhere"))
            assert (there.status_code, text_of(there)) == (nowhere.status_code, text_of(nowhere)), (
                role,
                method,
                address,
            )
            assert f"{other.title()} Schools" not in there.text


def is_logged_in(matrix: Matrix, role: str) -> bool:
    return not matrix.ask(role, "GET", "/console/lakeside").headers.get("location", "").startswith(("/sso/", "/login"))


@pytest.mark.parametrize("who", sorted(OF_SCHOOLS))
def test_people_of_other_schools_are_as_if_they_were_not_there(matrix: Matrix, who: str) -> None:
    role = f"{who} of lakeside"
    for method, address in OPEN_TO:
        if PERSON not in address:
            continue
        own, other, nobody = (
            matrix.ask(role, method, path_of(address, "lakeside", each)) for each in ("teacher", "colleague", "unknown")
        )
        assert own.status_code != 404, (method, address)
        assert (other.status_code, text_of(other)) == (404, text_of(nobody)), (method, address)
    everybody = matrix.browsers[role].open("/console/lakeside/people").press("Search", query="Person")
    assert "colleague" not in everybody.text


def test_no_other_method_is_answered_at_an_address_of_the_console(matrix: Matrix) -> None:
    addresses = {address for _, address in OPEN_TO}
    asked = Counter[int]()
    for address in sorted(addresses):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            if (method, address) not in OPEN_TO:
                asked[matrix.ask("operator", method, path_of(address, "lakeside")).status_code] += 1
    assert set(asked) <= {404, 405}, asked


def test_nothing_was_done_for_who_was_refused(matrix: Matrix) -> None:
    """The trail has entries of those who may act alone."""
    items = matrix.web.world.table.items
    by = {str(item["by"]) for (_, sk), item in items.items() if sk.startswith("TRAIL#")}
    assert by <= {*OF_WHOLE, *OF_SCHOOLS, "operator:ops"}
