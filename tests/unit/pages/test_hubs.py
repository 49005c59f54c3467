"""Each hub of ours against the double of the true one: what a login proves, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local.doubles.google import Google as GoogleDouble
from shared.domain.errors import LoginRefused
from shared.hubs.google import Google
from shared.hubs.hub import Binding, Hub, Identity
from tests.hub_trial import BACK, CLIENT, SECRET, Trial, came_back

BINDING = Binding("s", "n", "v" * 43)


def logged_in(trial: Trial, hub: Hub, person: Mapping[str, str], *ticked: str) -> Identity:
    """Somebody logs in with a browser of their own, and the hub of ours redeems the code."""
    page = trial.browser().open(hub.authorize(BINDING))
    return hub.prove(came_back(page.press("Sign in", *ticked, **person))["code"], BINDING)


def google() -> tuple[Trial, Google]:
    trial = Trial(GoogleDouble, "https://accounts.google.com")
    return trial, Google(trial.hub.issuer, CLIENT, lambda: SECRET, BACK, lambda: trial.now, trial.http)


def test_google_proves_subject_address_and_hosted_domain() -> None:
    identity = logged_in(*google(), {"email": "Ada@Lakeside.example"})
    assert identity.subject == "google-ada@lakeside.example"
    assert (identity.email_verified, identity.hosted_domain) == (True, "lakeside.example")


@pytest.mark.parametrize(("box", "expected"), [
    ("No hosted domain", (True, None)), ("Email not verified", (False, "lakeside.example")),
])  # fmt: skip
def test_google_proves_no_more_than_it_says(box: str, expected: tuple[bool, str | None]) -> None:
    identity = logged_in(*google(), {"email": "ada@lakeside.example"}, box)
    assert (identity.email_verified, identity.hosted_domain) == expected


def test_a_google_code_that_comes_twice_proves_nothing() -> None:
    trial, hub = google()
    page = trial.browser().open(hub.authorize(BINDING)).press("Sign in", email="ada@lakeside.example")
    code = came_back(page)["code"]
    assert hub.prove(code, BINDING).subject == "google-ada@lakeside.example"
    with pytest.raises(LoginRefused):
        hub.prove(code, BINDING)
