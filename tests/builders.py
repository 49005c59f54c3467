"""Rows of rosters and lines of the accounts feed, as the tests need them."""

from __future__ import annotations

from typing import Any

from shared.domain.roster import RosterUserKey

USERS = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email,password\n"


CLASSES = "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\n"


ENROLLMENTS = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"


def user(
    key: str,
    role: str = "student",
    *,
    email: str | None = None,
    ids: str = "",
    given: str = "Kim",
    status: str = "",
    school: str = "o1",
) -> str:
    address = f"{key}@lakeside.example" if email is None else email
    return f"{key},{status},,true,{school},{role},{key},{ids},{given},Person,{address},secret-{key}\n"


def roster(
    *users: str, enrollments: str = "", classes: str = "c1,,,Algebra,k1,scheduled,o1,t1\n"
) -> dict[str, str | bytes]:
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\n",
        "users.csv": USERS + "".join(users),
        "classes.csv": CLASSES + classes,
        "enrollments.csv": ENROLLMENTS + enrollments,
    }


def enrolled(person: str, role: str = "student", class_id: str = "c1") -> str:
    return f"e-{class_id}-{person},,,{class_id},o1,{person},{role}\n"


def account(account_id: str, email: str, *, verified: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "role": "teacher",
        "display_name": "Kim",
        "username": account_id,
        "email": email,
        "email_verified": verified,
        **more,
    }


def key(sourced_id: str, kind: str = "") -> RosterUserKey:
    return RosterUserKey("lakeside", sourced_id, kind)
