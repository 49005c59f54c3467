"""Why a roster was not fetched: each reason once, with what to do (B10). What was fetched until then is not applied."""

from __future__ import annotations

from shared.domain.errors import AccountLinkingError


class FetchFailed(AccountLinkingError):
    """A district's roster could not be fetched, and nothing of it is applied."""


class PullChanged(AccountLinkingError):
    """The source's rows changed while they were fetched: what was fetched of the collection is of two moments. Fetch it again."""


class TryLater(AccountLinkingError):
    """The source did not answer, or asks for a pause. ``seconds`` is how long it wants, where it says so."""

    def __init__(self, code: str, message: str, *, seconds: float | None = None) -> None:
        super().__init__(code, message)
        self.seconds = seconds


class TooLarge(TryLater):
    """The source gave up on a page of this size: a smaller one may come."""


def no_source() -> FetchFailed:
    return FetchFailed(
        "fetch_no_source",
        "The district has no source to fetch from. Write sources/{district_id}/source.json, and fetch again.",
    )


def secret_missing() -> FetchFailed:
    return FetchFailed(
        "fetch_secret",
        "The secret of the source is not there, or has other fields than it needs. Set it with `make set-secret`, and fetch again.",
    )


def no_tenant(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_tenant",
        f"district.json names no {name}, or the source has another one. Correct it: only what is this district's is fetched.",
    )


def refused_address() -> FetchFailed:
    return FetchFailed(
        "fetch_refused_address",
        "An address of the source leads to a host that is not public, or is not https. Nothing was sent. Correct source.json.",
    )


def foreign_address() -> FetchFailed:
    return FetchFailed(
        "fetch_foreign_address",
        "The source sends on to another host. Nothing was sent there. Write the address that it leads to into source.json, if "
        "it is the district's.",
    )


def login_refused() -> FetchFailed:
    return FetchFailed(
        "fetch_login_refused",
        "The source refuses the client id and secret, or the token. Correct the secret, or have them renewed there.",
    )


def not_allowed(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_not_allowed",
        f"The source does not let this service read {name}. Have it allowed there, and fetch again.",
    )


def switched_off() -> FetchFailed:
    return FetchFailed(
        "fetch_switched_off",
        "The district has switched this service off at the source. Have it switched on there. Until then nobody is removed.",
    )


def paused() -> FetchFailed:
    return FetchFailed(
        "fetch_paused",
        "The district's data is paused, or in error, at the source. Have it set right there. Until then nobody is removed.",
    )


def unreachable() -> TryLater:
    return TryLater("fetch_unreachable", "The source does not answer. It is tried again with the next fetch.")


def too_large() -> TooLarge:
    return TooLarge("fetch_unreachable", "The source does not answer. It is tried again with the next fetch.")


def unusable_page(name: str) -> TooLarge:
    """The source refuses to give a page as it is asked for: a smaller one may do."""
    refused = unreadable(name)
    return TooLarge(refused.code, refused.message)


def invalid_source() -> FetchFailed:
    return FetchFailed(
        "fetch_no_source",
        "source.json cannot be used: the report under _settings/ says why. Correct it; until then nothing is fetched.",
    )


def foreign_secret() -> FetchFailed:
    return FetchFailed(
        "fetch_secret",
        "source.json names a secret that is not this district's own, and none was read. Correct it, and fetch again.",
    )


def busy(seconds: float | None) -> TryLater:
    message = (
        "The source asks for a pause that is longer than this fetch can wait. It is tried again with the next fetch."
    )
    return TryLater("fetch_busy", message, seconds=seconds)


def unreadable(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_no_envelope",
        f"The source's answer to {name} is none of a roster: it is an error, a page for people, or cut. Have its owner look at it.",
    )


def page_missing(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_page_missing",
        f"The source said that there are more {name} than it gave. Have its owner look at it: nobody is removed for rows that "
        "did not come.",
    )


def too_many(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_too_many",
        f"The source gave more {name} than it said that there are. Have its owner look at it.",
    )


def repeated(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_repeated",
        f"The source gave the same {name} on two pages, or leads in a circle. Have its owner look at it.",
    )


def endless(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_endless",
        f"The source has no end of pages of {name}. Have its owner look at it.",
    )


def emptied(name: str) -> FetchFailed:
    return FetchFailed(
        "fetch_emptied",
        f"The source has no {name} any more, and had some before. Have its owner look at it, or upload the roster as files.",
    )


def answer_too_long() -> FetchFailed:
    return FetchFailed(
        "fetch_too_large",
        "The source gave an answer that is larger than any page of a roster. Have its owner look at it.",
    )


def changed(name: str) -> PullChanged:
    return PullChanged(
        "fetch_changed",
        f"The source's {name} changed again and again while they were fetched. Choose a quieter time of day in source.json.",
    )


def stopped() -> FetchFailed:
    """A fault of this service's own."""
    return FetchFailed(
        "fetch_stopped",
        "The fetch stopped because of a fault on our side; people have been told. It is tried again with the next one.",
    )
