"""What stands in a district, whatever was uploaded since."""

from __future__ import annotations

from typing import Any

from tests.harness import World

_ABOUT_UPLOADS = ("LATEST", "IMPORT#", "PROGRESS#")


def stored_state(world: World) -> dict[str, Any]:
    """Every item but those that tell of uploads, the mail that was asked for, and the snapshot's files."""
    items = {key: item for key, item in world.table.items.items() if not key[1].startswith(_ABOUT_UPLOADS)}
    files = {key: body for (bucket, key), body in world.s3.objects.items() if key.startswith("snapshots/")}
    return {"items": items, "mail": list(world.sqs.messages), "snapshots": files}
