"""Addresses of classes: any id of a platform or a roster as a part of an address."""

from __future__ import annotations

import base64
import re

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


def class_address(class_id: str, district_id: str | None = None) -> str:
    """Where a class is shown. An id that an address cannot hold as it is, is encoded after a ``~``."""
    reference = class_id if _PLAIN.fullmatch(class_id) else "~" + _encoded(class_id)
    return f"/classes/{reference}" + (f"?district={district_id}" if district_id else "")


def class_id_of(reference: str) -> str:
    """The class id that an address names; the reference itself where it is not encoded."""
    if not reference.startswith("~"):
        return reference
    try:
        return base64.urlsafe_b64decode(reference[1:] + "=" * (-len(reference[1:]) % 4)).decode()
    except ValueError:
        return reference


def _encoded(class_id: str) -> str:
    return base64.urlsafe_b64encode(class_id.encode()).decode().rstrip("=")
