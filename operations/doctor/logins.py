"""Whether people can log in: the secrets, and this service's clients at the hubs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, State, in_order, not_applicable, wrong
from operations.doctor.web import with_basic
from shared.domain.district import AnyProvider, District
from shared.domain.errors import InvalidSettings
from shared.hubs.hub import is_set_up
from shared.runtime import hub_words
from shared.runtime.hub_words import HUBS
from shared.runtime.tokens import TokenKeys
from shared.stores.hub_returns import HubReturnStore

_SHOWN = 5
"""Faults of districts that are told."""
_SHORTEST_KEY = 32
"""Bytes."""
_BY_BASIC = frozenset({"clever"})
"""Hubs that take client id and secret by Basic alone."""
_WRONG_CLIENT = ("invalid_client", "unauthorized_client", "unauthorized")


def token_secret(facts: Facts) -> Finding:
    """The key that mailed links and sessions are signed with is there, and can be read by the code."""
    try:
        key = TokenKeys.of_secret(_secret(facts, "TOKEN_SECRET_ARN")).current
        if len(key) < _SHORTEST_KEY:
            raise InvalidSettings("invalid_token_keys", f"It has {len(key)} bytes, and {_SHORTEST_KEY} are the least.")
    except (InvalidSettings, ClientError, ValueError) as error:
        return wrong(
            f"The key of tokens cannot be used: {error}",
            "Follow docs/runbooks/rotate-keys.md; mailed links are dead without it.",
        )
    return in_order("the key of tokens is there")


def hub_clients(facts: Facts) -> Finding:
    """Each hub that has a client id knows this service: it answers, and takes the secret and the callback address."""
    found = {name: _hub(facts, name) for name in _hubs(facts.page_settings)}
    faults = {name: finding for name, finding in found.items() if finding.state is State.WRONG}
    if faults:
        return wrong(
            "; ".join(f"{name}: {finding.found}" for name, finding in faults.items()),
            " ".join(finding.todo for finding in faults.values()),
        )
    if all(finding.state is State.NOT_APPLICABLE for finding in found.values()):
        return wrong(
            "No hub is set up, so nobody can log in at a district",
            "Register this service with a hub, and run `make deploy GOOGLE_CLIENT_ID={id}` (or CLEVER, CLASSLINK, MICROSOFT).",
        )
    return in_order("; ".join(f"{name}: {finding.found}" for name, finding in found.items()))


def hub_returns(facts: Facts) -> Finding:
    """Each district's buttons work, and who goes to its hubs comes back from there."""
    found = [(fault, todo) for district in facts.districts for fault, todo in _of_district(facts, district)]
    if found:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return wrong(
            "; ".join(fault for fault, _ in found[:_SHOWN]) + more,
            " ".join(dict.fromkeys(todo for _, todo in found[:_SHOWN])),
        )
    return in_order(f"people come back from the hubs of {len(facts.districts)} districts")


def _of_district(facts: Facts, district: District) -> Iterator[tuple[str, str]]:
    """What is wrong with a district's logins, and what to do."""
    counted = HubReturnStore(facts.table, facts.clock).of(district.district_id, district.identity_providers)
    for provider, returns in counted.items():
        title, words = HUBS[provider].title, _words(facts, district, provider)
        if not is_set_up(words.client_id):
            if words.tenant or provider == "google":
                yield (
                    f"{district.district_id} uses {title}, for which no client id is set, so its button is not shown",
                    f"Run `make deploy {provider.upper()}_CLIENT_ID={{id}}`, or leave {provider} out of identity_providers.",
                )
        elif returns.is_trouble:
            yield (
                f"{district.district_id}: {returns.missing} of {returns.begun} browsers that went to {title} did not come "
                f"back. {hub_words.cause(provider)} (client id {words.client_id})",
                f"{title}: {' '.join(hub_words.steps(provider, words))} To forward: "
                f"{words.web_url}/console/{district.district_id}/logins",
            )


def _words(facts: Facts, district: District, provider: AnyProvider) -> hub_words.Facts:
    settings, web_url = facts.page_settings, facts.page_settings["WEB_URL"]
    return hub_words.Facts(
        brand=settings.get("BRAND_NAME", "this application"),
        client_id=settings.get(f"{provider.upper()}_CLIENT_ID", ""),
        callback=f"{web_url}/callback/{provider}",
        start=f"{web_url}/sso/{district.district_id}",
        tenant=district.tenant_of(provider) or "",
        sender=settings.get("SENDER", ""),
        web_url=web_url,
        support_url=settings.get("SUPPORT_URL", ""),
    )


def _hubs(settings: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(settings):
        if name.endswith("_CLIENT_ID") and f"{name.removesuffix('_CLIENT_ID')}_ISSUER" in settings:
            yield name.removesuffix("_CLIENT_ID").lower()


def _hub(facts: Facts, name: str) -> Finding:
    settings = facts.page_settings
    client_id, issuer = settings[f"{name.upper()}_CLIENT_ID"], settings[f"{name.upper()}_ISSUER"]
    if not is_set_up(client_id):
        return not_applicable("no client id is set")
    set_secret = f"Run `make set-secret SECRET={name}`."
    secret = json.loads(_secret(facts, "OIDC_SECRET_ARN")).get(f"{name}_client_secret", "")
    if not secret and not facts.stack.is_local:
        return wrong("its client secret is not set", set_secret)
    metadata = facts.fetch(f"{issuer}/.well-known/openid-configuration", None).json()
    if metadata.get("issuer") not in (issuer, issuer.replace("/organizations/", "/{tenantid}/")):
        return wrong(
            f"{issuer} does not answer as an issuer", f"Is {name.capitalize()}Issuer right? If so, wait and ask again."
        )
    callback = f"{settings['WEB_URL']}/callback/{name}"
    form = {
        "grant_type": "authorization_code",
        "code": "asked-by-make-doctor",
        "redirect_uri": callback,
        "client_id": client_id,
        "client_secret": secret,
    }
    endpoint = str(metadata.get("token_endpoint"))
    if name in _BY_BASIC:
        endpoint = with_basic(endpoint, client_id, form.pop("client_secret"))
    error = str(facts.fetch(endpoint, form).json().get("error", ""))
    if error in _WRONG_CLIENT:
        return wrong("it does not take the client id or its secret", set_secret)
    if error == "redirect_uri_mismatch":
        return wrong("it does not know the callback address", f"Register {callback} with it.")
    return in_order("it knows this service")


def _secret(facts: Facts, variable: str) -> str:
    arn = facts.page_settings[variable]
    return str(facts.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
