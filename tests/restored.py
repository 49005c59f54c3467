"""A world whose table, or whose snapshots, were taken back to an earlier moment; mails that went out stay out."""

from __future__ import annotations

from tests.harness import World


def moment(world: World) -> World:
    """What a world holds now, for taking it back later."""
    kept = World()
    kept.begin_like(world)
    return kept


def restored(now: World, *, table: World | None = None, snapshots: World | None = None) -> World:
    """A fresh world that goes on from ``now`` with the table of one moment and the snapshots of another; those of now by
    default."""
    world = World()
    world.begin_like(now)
    if table:
        world.table.take_over(table.table)
    if snapshots:
        kept = {at: body for at, body in now.s3.objects.items() if at[0] != "snapshots"}
        world.s3.objects = kept | {at: body for at, body in snapshots.s3.objects.items() if at[0] == "snapshots"}
    world.ses.sent = list(now.ses.sent)
    world.sqs.messages = list(now.sqs.messages)
    return world
