"""Message authentication codes: what only this service can have written, for one purpose."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence


def mac(purpose: str, facts: Sequence[str | int | None], key: bytes) -> str:
    """43 letters, digits, ``-`` and ``_``: the HMAC-SHA256 of these facts under a key. One purpose's opens nothing of another."""
    message = json.dumps([purpose, *facts], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode().rstrip("=")
