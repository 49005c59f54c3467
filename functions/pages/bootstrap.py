"""The composition root: every page wired to the services that the environment names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

from functions.pages.dependencies import Services
from functions.pages.http import PageRenderer, Reply, Request
from functions.pages.request_context import RequestContexts
from shared.domain.clock import new_id, new_secret, utc_now
from shared.hubs.classlink import ClassLink
from shared.hubs.clever import Clever
from shared.hubs.cognito import PasswordLogin
from shared.hubs.google import Google
from shared.hubs.hub import Hub, Provider
from shared.hubs.microsoft import Microsoft
from shared.hubs.oidc import OidcProvider
from shared.runtime import aws
from shared.runtime.secrets import Secrets
from shared.runtime.settings import PagesSettings
from shared.stores.accounts import AccountStore
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.class_exports import ClassExportFiles, ClassExportQueue, ClassExportStore
from shared.stores.class_work import ClassWorkStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.import_progress import ProgressStore
from shared.stores.links import LinkStore
from shared.stores.notices import NoticeStore
from shared.stores.nudges import NudgeStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.reports import ReportStore
from shared.stores.request_context import RequestContextStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.sessions import SessionStore
from shared.stores.stuck_people import StuckStore
from shared.use_cases.resend_activation import ResendActivation

if TYPE_CHECKING:
    from functions.pages.activation.activation import ActivationPages
    from functions.pages.classes.class_page import ClassPages
    from functions.pages.classes.cleanup import CleanupPages
    from functions.pages.classes.download import DownloadPages
    from functions.pages.classes.home import HomePage
    from functions.pages.console.console import ConsolePages
    from functions.pages.help.help import HelpPages
    from functions.pages.linking.link import LinkPages
    from functions.pages.linking.welcome import WelcomePages
    from functions.pages.login.federated_login import FederatedLoginPages
    from functions.pages.login.find_district import FindDistrictPages
    from functions.pages.login.login import LoginPages
    from functions.pages.login.password import PasswordPages
    from functions.pages.mail_links.notice import NoticePages
    from functions.pages.mail_links.unsubscribe import UnsubscribePages

SETTINGS_KEPT = timedelta(seconds=5)
"""So long a page may go by the district's settings as they were."""


class Site:
    """All pages, over one set of services. A feature is imported and made when one of its pages is asked for."""

    def __init__(self, services: Services, renderer: PageRenderer) -> None:
        self.services = services
        self.renderer = renderer
        self._contexts = RequestContexts(services)

    @cached_property
    def activation(self) -> ActivationPages:
        from functions.pages.activation.activation import ActivationPages

        return ActivationPages(self.services, self._contexts)

    @cached_property
    def link(self) -> LinkPages:
        from functions.pages.linking.link import LinkPages

        return LinkPages(self.services, self._contexts)

    @cached_property
    def welcome(self) -> WelcomePages:
        from functions.pages.linking.welcome import WelcomePages

        return WelcomePages(self.services, self._contexts)

    @cached_property
    def login(self) -> LoginPages:
        from functions.pages.login.login import LoginPages

        return LoginPages(self.services, self._contexts)

    @cached_property
    def federated_login(self) -> FederatedLoginPages:
        from functions.pages.login.federated_login import FederatedLoginPages

        return FederatedLoginPages(self.services, self._contexts, self.login, self.welcome.at_once)

    @cached_property
    def find_district(self) -> FindDistrictPages:
        from functions.pages.login.find_district import FindDistrictPages

        return FindDistrictPages(self.services)

    @cached_property
    def password(self) -> PasswordPages:
        from functions.pages.login.password import PasswordPages

        return PasswordPages(self.services, self._contexts, self.login)

    @cached_property
    def home(self) -> HomePage:
        from functions.pages.classes.home import HomePage

        return HomePage(self.services, self._contexts)

    @cached_property
    def class_page(self) -> ClassPages:
        from functions.pages.classes.class_page import ClassPages

        return ClassPages(self.services, self._contexts, self.download)

    @cached_property
    def download(self) -> DownloadPages:
        from functions.pages.classes.download import DownloadPages

        return DownloadPages(self.services, self._contexts)

    @cached_property
    def cleanup(self) -> CleanupPages:
        from functions.pages.classes.cleanup import CleanupPages

        return CleanupPages(self.services, self._contexts, self.download)

    @cached_property
    def notice(self) -> NoticePages:
        from functions.pages.mail_links.notice import NoticePages

        return NoticePages(self.services)

    @cached_property
    def unsubscribe(self) -> UnsubscribePages:
        from functions.pages.mail_links.unsubscribe import UnsubscribePages

        return UnsubscribePages(self.services)

    @cached_property
    def console(self) -> ConsolePages:
        from functions.pages.console.console import ConsolePages

        return ConsolePages(self.services, self._contexts)

    @cached_property
    def help(self) -> HelpPages:
        from functions.pages.help.help import HelpPages

        return HelpPages()


