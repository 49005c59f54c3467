"""Why a preview is not applied that comes to something else by now (B14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHANGED_SINCE: Final[Mapping[str, str]] = {
    "code": "changed_since_preview",
    "message": "This preview was not applied: what it would do has changed since it was made. Nothing was written. Check the "
    "roster again.",
}
