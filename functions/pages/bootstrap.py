"""The composition root of the pages, and how errors become pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.pages.activation.activation import ActivationPages
from functions.pages.classes.class_page import ClassPages, NoSuchClass
from functions.pages.classes.cleanup import CleanupPages
from functions.pages.classes.download import DownloadPages
from functions.pages.classes.home import HomePage
from functions.pages.console.console import ConsolePages
from functions.pages.dependencies import Services
from functions.pages.http import ForbiddenOrigin, Pages, Reply, Request, page
from functions.pages.linking.link import LinkPages
from functions.pages.linking.welcome import WelcomePages
from functions.pages.login.federated_login import FederatedLoginPages
from functions.pages.login.login import LoginPages
from functions.pages.login.password import PasswordPages
from functions.pages.mail_links.notice import NoticePages
from functions.pages.mail_links.unsubscribe import UnsubscribePages
from functions.pages.request_context import RequestContexts
from shared.domain.clock import new_id, new_secret, utc_now
from shared.domain.errors import AccountLinkingError, LoginRefused, Throttled, UnknownDistrict
from shared.hubs.cognito import PasswordLogin
from shared.hubs.oidc import OidcProvider
from shared.runtime import aws
from shared.runtime.observability import logger, metric, where
from shared.runtime.secrets import Secrets
from shared.runtime.settings import PagesSettings
from shared.stores.accounts import AccountStore
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.class_exports import ExportFiles, ExportQueue, ExportStore
from shared.stores.class_work import ClassWorkStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.links import LinkStore
from shared.stores.notices import NoticeStore
from shared.stores.nudges import NudgeStore
from shared.stores.progress import ProgressStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.reports import ReportStore
from shared.stores.request_context import RequestContextStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.sessions import SessionStore
from shared.stores.stuck import StuckStore
from shared.use_cases.resend_activation import ResendActivation


@dataclass(frozen=True, slots=True)
class Site:
    """All pages, over one set of services."""

    services: Services
    pages: Pages
    activation: ActivationPages
    linking: LinkPages
    welcome: WelcomePages
    login: LoginPages
    federated_login: FederatedLoginPages
    passwords: PasswordPages
    home: HomePage
    classes: ClassPages
    downloads: DownloadPages
    cleaning: CleanupPages
    unsubscribe: UnsubscribePages
    notices: NoticePages
    console: ConsolePages

    def answer(self, request: Request, do: Callable[[Site, Request], Reply]) -> Response[Any]:
        """Answer a request. What goes wrong on purpose becomes a page that says what to do; the rest becomes a page too,
        and an alarm."""
        try:
            if request.method == "POST" and not request.path.startswith("/unsubscribe/"):
                request.check_origin(self.services.brand.web_url)
            return self.pages.response(request, do(self, request))
        except AccountLinkingError as error:
            logger.info("refused", extra={"code": error.code})
            reply = _sorry(error)
        except Exception as error:  # noqa: BLE001 - the last resort; the message may hold people's data and is not logged
            logger.error("page failed", extra={"error": type(error).__name__, "at": where(error)})
            metric("PageFailed")
            reply = page("sorry", status=500, code="internal_error", retry_after=None)
        return self.pages.response(request, reply)

    def not_found(self) -> Reply:
        return page("sorry", status=404, code="not_found", retry_after=None)


def _sorry(error: AccountLinkingError) -> Reply:
    status = 409
    headers: dict[str, str] = {}
    match error:
        case Throttled():
            status, headers = 429, {"Retry-After": str(error.retry_after)}
        case UnknownDistrict() | NoSuchClass():
            status = 404
        case ForbiddenOrigin() | LoginRefused():
            status = 403
    retry_after = error.retry_after if isinstance(error, Throttled) else None
    reply = page("sorry", status=status, code=error.code, retry_after=retry_after)
    reply.headers |= headers
    return reply


def assemble(services: Services, pages: Pages) -> Site:
    """All pages over these services."""
    contexts = RequestContexts(services)
    activation = ActivationPages(services, contexts)
    linking = LinkPages(services, contexts)
    login = LoginPages(services, contexts)
    downloads = DownloadPages(services, contexts)
    return Site(
        services,
        pages,
        activation,
        linking,
        WelcomePages(services, contexts),
        login,
        FederatedLoginPages(services, login),
        PasswordPages(services, contexts, username_of=login.username_of, enter=login.enter),
        HomePage(services, contexts),
        ClassPages(services, contexts, downloads),
        downloads,
        CleanupPages(services, contexts, downloads),
        UnsubscribePages(services),
        NoticePages(services),
        ConsolePages(services, contexts),
    )


def wire() -> Site:
    """The pages, wired to the services that the environment names."""
    settings = PagesSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)

    def provider(name: str, issuer: str, client_id: str) -> OidcProvider:
        return OidcProvider(
            issuer,
            client_id,
            lambda: secrets.object(settings.oidc_secret_arn).get(f"{name}_client_secret", ""),
            f"{settings.web_url}/callback/{name}",
            utc_now,
        )

    districts, users, activations = DistrictStore(table), RosterUserStore(table), ActivationStore(table)
    queue = ActivationQueue(aws.client("sqs"), settings.activation_queue_url)
    services = Services(
        districts=districts,
        users=users,
        district_classes=DistrictClassStore(table),
        work=ClassWorkStore(table),
        accounts=AccountStore(table, settings.google_issuer),
        identifiers=IdentifierIndex(table),
        links=LinkStore(table),
        nudges=NudgeStore(table),
        notices=NoticeStore(table),
        activations=activations,
        request_contexts=RequestContextStore(table, utc_now),
        progress=ProgressStore(table),
        reports=ReportStore(table, aws.client("s3"), settings.report_bucket),
        stuck=StuckStore(table),
        resend_activation=ResendActivation(activations, users, districts, queue, clock=utc_now, new_id=new_id),
        exports=ExportStore(table),
        export_queue=ExportQueue(aws.client("sqs"), settings.export_queue_url),
        export_files=ExportFiles(aws.client("s3"), settings.export_bucket),
        remaining=RemainingClassesStore(table),
        sessions=SessionStore(table, utc_now),
        limits=RateLimiter(table, utc_now),
        passwords=PasswordLogin(aws.client("cognito-idp"), settings.user_pool_id, settings.user_pool_client_id),
        google=provider("google", settings.google_issuer, settings.google_client_id),
        clever=provider("clever", settings.clever_issuer, settings.clever_client_id),
        brand=settings,
        clock=utc_now,
        new_id=new_id,
        new_secret=new_secret,
        token_key=lambda: secrets.key(settings.token_secret_arn),
        password_help_url=settings.password_help_url,
    )
    pages = Pages(
        brand_name=settings.brand_name,
        support_url=settings.support_url,
        form_targets=(settings.google_issuer, settings.clever_issuer),
    )

    return assemble(services, pages)