def deferred(site: Site) -> Site:
    """The site for the table of routes, whose pages are looked up when they are asked for."""
    return cast(Site, _Deferred(site))


class _Deferred:
    def __init__(self, site: Site) -> None:
        self._site = site

    def __getattr__(self, feature: str) -> _DeferredFeature:
        return _DeferredFeature(self._site, feature)


class _DeferredFeature:
    def __init__(self, site: Site, feature: str) -> None:
        self._site = site
        self._feature = feature

    def __getattr__(self, name: str) -> Callable[..., Reply]:
        def page(request: Request, **parts: str) -> Reply:
            answer: Callable[..., Reply] = getattr(getattr(self._site, self._feature), name)
            return answer(request, **parts)

        return page


def assemble(services: Services, renderer: PageRenderer) -> Site:
    """All pages over these services."""
    return Site(services, renderer)


def wire() -> Site:
    """The pages, wired to the services that the environment names."""
    settings = PagesSettings.from_environment()
    renderer = PageRenderer(
        brand_name=settings.brand_name,
        brand_colour=settings.brand_colour,
        support_url=settings.support_url,
        form_targets=(
            settings.google_issuer,
            settings.clever_issuer,
            settings.classlink_issuer,
            settings.microsoft_issuer.removesuffix("/organizations/v2.0"),
        ),
    )
    return assemble(_services(settings), renderer)


def _services(settings: PagesSettings) -> Services:
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    districts, users, activations = DistrictStore(table), RosterUserStore(table), ActivationStore(table)
    queue = ActivationQueue(aws.client("sqs"), settings.activation_queue_url)
    return Services(
        districts=districts,
        users=users,
        district_classes=DistrictClassStore(table),
        work=ClassWorkStore(table),
        accounts=AccountStore(table, settings.google_issuer),
        identifiers=IdentifierIndex(table, settings.google_issuer, settings.clever_issuer),
        links=LinkStore(table),
        nudges=NudgeStore(table),
        notices=NoticeStore(table),
        activations=activations,
        request_contexts=RequestContextStore(table, utc_now, keeps_settings=SETTINGS_KEPT),
        progress=ProgressStore(table),
        reports=ReportStore(table, aws.client("s3"), settings.report_bucket, settings.web_url),
        stuck=StuckStore(table),
        resend_activation=ResendActivation(activations, users, districts, queue, clock=utc_now, new_id=new_id),
        exports=ClassExportStore(table),
        export_queue=ClassExportQueue(aws.client("sqs"), settings.export_queue_url),
        export_files=ClassExportFiles(aws.client("s3"), settings.export_bucket),
        remaining=RemainingClassesStore(table),
        sessions=SessionStore(table, utc_now),
        rate_limiter=RateLimiter(table, utc_now),
        passwords=PasswordLogin(aws.client("cognito-idp"), settings.user_pool_id, settings.user_pool_client_id),
        hubs=_hubs(settings, secrets),
        brand=settings,
        clock=utc_now,
        new_id=new_id,
        new_secret=new_secret,
        token_keys=lambda: secrets.token_keys(settings.token_secret_arn),
        password_help_url=settings.password_help_url,
    )


def _hubs(settings: PagesSettings, secrets: Secrets) -> dict[Provider, Hub]:
    def wired(kind: type[OidcProvider | Clever], issuer: str, client_id: str) -> Hub:
        name = kind.provider
        return kind(
            issuer,
            client_id,
            lambda: secrets.object(settings.oidc_secret_arn).get(f"{name}_client_secret", ""),
            f"{settings.web_url}/callback/{name}",
            utc_now,
        )

    return {
        "google": wired(Google, settings.google_issuer, settings.google_client_id),
        "clever": wired(Clever, settings.clever_issuer, settings.clever_client_id),
        "classlink": wired(ClassLink, settings.classlink_issuer, settings.classlink_client_id),
        "microsoft": wired(Microsoft, settings.microsoft_issuer, settings.microsoft_client_id),
    }
