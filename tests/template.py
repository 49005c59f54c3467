"""The template as it stands, and its resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

TEMPLATE = cfn_yaml.load(str(Path(__file__).parents[1] / "template.yaml"))


RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
