"""The single writes within a request, by their kind: an operation and the kind of item, such as ``Put USER/LINK``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simulation.features import FEATURES
from simulation.laboratory import Laboratory, Weather


def every_write(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each single write of a request, with its kind; batches are not taken apart."""
    many = request.get("TransactItems")
    for verb, one in [pair for write in many for pair in write.items()] if many else [(operation, request)]:
        key = one.get("Item") or one.get("Key")
        if isinstance(key, dict) and "PK" in key and not verb.startswith("Get"):
            kind = f"{key['PK'].partition('#')[0]}/{key['SK'].partition('#')[0]}"
            yield f"{verb.removesuffix('Item')} {kind}", one


def conditional_writes(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((kind, one) for kind, one in every_write(operation, request) if "ConditionExpression" in one)


def is_about(kind: str) -> Callable[[str, dict[str, Any]], bool]:
    """Whether a request makes a write of this kind."""
    return lambda operation, request: any(found == kind for found, _ in every_write(operation, request))


CROWD = Weather(duplicates=0.5, disorder=0.3)
"""Many deliveries at a time, none of which goes wrong."""


def meeting(seed: int, kind: str, **more: Any) -> Laboratory:
    """People and uploads at the same moment; before a write of this kind everybody else who is there goes first."""
    return Laboratory(seed, features=FEATURES, weather=CROWD, people_race=True, meets=is_about(kind), **more)


def kinds_of_writes(seeds: Iterable[int]) -> list[str]:
    """All kinds that crowded runs of these seeds make."""
    kinds: set[str] = set()

    def note(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        kinds.update(kind for kind, _ in every_write(operation, request))
        return request

    for seed in seeds:
        Laboratory(seed, features=FEATURES, weather=CROWD, people_race=True, loosened=note).run()
    return sorted(kinds)
