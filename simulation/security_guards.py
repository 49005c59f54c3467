"""Each security guard of the pages is removed in turn: the test that holds it must fail (``make guards``)."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from functions.pages import http as web
from functions.pages import request_context
from functions.pages.activation import activation as activation_pages
from functions.pages.http import LOGIN_COOKIE, PageRenderer, Reply, Request, see_other
from functions.pages.limits import CLASS_CODE
from functions.pages.linking import link as linking
from functions.pages.linking import welcome
from functions.pages.login import federated_login
from functions.pages.login import password as passwords
from functions.pages.login.known_browser import KnownBrowsers
from functions.pages.login.login import LoginPages
from functions.pages.mail_links import notice as notice_pages
from shared.domain import link as link_rules
from shared.domain import matching, vouching
from shared.hubs.hub import Identity
from shared.hubs.microsoft import Microsoft
from shared.hubs.oidc import OidcProvider
from shared.mail.recipient_cap import RecipientCap
from shared.runtime.tokens import SealedCookie, TokenKeys
from shared.stores import class_exports, districts, identifier_index, links, renumbering, sessions
from shared.stores import request_context as stored_context
from shared.stores.federated_ids import FederatedIds
from shared.stores.keys import account_key, oidc_key
from shared.stores.rate_limits import RateLimiter
from shared.stores.sessions import SessionStore
from shared.stores.table import Put, Update, Write
from shared.use_cases import find_roster_user, vouch_for_students
from shared.use_cases.class_contents import ClassContents
from simulation import races
from simulation.guards import _any_account_matches
from tests import pages_harness as tests_site
from tests.harness import GOOGLE, OFFICIAL
from tests.pages_harness import lakeside
from tests.scanner import scanned

ROOT = Path(__file__).parents[1]
type Removed = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class SecurityGuard:
    """A guard, how to remove it, and what must notice: a test by its node id, or a check that raises."""

    name: str
    removed: Removed
    noticed_by: str | Callable[[], None]


def _patch(target: Any, name: str, new: Any) -> Removed:
    return lambda: mock.patch.object(target, name, new)


def _anybody_posts(_request: Request, _web_url: str) -> None:
    return None


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
    def fewer(self: PageRenderer, nonce: str, template: str | None) -> dict[str, str]:
        return {name: value for name, value in _headers(self, nonce, template).items() if name != header}

    return _patch(PageRenderer, "_security_headers", fewer)


def _with_inline_styles(self: PageRenderer, nonce: str, template: str | None) -> dict[str, str]:
    found = _headers(self, nonce, template)
    policy = found["Content-Security-Policy"].replace("style-src", "style-src 'unsafe-inline'")
    return {**found, "Content-Security-Policy": policy}


def _believes_headers(event: dict[str, Any]) -> Request:
    found = _from_event(Request, event)
    return replace(found, source_ip=found.headers.get("x-forwarded-for", found.source_ip))


def _strips_every_blank(event: Any, _headers: Any) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in event.get("cookies") or ())
    return {name: value for name, _, value in pairs}


def _counts_every_try(self: RateLimiter, _at_place: Any, anywhere: Any, username: str, _place: str) -> None:
    self.hit(anywhere, username)


def _of_any_age(present: Any, *args: Any, **named: Any) -> Any:
    return _make(present, *args, **{**named, "proved_at": None})


def _unsealed(self: SealedCookie, sealed: str | None, _max_age: int) -> Any:
    found = self._serializer.loads_unsafe(sealed or "")[1]
    return found if isinstance(found, dict) else None


def _sort_key(write: Write) -> str:
    return str(write.item["SK"] if isinstance(write, Put) else write.key["SK"])


def _no_condition(kind: str) -> Removed:
    """Remove the condition on one item of the transaction that makes a link."""

    def looser(*args: Any, **named: Any) -> list[Write]:
        return [
            replace(write, condition="") if _sort_key(write).startswith(kind) else write
            for write in _writes(*args, **named)
        ]

    return _patch(links.LinkStore, "link_writes", looser)


def _keeps_old_ids(self: SessionStore, session: Any, session_id: str, *, instead_of: Any = None) -> Any:
    return _start(self, session, session_id)


def _expires_late(session_id: str, item: Any, ended: Any, now: datetime) -> Any:
    return _session_of(session_id, item, ended, now.replace(year=2020))


def _survives_a_link(session_id: str, item: Any, logins: Any, now: datetime) -> Any:
    """Return the session although all sessions of its account were ended."""
    return _session_of(session_id, item, {**logins, "ended_at": ""} if logins else logins, now)


def _believes_every_address(*claims: Any) -> Identity:
    """Return an identity whose address counts as verified, whatever the issuer says."""
    return replace(Identity(*claims), email_verified=True)


def _joins_whatever_is_named(self: Any, request: Request) -> Any:
    """Join without comparing the form with what this browser was shown."""
    context = self._contexts.of(request)
    if context.session is None or context.proven is None:
        return web.see_other("/login")
    user = context.proven.user
    shown = {"account_id": context.session.account_id, "sourced_id": user.sourced_id, "person": linking.shown_of(user)}
    return _decide(self, replace(request, form=shown))


def _takes_any_state(self: Any, request: Request, provider: str) -> Any:
    """Take whatever state comes back for that of this browser."""
    begun = self._services.sealed("login").open(request.cookies.get(web.LOGIN_COOKIE), 600) or {}
    return _answered(self, replace(request, query={**request.query, "state": begun.get("state", "")}), provider)


def _takes_any_hub(self: Any, request: Request, provider: str) -> Any:
    """Take an answer for that of whichever hub it is shown to."""
    sealed = self._services.sealed("login")
    begun = sealed.open(request.cookies.get(web.LOGIN_COOKIE), 600) or {}
    cookie = {web.LOGIN_COOKIE: sealed.seal({**begun, "provider": provider})}
    return _answered(self, replace(request, cookies={**request.cookies, **cookie}), provider)


def _notes_a_try(self: Any, request: Request, provider: str) -> Any:
    """Use up the state by a mere try."""
    if begun := self._services.sealed("login").open(request.cookies.get(web.LOGIN_COOKIE), 600):
        _use_once(self._services.sessions, begun["state"], federated_login._STATE_KEPT)
    return _answered(self, request, provider)


def _writes_at_the_button(self: Any, request: Request, *, has_account: bool) -> Any:
    """The press of a button is noted in the table."""
    if invitation := self._contexts.of(request).invitation:
        self._services.activations.mark_opened(
            invitation.user.key, invitation.activation.activation_id, "2026-01-01T00:00:00.000Z"
        )
    return _go_on(self, request, has_account=has_account)


def _trusts_whoever_waits(self: LoginPages, context: Any, session: Any) -> Any:
    """Confirm what waits by the login alone, without a question."""
    waiting = _waiting_for(self, context, session)
    if waiting:
        self._services.sessions.trust(session.account_id, waiting.identity)
    return waiting


def _adopts_in_silence(self: links.LinkStore, link: Any, proofs: Any, _by: Any, **_named: Any) -> bool:
    return self.note_proofs(link, proofs)


def _proofs_whatever_stands(link: Any, proofs: Any) -> Any:
    """Write the proofs without comparing those that were read."""
    return Update(links.link_key(link.user)).set(proofs=links._proofs_item(proofs))


def _takes_whichever_it_names(self: FederatedIds, account_id: str, _subject: str) -> None:
    self._table.write(Update(account_key(account_id)).remove("google_sub", "fingerprint"))


def _claims_what_others_share(key: Any, district_id: str) -> Put:
    return Put({**key, "district_id": district_id}).when(
        "attribute_not_exists(district_id) OR district_id = :mine", mine=district_id
    )


_waiting_for = LoginPages.waiting_for
_decide = linking.LinkPages.confirm
_answered = federated_login.FederatedLoginPages.callback
_go_on = activation_pages.ActivationPages.go_on


def _mails_whoever_asks(form: Any) -> Removed:
    return _patch(activation_pages, "normalise", lambda _typed: form)


def _race(run_race: Callable[[races.Race], Any]) -> Callable[[], None]:
    """Return a check that runs the first seeds of a race."""

    def run() -> None:
        prepared = lakeside().world
        for seed in range(60):
            run_race(races.Race(seed, prepared))

    return run


def _robots() -> None:
    """Check that a robot which goes over the site writes nothing."""
    watch, _, _ = scanned(400)
    assert watch.writes == []


def _tells_the_username(self: passwords.PasswordPages, request: Request) -> Reply:
    name = self._login.username_of(request.form["username"])
    self._services.passwords.send_code(name)
    return see_other("/login/reset", **{LOGIN_COOKIE: self._services.sealed("forgotten").seal({"name": name})})


_OBJECTIONS = matching._objections


_NOTICES = "tests/unit/pages/test_notices.py::"
_PRE_HIJACKED = "tests/unit/pages/test_pre_hijacked_accounts.py::"
_PROOFS = "tests/unit/pages/test_proofs.py::"
_LINKING = "tests/unit/pages/test_linking.py::"
_SECURITY = "tests/unit/pages/test_security.py::"
_PASSWORDS = "tests/unit/pages/test_passwords.py::"
_LIMITS = "tests/unit/pages/test_limits.py::"
_ISSUER_KEYS = "tests/unit/pages/test_issuer_keys.py::"
_TEACHERS_TABLE = "tests/unit/pages/test_teachers_table.py::"
_OIDC = "tests/unit/pages/test_oidc_answers.py::"
_HUB_ATTACKS = "tests/unit/pages/test_hub_attacks.py::"
_ACTIVATION = "tests/unit/mail/test_activation_life.py::"
_HEADERS_TEST = "tests/unit/pages/test_headers.py::test_every_route_carries_the_whole_set_at_every_status"

_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Cache-Control",
)

GUARDS = (
    SecurityGuard(
        "a notice undoes nothing for who does not know its address",
        _patch(notice_pages, "normalise", lambda _typed: OFFICIAL),
        _NOTICES + "test_another_address_gets_the_same_answer_and_undoes_nothing[somebody@else.example]",
    ),
    SecurityGuard(
        "a notice's token dies with the link and with the address",
        _patch(notice_pages, "is_notice_token", _always),
        _NOTICES + "test_an_address_that_the_account_no_longer_has_undoes_nothing",
    ),
    SecurityGuard(
        "an unverified address is never linked by rule",
        _patch(identifier_index, "decide", _any_account_matches),
        _PRE_HIJACKED + "test_classic_federated_merge_a_prepared_password_opens_nothing_of_owners",
    ),
    SecurityGuard(
        "a link ends the sessions that were there before it (by mail)",
        _patch(stored_context, "session_of", _survives_a_link),
        _PRE_HIJACKED + "test_unexpired_session_ends_when_the_owner_links_by_the_mail",
    ),
    SecurityGuard(
        "a link ends the sessions that were there before it (by rule)",
        _patch(stored_context, "session_of", _survives_a_link),
        _PRE_HIJACKED + "test_unexpired_session_cannot_undo_what_the_owner_linked",
    ),
    SecurityGuard(
        "an issuer that did not verify an address proves nobody",
        _patch(tests_site, "Identity", _believes_every_address),
        _PRE_HIJACKED + "test_non_verifying_issuer_its_word_on_an_address_proves_nobody",
    ),
    SecurityGuard(
        "outside identities are keyed by issuer and subject",
        _patch(identifier_index, "oidc_key", lambda issuer, subject: oidc_key(GOOGLE, "google-ada")),
        _LINKING + "test_with_google_the_account_is_found_by_subject_and_never_by_address",
    ),
    SecurityGuard(
        "a proof dies with an undo (district login)",
        _patch(links.link_rules, "make", _of_any_age),
        _SECURITY + "test_the_proof_of_a_district_login_links_nothing_after_an_undo",
    ),
    SecurityGuard(
        "no rule makes again what a person undid",
        _patch(matching, "_objections", lambda *sides: _OBJECTIONS(*sides) - {matching.Objection.UNDONE}),
        "tests/unit/domain/test_link_decisions.py::test_what_a_person_undid_or_another_one_has_is_never_linked_by_rule",
    ),
    SecurityGuard(
        "what is joined is what was shown",
        _patch(linking.LinkPages, "confirm", _joins_whatever_is_named),
        _SECURITY + "test_what_is_joined_is_what_was_shown",
    ),
    SecurityGuard(
        "a form of another site is refused",
        _patch(Request, "check_origin", _anybody_posts),
        _LINKING + "test_a_form_from_another_site_is_refused",
    ),
    SecurityGuard(
        "a token's MAC is compared",
        _patch(request_context, "is_activation_token", _always),
        _LINKING + "test_a_used_link_an_unknown_one_and_an_expired_one_each_say_how_to_go_on",
    ),
    SecurityGuard(
        "every step gives the browser another session",
        _patch(SessionStore, "start", _keeps_old_ids),
        _SECURITY + "test_every_step_gives_the_browser_another_session",
    ),
    SecurityGuard(
        "an outside login that was not shown has to be confirmed",
        _patch(sessions, "is_trusted", _always),
        _PRE_HIJACKED + "test_trojan_identifier_a_second_login_is_confirmed_once_a_rule_links",
    ),
    SecurityGuard(
        "an outside login that waits is asked about by name",
        _patch(LoginPages, "waiting_for", _trusts_whoever_waits),
        _PRE_HIJACKED + "test_a_strangers_google_on_a_shared_computer_is_not_confirmed_unasked[None]",
    ),
    SecurityGuard(
        "a login that is new for a link is told to the account's own address",
        _patch(links.LinkStore, "adopt", _adopts_in_silence),
        _PROOFS + "test_a_new_login_that_the_rule_adopts_is_told_to_the_accounts_own_address",
    ),
    SecurityGuard(
        "proofs are written as they were read",
        _patch(links, "_put_proofs", _proofs_whatever_stands),
        _PROOFS + "test_two_logins_at_once_both_stay_proofs_of_the_link",
    ),
    SecurityGuard(
        "an account gives up no Google id but the one that moved",
        _patch(FederatedIds, "take_from", _takes_whichever_it_names),
        "tests/unit/stores/test_google_ids.py::test_an_account_that_names_another_id_by_now_keeps_it",
    ),
    SecurityGuard(
        "an account names no Google id that opens another",
        _patch(FederatedIds, "take_from", _nothing),
        "tests/unit/stores/test_google_ids.py::test_the_account_that_had_it_has_it_no_more_although_no_line_says_so",
    ),
    SecurityGuard(
        "a link moves to a kind with what was noted of it meanwhile",
        _patch(renumbering, "_DECIDED_BY", {"LINK": ("version",)}),
        "tests/unit/stores/test_links_under_contention.py::"
        "test_a_proof_that_is_noted_while_a_link_moves_to_a_kind_moves_too",
    ),
    SecurityGuard(
        "reminders count among the mails to one address",
        _patch(RecipientCap, "count", _nothing),
        "tests/unit/mail/test_strangers_words.py::"
        "test_a_reminder_counts_among_the_mails_of_the_day_and_waits_for_the_next",
    ),
    SecurityGuard(
        "nudges count among the mails to one address",
        _patch(RecipientCap, "count", _nothing),
        "tests/unit/mail/test_strangers_words.py::test_a_nudge_counts_among_the_mails_of_the_day_and_waits_for_the_next",
    ),
    SecurityGuard(
        "a domain that others share is no district's own",
        _patch(districts, "_own", _claims_what_others_share),
        "tests/unit/imports/test_settings.py::test_what_another_shares_is_not_claimed_by_settings_of_before",
    ),
    SecurityGuard(
        "a claim of another district stands",
        _patch(districts, "district_of", lambda item: districts._as_written(item)),
        "tests/unit/imports/test_settings.py::test_what_another_claimed_meanwhile_is_not_the_older_ones_and_is_shown",
    ),
    SecurityGuard(
        "an export's address works for minutes",
        _patch(class_exports, "_ADDRESS_WORKS", timedelta(days=1)),
        "tests/unit/system/test_class_export.py::test_the_page_looks_again_by_itself_until_the_class_can_be_downloaded",
    ),
    SecurityGuard(
        "a district login that a link does not know is named where it is confirmed",
        _patch(linking, "_login_used", lambda _proven: ""),
        _PROOFS + "test_a_google_that_a_linked_row_confirms_is_named_with_its_address",
    ),
    SecurityGuard(
        "a link that others change again and again is refused",
        _patch(links, "_TRIES", 10**3),
        "tests/unit/stores/test_links_under_contention.py::"
        "test_a_link_that_others_change_again_and_again_is_refused_by_name",
    ),
    SecurityGuard(
        "a session's end is looked at, not left to TTL",
        _patch(stored_context, "session_of", _expires_late),
        _SECURITY + "test_a_session_ends_at_its_second[1-/login]",
    ),
    SecurityGuard(
        "a cookie is one that we sealed, for this purpose",
        _patch(SealedCookie, "open", _unsealed),
        _SECURITY + "test_a_cookie_not_sealed_here_or_sealed_for_something_else_opens_nothing[__Host-activation]",
    ),
    SecurityGuard(
        "limits count whom the API saw",
        _patch(Request, "from_event", staticmethod(_believes_headers)),
        _SECURITY + "test_who_asks_is_told_by_the_api_and_by_no_header",
    ),
    SecurityGuard(
        "guesses at one address are limited",
        _patch(RateLimiter, "hit", _nothing),
        _SECURITY + "test_guesses_at_an_address_are_limited_from_anywhere_and_lock_out_nobody",
    ),
    SecurityGuard(
        "logins are limited, whatever the case",
        _patch(RateLimiter, "hit_account", _nothing),
        _SECURITY + "test_a_limit_trusts_no_header_case_or_success",
    ),
    SecurityGuard(
        "tries of a second factor are limited",
        _patch(RateLimiter, "hit_account", _nothing),
        _PASSWORDS + "test_tries_of_a_code_count_per_account_and_a_new_login_resets_none",
    ),
    SecurityGuard(
        "a second factor is answered by the browser that was asked",
        _patch(SealedCookie, "open", _unsealed),
        _PASSWORDS + "test_a_question_is_answered_by_the_browser_that_was_asked",
    ),
    SecurityGuard(
        "codes and tries of a new password are limited",
        _patch(RateLimiter, "hit_account", _nothing),
        _PASSWORDS + "test_codes_and_tries_are_limited_whatever_the_case_of_the_name",
    ),
    SecurityGuard(
        "a stranger uses up nobody's own browser",
        _patch(KnownBrowsers, "_mark", _nothing),
        _LIMITS + "test_the_owners_own_browser_gets_in_whatever_strangers_tried",
    ),
    SecurityGuard(
        "a place that is over its limit takes no tries from others",
        _patch(RateLimiter, "hit_account", _counts_every_try),
        _LIMITS + "test_a_strangers_place_takes_no_tries_from_another_place",
    ),
    SecurityGuard(
        "an IPv6 network is one place",
        _patch(Request, "place", property(lambda request: request.source_ip)),
        _LIMITS + "test_one_line_with_many_ipv6_addresses_is_one_place",
    ),
    SecurityGuard(
        "a cookie's name is compared byte for byte",
        _patch(web, "_cookies", _strips_every_blank),
        "tests/unit/pages/test_cookies.py::test_a_name_with_a_unicode_blank_is_another_name[{blank}{name}-U+00A0]",
    ),
    SecurityGuard(
        "a token that an issuer made for another party proves nobody",
        _patch(OidcProvider, "_check_authorized_party", _nothing),
        _ISSUER_KEYS + "test_a_token_that_was_made_for_another_party_proves_nothing[somebody else]",
    ),
    SecurityGuard(
        "a number or an address of another name leads to nobody",
        _patch(find_roster_user, "_has_name", _always),
        "tests/unit/pages/test_generated_logins.py::test_every_login_ends_with_the_right_person_or_a_refusal",
    ),
    SecurityGuard(
        "a student's login leads to no row of staff, nor the other way",
        _patch(find_roster_user, "_fits_role", _always),
        "tests/unit/pages/test_generated_logins.py::test_every_login_ends_with_the_right_person_or_a_refusal",
    ),
    SecurityGuard(
        "a session that rests on a number ends with its row",
        _patch(request_context, "_is_still_of", _always),
        "tests/unit/pages/test_clever_logins.py::"
        "test_a_session_that_rests_on_a_number_ends_when_the_row_is_somebody_elses",
    ),
    SecurityGuard(
        "the answer that began a session is known by its state",
        _patch(federated_login, "answer_hash", lambda _state: "any"),
        "tests/unit/pages/test_clever_logins.py::test_a_pupil_who_follows_on_the_same_device_replaces_the_one_before",
    ),
    SecurityGuard(
        "what the previous key signed still opens",
        _patch(TokenKeys, "oldest_first", property(lambda keys: [keys.current])),
        "tests/unit/system/test_key_rotation.py::test_mails_cookies_and_sessions_of_the_previous_key_go_on",
    ),
    SecurityGuard(
        "what was exported for a link ends with it",
        _patch(ClassContents, "teaches_all", _always),
        "tests/unit/system/test_class_export.py::"
        "test_an_export_of_a_district_class_ends_with_the_link_that_it_was_made_for",
    ),
    SecurityGuard(
        "a new password ends earlier sessions",
        _patch(SessionStore, "end_all", _nothing),
        _PASSWORDS + "test_whoever_was_in_before_the_new_password_is_out_after_it",
    ),
    SecurityGuard(
        "nobody learns which username an address stands for",
        _patch(passwords.PasswordPages, "send_code", _tells_the_username),
        _PASSWORDS + "test_an_address_stands_for_the_username_and_the_browser_learns_neither",
    ),
    SecurityGuard(
        "a state is that of the browser that asked",
        _patch(federated_login.FederatedLoginPages, "callback", _takes_any_state),
        _OIDC + "test_an_attackers_login_is_refused_in_a_victims_browser_unasked",
    ),
    SecurityGuard(
        "an answer is of the hub that was asked",
        _patch(federated_login.FederatedLoginPages, "callback", _takes_any_hub),
        _HUB_ATTACKS + "test_an_answer_of_one_hub_is_none_of_another[google-microsoft]",
    ),
    SecurityGuard(
        "a guest of a tenant is nobody's row, whatever they are called",
        _patch(Microsoft, "_is_of_another", _nothing),
        _HUB_ATTACKS + "test_a_guest_of_the_tenant_is_nobody_of_the_district[guest_by_mail]",
    ),
    SecurityGuard(
        "a password goes to this service alone",
        _patch(web, "_WAYS_TO_HUBS", frozenset({"login/sso", "login/login", "sorry"})),
        "tests/unit/pages/test_district_logins.py::test_a_hub_may_send_a_browser_on_and_a_password_goes_nowhere",
    ),
    SecurityGuard(
        "a state is used once",
        _patch(SessionStore, "use_once", _always),
        _OIDC + "test_an_answer_counts_once_even_where_the_issuer_takes_its_code_twice",
    ),
    SecurityGuard(
        "a new link goes to the stored address alone",
        _mails_whoever_asks("evil@else.example"),
        _ACTIVATION + "test_an_expired_link_offers_a_new_one_to_the_school_address_alone",
    ),
    SecurityGuard(
        "a code is that of the word's class",
        _patch(vouch_for_students.hmac, "compare_digest", _always),
        _TEACHERS_TABLE + "test_a_guess_is_counted_and_hopeless",
    ),
    SecurityGuard(
        "a code is good for ten minutes",
        _patch(vouching.ClassCode, "is_good", _always),
        _TEACHERS_TABLE + "test_nobody_is_linked_without_the_three_proofs[old_code]",
    ),
    SecurityGuard(
        "a student's guesses are few",
        _patch(welcome, "CLASS_CODE", replace(CLASS_CODE, most=1_000)),
        _TEACHERS_TABLE + "test_a_guess_is_counted_and_hopeless",
    ),
    SecurityGuard(
        "a word is about a person, not a number",
        _patch(vouching.Vouch, "is_about", _always),
        _TEACHERS_TABLE + "test_whoever_has_the_number_since_is_told_nothing_of_the_account",
    ),
    SecurityGuard(
        "a code opens no account that an address or an outside login protects",
        _patch(vouch_for_students, "is_protected", _nothing),
        _TEACHERS_TABLE + "test_nobody_is_linked_without_the_three_proofs[has_an_address]",
    ),
    SecurityGuard(
        "a code opens no account that is another's",
        _patch(vouch_for_students, "is_free", _always),
        _TEACHERS_TABLE + "test_nobody_is_linked_without_the_three_proofs[is_a_teachers]",
    ),
    SecurityGuard(
        "a student of another name is asked once more",
        _patch(linking, "_needs_a_second_word", _nothing),
        "tests/unit/pages/test_one_more_question.py::test_whoever_says_no_is_not_linked_by_the_press",
    ),
    SecurityGuard(
        "a try of a login writes nothing",
        _patch(federated_login.FederatedLoginPages, "callback", _notes_a_try),
        _robots,
    ),
    SecurityGuard(
        "a button writes nothing", _patch(activation_pages.ActivationPages, "go_on", _writes_at_the_button), _robots
    ),
    *(SecurityGuard(f"{name} on every route and status", _without(name), _HEADERS_TEST) for name in _HEADERS),
    SecurityGuard("no unsafe-inline", _patch(PageRenderer, "_security_headers", _with_inline_styles), _HEADERS_TEST),
    SecurityGuard(
        "an account has one person of a district",
        _no_condition("LINK#"),
        _race(races.two_people_race_for_one_account),
    ),
    SecurityGuard("a link is written as it was read", _no_condition("LINK"), _race(races.a_link_meets_its_undo)),
    SecurityGuard(
        "an account is made once",
        _no_condition("LINK"),
        _race(races.one_person_is_on_two_devices),
    ),
)


class _FirstFailure:
    """Keeps the first error of a run of pytest."""

    def __init__(self) -> None:
        self.text = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.text:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.text = str(crash.message if crash else report.longrepr)


def failure_of(guard: SecurityGuard, removed: Removed) -> str:
    """Return the first line of the error with which the guard's test fails in this context; empty when it passes."""
    with redirect_stdout(io.StringIO()), removed():
        text = _run_test(guard.noticed_by) if isinstance(guard.noticed_by, str) else _run_check(guard.noticed_by)
    return text.partition("\n")[0][:90]


def _run_test(node_id: str) -> str:
    failure = _FirstFailure()
    options = ["-x", "-q", "--capture=no", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    status = pytest.main([*options, str(ROOT / node_id)], plugins=[failure])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise LookupError(f"{node_id} does not run: {status}")
    return failure.text or ("" if status == pytest.ExitCode.OK else "failed")


def _run_check(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever ends the check is a failure of it
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> int:
    missed = 0
    for guard in GUARDS:
        began = time.perf_counter()
        intact, failure = failure_of(guard, nullcontext), failure_of(guard, guard.removed)
        missed += bool(intact) or not failure
        verdict = f"FAILS WITH THE GUARD: {intact}" if intact else failure or "MISSED"
        sys.stdout.write(f"{time.perf_counter() - began:5.1f} s  {guard.name:<66} {verdict}\n")
    sys.stdout.write(f"{len(GUARDS)} guards, {missed} missed\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
