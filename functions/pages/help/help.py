"""What a code of a report means, and what to do (M2): the address that a report gives beside each code.

Nobody logs in for it, nothing is read from AWS, and it is the same for everybody.
"""

from __future__ import annotations

from functools import partial

from functions.pages.http import Reply, Request, page
from shared.runtime.hub_words import HUBS, troubles
from shared.runtime.report_words import codes, explained, is_code


class HelpPages:
    """The words of a report (``shared/runtime/report_words.py``) as pages."""

    def show(self, request: Request, code: str) -> Reply:
        """All that a report may say of a code; 404 with the way to the list for a code that there is not (any more)."""
        if not is_code(code):
            return _public(request, page("help/code", status=404, code=""))
        return _public(request, page("help/code", code=code, explained=partial(explained, code)))

    def show_all(self, request: Request) -> Reply:
        """Every code with its first sentence."""
        return _public(request, page("help/codes", codes=codes))

    def show_logins(self, request: Request) -> Reply:
        """What each hub shows to whom it does not send back, and who mends it."""
        titles = {provider: words.title for provider, words in HUBS.items()}
        return _public(request, page("help/logins", hubs=list(HUBS), titles=titles, troubles=troubles))


def _public(request: Request, reply: Reply) -> Reply:
    """The page for everybody. As no cookie keeps a language that was chosen here, the links of the page do."""
    reply.is_public = True
    reply.values["is_chosen"] = bool(request.query.get("lang"))
    return reply
