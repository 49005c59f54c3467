"""A district's logins: whom its hubs keep, and what its IT has to allow there, in words to forward (B7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from functions.pages.request_context import RequestContexts
from shared.domain.district import AnyProvider, District
from shared.domain.hub_returns import Returns
from shared.runtime import hub_words
from shared.runtime.i18n import own_name
from shared.runtime.languages import languages
from shared.stores.hub_returns import DAYS


@dataclass(frozen=True, slots=True)
class HubShown:
    """One hub of a district. The functions say their words in a language."""

    provider: AnyProvider
    title: str
    client_id: str
    """Empty where nobody can log in with this hub yet."""
    has_tenant: bool
    """Whether the settings say which tenant there is this district's; Google has none."""
    returns: Returns
    cause: Callable[[str], str]
    steps: Callable[[str], list[str]]
    letters: Mapping[str, str]
    """The words to forward, by the name of their language in itself."""


class LoginsPage:
    """For administrators of a district, and operators."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        district = access.district
        counted = self._services.hub_returns.of(district_id, district.identity_providers)
        return page(
            "console/logins",
            tab="settings",
            district=district.name,
            district_id=district_id,
            audience=district,
            days=DAYS,
            hubs=[self._hub(district, provider, returns) for provider, returns in counted.items()],
            mail_filter=partial(hub_words.mail_filter, self._facts(district, "google")),
        )

    def _hub(self, district: District, provider: AnyProvider, returns: Returns) -> HubShown:
        facts = self._facts(district, provider)
        return HubShown(
            provider,
            hub_words.HUBS[provider].title,
            facts.client_id,
            provider == "google" or bool(facts.tenant),
            returns,
            partial(hub_words.cause, provider),
            partial(hub_words.steps, provider, facts),
            {own_name(language): hub_words.letter(provider, facts, language) for language in languages()},
        )

    def _facts(self, district: District, provider: AnyProvider) -> hub_words.Facts:
        services, brand = self._services, self._services.brand
        return hub_words.Facts(
            brand=brand.brand_name,
            client_id=services.hubs[provider].client_id if services.is_set_up(provider) else "",
            callback=f"{brand.web_url}/callback/{provider}",
            start=f"{brand.web_url}/sso/{district.district_id}",
            tenant=district.tenant_of(provider) or "",
            sender=services.sender,
            web_url=brand.web_url,
            support_url=district.support_url or brand.support_url,
        )
