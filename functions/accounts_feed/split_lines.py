"""Reads each line of a part of the file once: rejects what cannot be used, and hands the rest to the shards of accounts."""

from __future__ import annotations

from collections.abc import Iterable

from functions.accounts_feed.account_line import account_line, rejection
from functions.accounts_feed.feed import LineReject, PartHead, shard_of
from functions.accounts_feed.feed_files import line_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def split_lines(
    lines: Iterable[bytes], *, shards: int, is_first: bool
) -> tuple[list[bytearray], list[LineReject], PartHead]:
    """The lines for each shard, the rejects, and how many lines there are; lines are numbered from 1 in each part."""
    found = [bytearray() for _ in range(shards)]
    rejects: list[LineReject] = []
    head = PartHead(0, 0, 0, [])
    for number, raw in enumerate(lines, 1):
        head.lines = number
        text = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 and is_first else raw
        if not text.strip():
            continue
        head.read += 1
        try:
            line = account_line(text)
        except ValueError as error:
            head.rejected += 1
            rejects.append(rejection(number, error))
            continue
        name, packed = line_of(number, line.account_id, line.model_dump_json(exclude_unset=True).encode())
        found[shard_of(name, shards)] += packed
    return found, rejects, head
