"""Connections to servers that are not AWS: kept open from one request to the next, and nothing else is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def connection() -> requests.Session:
    """A session that keeps its connections alive, for one worker.

    What one person's login brings stays out of the next one's: cookies are not taken. Nothing of the environment is, either:
    no proxy, and no credentials of a ``.netrc``.
    """
    from http.cookiejar import DefaultCookiePolicy

    import requests

    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session
