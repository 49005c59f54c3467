"""What CloudFormation makes of a template: SAM's transform, and whether conditions hold."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from tests.account import REGION


def holds(condition: Any, conditions: Mapping[str, Any], value: Callable[[Any], Any]) -> bool:
    """Whether a condition of a template holds. ``conditions`` are all of them by name; ``value`` resolves what is compared.

    Raises ValueError for a function that the template did not use when this was written.
    """

    def inner(part: Any) -> bool:
        return holds(part, conditions, value)

    match condition:
        case str() as name:
            return inner(conditions[name])
        case {"Condition": name}:
            return inner(conditions[name])
        case {"Fn::Not": [part]}:
            return not inner(part)
        case {"Fn::And": parts}:
            return all(map(inner, parts))
        case {"Fn::Or": parts}:
            return any(map(inner, parts))
        case {"Fn::Equals": [left, right]}:
            return bool(value(left) == value(right))
    raise ValueError(f"a condition of another kind: {condition}")


def transform_of(template: Any, parameters: Mapping[str, Any] | None = None, *, code: str = "key") -> dict[str, Any]:
    """A template after SAM's transform, with its code uploaded under this key."""
    # Imported here, because it takes seconds and few tests need it.
    from samtranslator.translator.transform import transform

    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    uploaded = json.loads(json.dumps(template))
    for resource in uploaded["Resources"].values():
        for name in {"CodeUri", "ContentUri", "DefinitionUri"} & set(resource.get("Properties", {})):
            resource["Properties"][name] = f"s3://code/{code}"
    made: dict[str, Any] = transform(uploaded, dict(parameters or {}), SimpleNamespace(load=dict))
    return made
