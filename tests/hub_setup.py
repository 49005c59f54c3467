"""docs/hub-setup.md, what a district's IT does at each hub, from the words of the console. Run it to write it anew."""

from __future__ import annotations

from pathlib import Path

from shared.runtime.hub_words import HUBS, Facts, letter, troubles

PAGE = Path(__file__).parent.parent / "docs/hub-setup.md"
_LANGUAGES = {"en": "English", "es": "Español"}


def written() -> str:
    """The document, with what is this service's own as names in braces."""
    lines = [
        "# What a district's IT does at each hub",
        "",
        "Words to forward; `/console/{district_id}/logins` has them with the client ids of this stack and the district's own ids.",
        "Made by `python -m tests.hub_setup` from `shared/runtime/hub_words.py`. What people see where a hub keeps them, and who",
        "mends it, is at `/help/logins`; how many browsers did not come back is on the same page of the console, and `make doctor`",
        "says it.",
    ]
    for provider, words in HUBS.items():
        lines += ["", f"## {words.title}"]
        for language, name in _LANGUAGES.items():
            lines += [
                "",
                f"### {words.title}, {name}",
                "",
                "```text",
                letter(provider, facts(provider), language),
                "```",
            ]
        lines += ["", "| code | what people see | what it means | who mends it |", "|---|---|---|---|"]
        lines += [f"| `{t.code}` | {t.seen} | {t.means} | {t.mended_by} |" for t in troubles(provider)]
    return "\n".join(lines) + "\n"


def facts(provider: str) -> Facts:
    """What stands for this service's own facts."""
    return Facts(
        "{brand}", "{client id}", f"{{WebUrl}}/callback/{provider}", "{WebUrl}/sso/{district_id}", "{tenant}", "{sender}@{domain}",
        "{WebUrl}", "{support}",
    )  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(written())
