"""The whole journey on a local stack, step by step: the demo shows it, and a test checks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from botocore.exceptions import ClientError

from local.proxy import sent_mail
from local.sample_district import DISTRICT_ID, PASSWORD, SKILLS, SampleDistrict
from local.stack import LocalStack
from local.web_client import WebClient


class StepFailed(Exception):
    """A step of the journey failed; the message says what was expected and what came instead."""


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)


def until[T](find: Callable[[], T | None], *, seconds: float, name: str) -> T:
    """Return what ``find`` returns, as soon as it is neither None nor False. Raises StepFailed after ``seconds``."""
    ends = monotonic() + seconds
    while monotonic() < ends:
        found = find()
        if found is not None and found is not False:
            return found
        sleep(0.2)
    raise StepFailed(f"{name} did not come within {seconds:.0f} s")


@dataclass(frozen=True, slots=True)
class Step:
    """A step: its title, and what does it and returns its result in a few words."""

    title: str
    run: Callable[[], str]


class Journey:
    """A district from its first upload to a teacher's clean-up."""

    def __init__(self, stack: LocalStack, sample: SampleDistrict) -> None:
        self._stack = stack
        self._sample = sample
        self._s3 = stack.client("s3")
        self._teacher = WebClient(stack.web_url)
        self._student = WebClient(stack.web_url)

    def steps(self) -> Iterator[Step]:
        teacher, colleague = self._sample.teacher.name, self._sample.google_teacher.name
        by_rule, by_choice = self._sample.matched_student.name, self._sample.choosing_student.name
        yield Step("Riverbend joins, and its people are on the platform already", self.accounts)
        yield Step("Its first roster comes", self.roster)
        yield Step("Who is who", self.matches)
        yield Step("Teachers who could not be matched get one email", self.mails)
        yield Step("The next night the same roster comes again", self.same_roster)
        yield Step(f"A mail scanner opens the link in {teacher}'s email 20 times", self.scanner)
        yield Step(f"{teacher} presses the button in the email", self.teacher_confirms)
        yield Step("An email to each of both addresses says so", self.notices)
        yield Step(f"{teacher} looks around", self.both_kinds_of_class)
        yield Step(f"{colleague} does the same, and logs in with Google", self.google_teacher)
        yield Step(f"{by_rule}, a student, logs in with Clever for the first time", self.student_by_rule)
        yield Step(f"{by_choice} does, too", self.student_by_choice)
        yield Step(f"{teacher} makes an old goal again in a district class", self.goal)
        yield Step("And an old assignment", self.assignment)
        yield Step(f"{teacher} is reminded of the old classes", self.nudge)
        yield Step(f"{teacher} cleans up", self.clean_up)

    def left_to_try(self) -> list[tuple[str, list[str]]]:
        """Whom the journey left for a person at the terminal, each with what to do, in lines."""
        sample, web = self._sample, self._stack.web_url
        teacher, student, administrator = sample.teacher_to_try, sample.student_to_try, sample.administrator
        login = f"{web}/sso/{DISTRICT_ID}"
        return [
            (
                f"A teacher, {teacher.name}",
                [
                    f"Open the email      {self._stack.mail_url}/?to={teacher.official_email}",
                    "Press               Confirm your account, then Log into my existing account",
                    f"Username            {teacher.username}",
                    f"Password            {PASSWORD}",
                ],
            ),
            (
                f"A student, {student.name}",
                [
                    f"Open                {login}",
                    "Press               Continue with Clever",
                    f"Clever id           {student.clever_id}",
                    "Press               Log into my existing account",
                    f"Username            {student.username}",
                    f"Password            {PASSWORD}",
                ],
            ),
            (
                f"The district's console, as its administrator {administrator.name}",
                [
                    f"Open                {login}",
                    "Press               Continue with Google",
                    f"Email               {administrator.official_email}",
                    f"Then open           {web}/console/{DISTRICT_ID}",
                ],
            ),
            (
                "What is behind it",
                [
                    f"Mail and design     {self._stack.mail_url}",
                    f"AWS, emulated       {self._stack.endpoint_url}",
                ],
            ),
        ]

    # What the data manager does.

    def put(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self._stack.outputs["RosterBucketName"], Key=key, Body=body)

    def report(self, key: str) -> dict[str, Any] | None:
        """Return a report, or None as long as it is not there."""
        try:
            stored = self._s3.get_object(Bucket=self._stack.outputs["ReportBucketName"], Key=key)
        except ClientError:
            return None
        found: dict[str, Any] = json.loads(stored["Body"].read())
        return found

    def latest(self, upload_key: str) -> dict[str, Any]:
        """Wait until this upload's report is the latest one; return it."""
        district_id = upload_key.split("/")[1]

        def find() -> dict[str, Any] | None:
            report = self.report(f"reports/{district_id}/latest.json")
            return report if report and report["upload"]["key"] == upload_key else None

        return until(find, seconds=120, name=f"the report of {upload_key}")

    def accounts(self) -> str:
        cognito = self._stack.client("cognito-idp")
        pool = self._stack.outputs["UserPoolId"]
        for username, account_id in self._sample.logins.items():
            cognito.admin_create_user(
                UserPoolId=pool,
                Username=username,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": "custom:account_id", "Value": account_id}],
            )
            cognito.admin_set_user_password(UserPoolId=pool, Username=username, Password=PASSWORD, Permanent=True)
        self.put(f"districts/{DISTRICT_ID}/district.json", json.dumps(self._sample.settings).encode())
        self.put("skills/riverbend.jsonl", self._sample.skills_jsonl())
        self.put("accounts/existing.jsonl", self._sample.accounts_jsonl())
        report = until(
            lambda: self.report("reports/_accounts/existing/report.json"), seconds=60, name="the report of the accounts"
        )
        expect(report["created"] == len(self._sample.accounts), f"accounts created: {report}")
        return f"{report['created']} of them made an account of their own in the last years"

    def roster(self) -> str:
        began = monotonic()
        key = f"rosters/{DISTRICT_ID}/monday.zip"
        self.put(key, self._sample.roster_zip())
        report = self.latest(key)
        expect(report["status"] == "completed", f"the import ended as {report['status']}: {report.get('reason')}")
        self._report = report
        users, classes = report["users"], report["classes"]
        return (
            f"{users['created']} people and {classes['created']} classes, read as OneRoster {report['format']['version']} in "
            f"{monotonic() - began:.1f} s"
        )

    def matches(self) -> str:
        matching = self._report["matching"]
        expect(matching["matched"] == 62, f"matched: {matching}")
        return (
            f"{matching['matched']} people are known by their school email, and are linked at their next login without a "
            f"question; {matching['ambiguous']} more seem to have an account, which their login has to prove; "
            f"{matching['unmatched_teachers']} teachers and {matching['unmatched_students']} students are asked"
        )

    def mails(self) -> str:
        expect(self._report["activations"]["queued"] == self._sample.expected_mails, f"{self._report['activations']}")
        mails = until(
            lambda: found if len(found := self.activation_mails()) >= self._sample.expected_mails else None,
            seconds=60,
            name=f"{self._sample.expected_mails} activation mails",
        )
        sleep(2)
        mails = self.activation_mails()
        addresses = [mail["to"] for mail in mails]
        expect(len(addresses) == len(set(addresses)) == self._sample.expected_mails, f"{len(addresses)} mails")
        return (
            f"{len(mails)} emails to {len(mails)} teachers, with one blue button; read them at {self._stack.mail_url}"
        )

    def activation_mails(self) -> list[dict[str, str]]:
        return [m for m in sent_mail(self._stack.endpoint_url) if m["subject"].startswith("Confirm your official")]

    def activation_address(self, official_email: str) -> str:
        """The address in the mail to this teacher."""
        mail = next((m for m in self.activation_mails() if m["to"] == official_email), None)
        expect(mail is not None, f"there is no mail to {official_email}")
        assert mail is not None
        words = mail["text"].split()
        return next(word for word in words if "/activate/" in word)

    def same_roster(self) -> str:
        before = len(sent_mail(self._stack.endpoint_url))
        key = f"rosters/{DISTRICT_ID}/tuesday.zip"
        self.put(key, self._sample.roster_zip())
        report = self.latest(key)
        expect(report["status"] == "unchanged", f"the second import ended as {report['status']}")
        sleep(1)
        expect(len(sent_mail(self._stack.endpoint_url)) == before, "a second mail went out")
        return "nothing changes, and nobody gets a second email"

    # What the teacher does.

    def scanner(self) -> str:
        address = self.activation_address(self._sample.teacher.official_email)
        with WebClient(self._stack.web_url) as scanner:
            for _ in range(20):
                expect(scanner.open(address).status == 200, f"the address answered {scanner.status}")
        return "nothing happens: only a person who logs in counts"

    def teacher_confirms(self) -> str:
        teacher, sample = self._teacher, self._sample.teacher
        teacher.open(self.activation_address(sample.official_email))
        expect(sample.name in teacher.text, f"the page does not name the teacher: {teacher.text[:300]}")
        expect("/activate/" not in str(teacher.response and teacher.response.url), "the token is still in the address")
        teacher.press("Log into my existing account")
        teacher.press("Log in", username_or_email=sample.username or "", password="wrong")
        expect(teacher.status == 401, f"a wrong password was answered with {teacher.status}")
        teacher.press("Log in", username_or_email=sample.username or "", password=PASSWORD)
        expect(teacher.path == "/link", f"after the login came {teacher.path}: {teacher.text[:200]}")
        expect("Period 3 Algebra" in teacher.text, "the own classes are not shown")
        teacher.press("Link my accounts")
        expect(teacher.path == "/home", f"after linking came {teacher.path}")
        return (
            "a wrong password, the right one, a look at both sides, one press: linked, and no class or progress is lost"
        )

    def notices(self) -> str:
        sample = self._sample.teacher
        mails = until(
            lambda: found if len(found := self._notices_of(sample.name)) >= 2 else None,
            seconds=60,
            name="two notices of the link",
        )
        expect(sample.official_email in {mail["to"] for mail in mails}, "the official address was not told")
        expect(len(mails) == 2, f"{len(mails)} notices")
        address = next(word for word in mails[0]["text"].split() if "/notice/" in word)
        with WebClient(self._stack.web_url) as visitor:
            visitor.open(address)
            expect(visitor.path == "/notice", f"the notice's button leads to {visitor.path}")
            expect(sample.name in visitor.text, "the page behind the notice does not name the teacher")
        return "what was linked, how we know who it was, and how to undo it for 30 days"

    def _notices_of(self, name: str) -> list[dict[str, str]]:
        mails = sent_mail(self._stack.endpoint_url)
        return [m for m in mails if "were linked" in m["subject"] and name in m["text"]]

    def both_kinds_of_class(self) -> str:
        text = self._teacher.open("/home").text
        for wanted in ("District classes", "Previous classes", "Period 3 Algebra", "Algebra 1 – 1"):
            expect(wanted in text, f"home does not show {wanted!r}")
        return "District classes and Previous classes stand on one page"

    def google_teacher(self) -> str:
        sample = self._sample.google_teacher
        with WebClient(self._stack.web_url) as teacher:
            teacher.open(self.activation_address(sample.official_email)).press("Log into my existing account")
            teacher.press("Continue with Google").press("Sign in", email=sample.google_email or "")
            expect(teacher.path == "/link", f"after Google came {teacher.path}: {teacher.text[:200]}")
            teacher.press("Link my accounts")
            expect(teacher.path == "/home", f"after linking came {teacher.path}")
        return "linked"

    # What students do.

    def student_by_rule(self) -> str:
        sample = self._sample.matched_student
        with WebClient(self._stack.web_url) as student:
            student.open(f"/sso/{DISTRICT_ID}").press("Continue with Clever")
            student.press("Sign in", clever_id=sample.clever_id or "")
            expect(student.path == "/home", f"after Clever came {student.path}: {student.text[:200]}")
            expect("Algebra 1 – 1" in student.text and "Period 3 Algebra" in student.text, "home does not show both")
        return "the account knows this Clever id, so it is linked without a question"

    def student_by_choice(self) -> str:
        student, sample = self._student, self._sample.choosing_student
        student.open(f"/sso/{DISTRICT_ID}").press("Continue with Clever")
        student.press("Sign in", clever_id=sample.clever_id or "")
        expect(student.path == "/welcome", f"after Clever came {student.path}: {student.text[:200]}")
        student.press("Log into my existing account")
        student.press("Log in", username_or_email=sample.username or "", password=PASSWORD)
        expect(student.path == "/link", f"after the login came {student.path}: {student.text[:200]}")
        student.press("Link my accounts")
        expect(student.path == "/home", f"after linking came {student.path}")
        return "nothing is known of an account, so there is a choice: log into the old one, and all progress is there"

    def goal(self) -> str:
        teacher = self._teacher.open("/home")
        address = next(a for name, a in teacher.links().items() if name == "Algebra 1 – 1")
        teacher.open(address).press("Create goal", title="Linear equations", skills=", ".join(SKILLS[:6]))
        text = self._student.open("/home").text
        expect(text.count("Linear equations: 50 %") == 2, f"the goal does not start at 50 %: {text[:400]}")
        return "each student starts at what is earned already, here at 50 %"

    def assignment(self) -> str:
        teacher = self._teacher.press("New assignment")
        teacher.press("Create assignment", title="Slope quiz", content="slope-1")
        text = self._student.open("/home").text
        expect("Slope quiz: no score yet" in text and "Slope quiz: 70" in text, f"scores: {text[:400]}")
        return "it starts without a score; the 70 of the old one stays where it is"

    # The clean-up.

    def nudge(self) -> str:
        address = self._sample.teacher.official_email
        mail = until(
            lambda: next(
                (m for m in sent_mail(self._stack.endpoint_url) if m["to"] == address and "previous" in m["subject"]),
                None,
            ),
            seconds=100,
            name="the nudge",
        )
        expect("Period 3 Algebra" in mail["text"], "the nudge does not name the class")
        return f"an email: “{mail['subject']}”"

    def clean_up(self) -> str:
        teacher = self._teacher.open("/classes/own-algebra/settings")
        teacher.press("Download class data")
        address = str(teacher.response and teacher.response.url)
        until(lambda: teacher.open(address).links().get("Save the file"), seconds=60, name="a file to save")
        teacher.open(teacher.links()["Save the file"])
        expect(teacher.response is not None and teacher.response.content[:2] == b"PK", "no zip came")
        teacher.open("/classes/own-algebra/settings").press("Delete class")
        expect("Period 3 Algebra" not in self._student.open("/home").text, "the student still sees the class")
        teacher.press("Restore class")
        expect("Period 3 Algebra" in self._student.open("/home").text, "the student does not see the class again")
        return "class data saved, the old class deleted, gone for its students at once; restored by a press, and back"
