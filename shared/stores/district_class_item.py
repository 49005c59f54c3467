"""The item of a district class, whether it is one of now or a past one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from shared.domain.roster import DistrictClass
from shared.stores.keys import Item


def district_class_of(
    district_id: str, class_id: str, item: Item, students: Iterable[str], noted_by: str = ""
) -> DistrictClass:
    """The class; ``students`` are none where nobody asked for them. ``noted_by`` is the import that noted a past one."""
    return DistrictClass(
        district_id,
        class_id,
        item["title"],
        item.get("school_id"),
        item.get("course_title"),
        item.get("class_code"),
        item.get("term_title"),
        item.get("ends_on"),
        tuple(item.get("teacher_ids", ())),
        tuple(students),
        int(item["size"]),
        bool(item.get("by_kind")),
        str(item.get("since", "")),
        noted_by,
    )


def packed_ids(ids: Iterable[str]) -> bytes:
    """These ids as an item keeps them: a class of thirty takes half of a kilobyte."""
    return zlib.compress("\n".join(ids).encode())


def unpacked_ids(packed: Any) -> list[str]:
    """The ids that ``packed_ids`` was given. A table returns bytes as an object of boto3's own."""
    text = zlib.decompress(bytes(packed)).decode()
    return text.split("\n") if text else []
