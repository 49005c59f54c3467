"""Each guard of the pages is taken out in turn: the test that holds it must fail (``python -m simulation.security_guards``)."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest import mock

import pytest

from functions.pages import http as web
from functions.pages import request_context as visits
from functions.pages.activation import activation as activation_pages
from functions.pages.http import LOGIN_COOKIE, PageRenderer, Reply, Request, see_other
from functions.pages.linking import link as linking
from functions.pages.login import federated_login
from functions.pages.login import password as passwords
from functions.pages.mail_links import notice as notice_pages
from shared.domain import link as link_rules
from shared.hubs.oidc import Identity
from shared.runtime.tokens import SealedCookie
from shared.stores import identifier_index, links, sessions
from shared.stores import request_context as visits_store
from shared.stores.rate_limits import RateLimiter
from shared.stores.sessions import SessionStore
from shared.use_cases import link_accounts
from simulation import races
from simulation.guards import _any_holder_matches, _redoes_what_was_undone
from tests import pages_harness as tests_site
from tests.harness import GOOGLE
from tests.pages_harness import lakeside
from tests.unit.mail import test_activation_life as activation_life
from tests.unit.pages import test_headers as headers
from tests.unit.pages import test_linking as linked
from tests.unit.pages import test_notices as notices
from tests.unit.pages import test_oidc_answers as issuers
from tests.unit.pages import test_passwords as forgotten
from tests.unit.pages import test_pre_hijacked_accounts as pre_hijacked
from tests.unit.pages import test_scanners as scanners
from tests.unit.pages import test_security as security

type Removed = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Mutation:
    """A guard, the way to take it out, and the test that must notice."""

    guard: str
    removed: Removed
    test: Callable[[], object]


def _patch(target: Any, name: str, new: Any) -> Removed:
    return lambda: mock.patch.object(target, name, new)


def _anybody_posts(_request: Request, _web_url: str) -> None:
    return None


def _never(*_: object, **__: object) -> bool:
    return False


def _always(*_: object, **__: object) -> bool:
    return True


def _nothing(*_: object, **__: object) -> None:
    return None


_headers = PageRenderer._security_headers
_from_event = Request.from_event.__func__
_make = link_rules.make
_writes = links.LinkStore.link_writes
_start = SessionStore.start
_session_of = sessions.session_of
_use_once = SessionStore.use_once


def _without(header: str) -> Removed:
    def fewer(self: PageRenderer, nonce: str) -> dict[str, str]:
        return {name: value for name, value in _headers(self, nonce).items() if name != header}

    return _patch(PageRenderer, "_security_headers", fewer)


def _with_inline_styles(self: PageRenderer, nonce: str) -> dict[str, str]:
    found = _headers(self, nonce)
    policy = found["Content-Security-Policy"].replace("style-src", "style-src 'unsafe-inline'")
    return {**found, "Content-Security-Policy": policy}


def _believes_headers(event: dict[str, Any]) -> Request:
    found = _from_event(Request, event)
    return replace(found, source_ip=found.headers.get("x-forwarded-for", found.source_ip))


def _of_any_age(present: Any, *args: Any, **named: Any) -> Any:
    return _make(present, *args, **{**named, "proved_at": None})


def _unsealed(self: SealedCookie, sealed: str | None, _max_age: int) -> Any:
    found = self._serializer.loads_unsafe(sealed or "")[1]
    return found if isinstance(found, dict) else None


def _no_condition(kind: str) -> Removed:
    """The transaction that makes a link, without the condition on one of its items."""

    def looser(*args: Any, **named: Any) -> list[dict[str, Any]]:
        writes: list[dict[str, Any]] = _writes(*args, **named)
        for write in writes:
            ((_, one),) = write.items()
            key = one.get("Item") or one["Key"]
            if key["SK"].startswith(kind):
                del one["ConditionExpression"]
                if "Item" in one:
                    one.pop("ExpressionAttributeNames", None)
                    one.pop("ExpressionAttributeValues", None)
                else:
                    one["ExpressionAttributeValues"].pop(":id")
        return writes

    return _patch(links.LinkStore, "link_writes", looser)


def _keeps_old_ids(self: SessionStore, session: Any, session_id: str, *, instead_of: Any = None) -> Any:
    return _start(self, session, session_id)


def _expires_late(session_id: str, item: Any, ended: Any, now: datetime) -> Any:
    return _session_of(session_id, item, ended, now.replace(year=2020))


def _believes_every_address(*said: Any) -> Identity:
    """An identity whose address counts as verified, whatever the issuer says."""
    return replace(Identity(*said), email_verified=True)


def _joins_whatever_is_named(self: Any, request: Request) -> Any:
    """The form is not compared with what this browser was shown."""
    context = self._contexts.of(request)
    if context.session is None or context.proven is None:
        return web.see_other("/login")
    shown = {"account_id": context.session.account_id, "sourced_id": context.proven.user.sourced_id}
    return _decide(self, replace(request, form=shown))


def _takes_any_state(self: Any, request: Request, provider: str) -> Any:
    """Whatever state comes back is taken for that of this browser."""
    begun = self._services.sealed("login").open(request.cookies.get(web.LOGIN_COOKIE), 600) or {}
    return _answered(self, replace(request, query={**request.query, "state": begun.get("state", "")}), provider)


def _notes_a_try(self: Any, request: Request, provider: str) -> Any:
    """The state is used up by a try, as it once was."""
    if begun := self._services.sealed("login").open(request.cookies.get(web.LOGIN_COOKIE), 600):
        _use_once(self._services.sessions, begun["state"], federated_login._STATE_KEPT)
    return _answered(self, request, provider)


def _writes_at_the_button(self: Any, request: Request, *, has_account: bool) -> Any:
    """The press of a button is noted in the table."""
    if invitation := self._contexts.of(request).invitation:
        self._services.activations.mark_opened(invitation.activation, "2026-01-01T00:00:00.000Z")
    return _go_on(self, request, has_account=has_account)


_decide = linking.LinkPages.confirm
_answered = federated_login.FederatedLoginPages.callback
_go_on = activation_pages.ActivationPages.go_on


def _mails_whoever_asks(form: Any) -> Removed:
    return _patch(activation_pages, "normalise", lambda _typed: form)


def _race(meet: Callable[[races.Race], Any]) -> Callable[[], None]:
    """The first seeds of a race; some of them must go wrong."""

    def run() -> None:
        prepared = lakeside().world
        for seed in range(60):
            meet(races.Race(seed, prepared))

    return run


def _robots() -> None:
    watch, _, _ = scanners.scanned(400)
    assert watch.writes == []


def _every_status() -> None:
    site = lakeside()
    for status in headers.PROVOKED:
        headers.test_every_route_carries_the_whole_set_at_every_status(site, status)


def _tells_the_username(self: passwords.PasswordPages, request: Request) -> Reply:
    name = self._login.username_of(request.form["username"])
    self._services.passwords.send_code(name)
    return see_other("/login/reset", **{LOGIN_COOKIE: self._services.sealed("forgotten").seal({"name": name})})


def _on(test: Callable[..., object], *more: object) -> Callable[[], object]:
    return lambda: test(lakeside(), *more)


_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Cache-Control",
)

MUTATIONS = (
    Mutation(
        "a notice undoes nothing for who does not know its address",
        _patch(notice_pages, "normalise", lambda _typed: notices.OFFICIAL),
        lambda: notices.test_another_address_gets_the_same_answer_and_undoes_nothing(
            notices.told(), "somebody@else.example"
        ),
    ),
    Mutation(
        "a notice's token dies with the link and with the address",
        _patch(notice_pages, "is_notice_token", _always),
        lambda: notices.test_an_address_that_the_account_no_longer_has_undoes_nothing(notices.told()),
    ),
    Mutation(
        "an unverified address is never linked by rule",
        _patch(identifier_index, "match", _any_holder_matches),
        _on(pre_hijacked.test_classic_federated_merge_a_prepared_password_opens_nothing_of_owners),
    ),
    Mutation(
        "a link ends the sessions that were there before it (by mail)",
        _patch(SessionStore, "_has_been_ended", _never),
        _on(pre_hijacked.test_unexpired_session_ends_when_the_owner_links_by_the_mail),
    ),
    Mutation(
        "a link ends the sessions that were there before it (by rule)",
        _patch(SessionStore, "_has_been_ended", _never),
        _on(pre_hijacked.test_unexpired_session_cannot_undo_what_the_owner_linked),
    ),
    Mutation(
        "an issuer that did not verify an address proves nobody",
        _patch(tests_site, "Identity", _believes_every_address),
        _on(
            pre_hijacked.test_non_verifying_issuer_its_word_on_an_address_proves_nobody,
            {"sub": "attacker", "email": pre_hijacked.STUDENT, "email_verified": False},
        ),
    ),
    Mutation(
        "outside identities are keyed by issuer and subject",
        _patch(identifier_index, "oidc_pk", lambda issuer, subject: f"OIDC#{GOOGLE}#google-ada"),
        _on(linked.test_with_google_the_account_is_found_by_subject_and_never_by_address),
    ),
    Mutation(
        "a proof dies with an undo (district login)",
        _patch(links.link_rules, "make", _of_any_age),
        _on(security.test_the_proof_of_a_district_login_links_nothing_after_an_undo),
    ),
    Mutation(
        "no rule makes again what a person undid",
        _patch(link_accounts, "_was_undone", _never),
        lambda: _both_rules_gone(),
    ),
    Mutation(
        "what is joined is what was shown",
        _patch(linking.LinkPages, "confirm", _joins_whatever_is_named),
        _on(security.test_what_is_joined_is_what_was_shown),
    ),
    Mutation(
        "a form of another site is refused",
        _patch(Request, "check_origin", _anybody_posts),
        _on(linked.test_a_form_from_another_site_is_refused),
    ),
    Mutation(
        "a token's MAC is compared",
        _patch(visits, "is_activation_token", _always),
        _on(linked.test_a_used_link_an_unknown_one_and_an_expired_one_each_say_how_to_go_on),
    ),
    Mutation(
        "every step gives the browser another session",
        _patch(SessionStore, "start", _keeps_old_ids),
        _on(security.test_every_step_gives_the_browser_another_session),
    ),
    Mutation(
        "an outside login that was not shown has to be confirmed",
        _patch(sessions, "is_trusted", _always),
        _on(pre_hijacked.test_trojan_identifier_a_second_login_is_confirmed_once_a_rule_links),
    ),
    Mutation(
        "a session's end is looked at, not left to TTL",
        _patch(visits_store, "session_of", _expires_late),
        _on(security.test_a_session_ends_at_its_second, 1, "/login"),
    ),
    Mutation(
        "a cookie is one that we sealed, for this purpose",
        _patch(SealedCookie, "open", _unsealed),
        _on(
            security.test_a_cookie_not_sealed_here_or_sealed_for_something_else_opens_nothing,
            "__Host-activation",
        ),
    ),
    Mutation(
        "limits count whom the API saw",
        _patch(Request, "from_event", staticmethod(_believes_headers)),
        security.test_who_asks_is_told_by_the_api_and_by_no_header,
    ),
    Mutation(
        "guesses at one address are limited",
        _patch(RateLimiter, "hit", _nothing),
        _on(security.test_guesses_at_an_address_are_limited_from_anywhere_and_lock_out_nobody),
    ),
    Mutation(
        "logins are limited, whatever the case",
        _patch(RateLimiter, "hit", _nothing),
        _on(security.test_a_limit_trusts_no_header_case_or_success),
    ),
    Mutation(
        "tries of a second factor are limited",
        _patch(RateLimiter, "hit", _nothing),
        _on(forgotten.test_tries_of_a_code_count_per_account_and_a_new_login_resets_none),
    ),
    Mutation(
        "a second factor is answered by the browser that was asked",
        _patch(SealedCookie, "open", _unsealed),
        _on(forgotten.test_a_question_is_answered_by_the_browser_that_was_asked),
    ),
    Mutation(
        "codes and tries of a new password are limited",
        _patch(RateLimiter, "hit", _nothing),
        _on(forgotten.test_codes_and_tries_are_limited_whatever_the_case_of_the_name),
    ),
    Mutation(
        "a new password ends earlier sessions",
        _patch(SessionStore, "end_all", _nothing),
        _on(forgotten.test_whoever_was_in_before_the_new_password_is_out_after_it),
    ),
    Mutation(
        "nobody learns which username an address stands for",
        _patch(passwords.PasswordPages, "send_code", _tells_the_username),
        _on(forgotten.test_an_address_stands_for_the_username_and_the_browser_learns_neither),
    ),
    Mutation(
        "a state is that of the browser that asked",
        _patch(federated_login.FederatedLoginPages, "callback", _takes_any_state),
        _on(issuers.test_an_attackers_login_is_refused_in_a_victims_browser_unasked),
    ),
    Mutation(
        "a state is used once",
        _patch(SessionStore, "use_once", _always),
        _on(issuers.test_an_answer_counts_once_even_where_the_issuer_takes_its_code_twice),
    ),
    Mutation(
        "a new link goes to the stored address alone",
        _mails_whoever_asks("evil@else.example"),
        activation_life.test_an_expired_link_offers_a_new_one_to_the_school_address_alone,
    ),
    Mutation(
        "a try of a login writes nothing",
        _patch(federated_login.FederatedLoginPages, "callback", _notes_a_try),
        _robots,
    ),
    Mutation(
        "a button writes nothing", _patch(activation_pages.ActivationPages, "go_on", _writes_at_the_button), _robots
    ),
    *(Mutation(f"{name} on every route and status", _without(name), _every_status) for name in _HEADERS),
    Mutation("no unsafe-inline", _patch(PageRenderer, "_security_headers", _with_inline_styles), _every_status),
    Mutation(
        "an account has one person of a district",
        _no_condition("LINK#"),
        _race(races.two_people_race_for_one_account),
    ),
    Mutation("a link is written as it was read", _no_condition("LINK"), _race(races.a_link_meets_its_undo)),
    Mutation(
        "an account is made once",
        _no_condition("LINK"),
        _race(races.one_person_is_on_two_devices),
    ),
)


def _both_rules_gone() -> None:
    """PageRenderer and store both know it; only without both of them it shows."""
    with mock.patch.object(links.link_rules, "make", _redoes_what_was_undone):
        linked.test_undo_gives_each_side_back_and_no_rule_links_the_pair_again(lakeside())


def is_noticed(one: Mutation, removed: Removed | None = None) -> str:
    """What the test said without the guard; empty when it noticed nothing."""
    try:
        with redirect_stdout(io.StringIO()), (removed or one.removed)():
            one.test()
    except Exception as failed:  # noqa: BLE001 - whatever ends the test is a failure of it
        return f"{type(failed).__name__}: {failed}".partition("\n")[0][:90] or type(failed).__name__
    except pytest.fail.Exception as failed:
        return str(failed)[:90]
    return ""


def main() -> int:
    missed = 0
    for one in MUTATIONS:
        began = time.perf_counter()
        whole, said = is_noticed(one, nullcontext), is_noticed(one)
        missed += bool(whole) or not said
        verdict = f"BROKEN WITH THE GUARD: {whole}" if whole else said or "MISSED"
        sys.stdout.write(f"{time.perf_counter() - began:5.1f} s  {one.guard:<66} {verdict}\n")
    sys.stdout.write(f"{len(MUTATIONS)} guards, {missed} missed\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
