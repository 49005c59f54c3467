"""A district that logs in with ClassLink and Microsoft, on the local stack and by its doubles of both (M12, M21, B9)."""

from __future__ import annotations

import json

import pytest

from local.demo_steps import Journey
from local.sample_district import SampleDistrict, zipped
from local.stack import LocalStack
from local.web_client import WebClient
from tests.builders import roster, user

STUDENTS = {
    "classlink": (
        "Continue with ClassLink",
        {"classlink_user_id": "7", "number_in_the_district": "s1", "tenant": "21"},
    ),
    "microsoft": ("Continue with Microsoft", {"email": "s2@hubs.example.org", "object_id": "oid-1", "tenant": "tid-1"}),
}


@pytest.fixture(scope="module")
def district(stack: LocalStack, sample: SampleDistrict) -> str:
    """Students alone: nobody is mailed, so that other tests count their own mails."""
    uploads = Journey(stack, sample)
    settings = {
        "name": "Hubs", "email_domains": ["hubs.example.org"], "time_zone": "America/New_York",
        "identity_providers": ["classlink", "microsoft"], "classlink_tenant_id": "21", "microsoft_tenant_id": "tid-1",
    }  # fmt: skip
    uploads.put("districts/hubs/district.json", json.dumps(settings).encode())
    people = (user(key, email=f"{key}@hubs.example.org", given=key.upper()) for key in ("s1", "s2"))
    uploads.put("rosters/hubs/roster.zip", zipped(roster(*people)))
    assert uploads.latest("rosters/hubs/roster.zip")["status"] == "completed"
    return "hubs"


@pytest.mark.slow
@pytest.mark.parametrize("hub", STUDENTS)
def test_a_student_logs_in_through_the_double_of_a_hub(stack: LocalStack, district: str, hub: str) -> None:
    button, person = STUDENTS[hub]
    with WebClient(stack.web_url) as student:
        student.open(f"/sso/{district}").press(button).press("Sign in", **person)
        assert student.path == "/welcome", student.text
        student.press("I don't have an account yet")
        assert student.path == "/home", student.text
    with WebClient(stack.web_url) as again:
        again.open(f"/sso/{district}").press(button).press("Sign in", **person)
        assert again.path == "/home", again.text
    with WebClient(stack.web_url) as stranger:
        stranger.open(f"/sso/{district}").press(button).press("Sign in", **{**person, "tenant": "another"})
        assert stranger.status == 403
        assert "other_district" in stranger.text
