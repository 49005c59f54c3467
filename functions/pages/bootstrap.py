"""The composition root: every page wired to the services that the environment names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

from functions.pages.dependencies import Services
from functions.pages.http import PageRenderer, Reply, Request
from functions.pages.request_context import RequestContexts
from shared.domain.clock import new_digits, new_id, new_secret, utc_now
from shared.runtime import aws
from shared.runtime.secrets import Secrets
from shared.runtime.settings import PagesSettings

if TYPE_CHECKING:
    from functions.pages.activation.activation import ActivationPages
    from functions.pages.classes.board import BoardPage
    from functions.pages.classes.class_page import ClassPages
    from functions.pages.classes.cleanup import CleanupPages
    from functions.pages.classes.download import DownloadPages
    from functions.pages.classes.home import HomePage
    from functions.pages.classes.students import StudentsPage
    from functions.pages.console.bulk import BulkPages
    from functions.pages.console.console import ConsolePages
    from functions.pages.console.first_mails import FirstMailsPage
    from functions.pages.console.forecast import ForecastPage
    from functions.pages.console.imports import ImportPages
    from functions.pages.console.logins import LoginsPage
    from functions.pages.console.people import PeoplePages
    from functions.pages.console.settings import SettingsPage
    from functions.pages.console.source import SourcePage
    from functions.pages.help.help import HelpPages
    from functions.pages.linking.link import LinkPages
    from functions.pages.linking.receipt import ReceiptPage
    from functions.pages.linking.welcome import WelcomePages
    from functions.pages.login.federated_login import FederatedLoginPages
    from functions.pages.login.find_district import FindDistrictPages
    from functions.pages.login.login import LoginPages
    from functions.pages.login.own_logins import OwnLoginPages
    from functions.pages.login.password import PasswordPages
    from functions.pages.mail_links.notice import NoticePages
    from functions.pages.mail_links.real import RealPage
    from functions.pages.mail_links.unsubscribe import UnsubscribePages
    from shared.hubs.clever import Clever
    from shared.hubs.cognito import PasswordLogin
    from shared.hubs.hub import Hub, Provider
    from shared.hubs.oidc import OidcProvider
    from shared.runtime.tokens import TokenKeys
    from shared.stores.accounts import AccountStore
    from shared.stores.activations import ActivationStore
    from shared.stores.audit import AuditStore
    from shared.stores.bulk_orders import BulkOrderStore
    from shared.stores.class_day import ClassDayStore
    from shared.stores.class_exports import ClassExportFiles, ClassExportQueue, ClassExportStore
    from shared.stores.class_work import ClassWorkStore
    from shared.stores.counts import CountStore
    from shared.stores.digests import RemainingClassesStore
    from shared.stores.district_classes import DistrictClassStore
    from shared.stores.districts import DistrictStore
    from shared.stores.fetches import FetchRequests, FetchStore
    from shared.stores.hub_returns import HubReturnStore
    from shared.stores.identifier_index import IdentifierIndex
    from shared.stores.import_progress import ProgressStore
    from shared.stores.imports import ImportHistory
    from shared.stores.links import LinkStore
    from shared.stores.mail_codes import MailCodeStore
    from shared.stores.notices import NoticeStore
    from shared.stores.nudges import NudgeStore
    from shared.stores.overview import OverviewStore
    from shared.stores.own_code_queue import OwnCodeQueue
    from shared.stores.own_logins import OwnLoginStore
    from shared.stores.people_classes import PeoplesClassesStore
    from shared.stores.people_search import PeopleSearch
    from shared.stores.rate_limits import RateLimiter
    from shared.stores.reports import ReportStore
    from shared.stores.request_context import RequestContextStore
    from shared.stores.roster_forms import RosterForms
    from shared.stores.roster_users import RosterUserStore
    from shared.stores.seals import SheetStore
    from shared.stores.send_state import SendStateStore
    from shared.stores.sessions import SessionStore
    from shared.stores.skills import SkillStore
    from shared.stores.strangers import StrangerStore
    from shared.stores.stuck_people import StuckStore
    from shared.stores.trail import TrailStore
    from shared.stores.vouching import VouchStore
    from shared.stores.waiting import WaitingStore
    from shared.stores.ways_in import WayInStore
    from shared.use_cases.correct_address import CorrectAddress
    from shared.use_cases.decide_import import DecideImport
    from shared.use_cases.resend_activation import ResendActivation

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
    def receipt(self) -> ReceiptPage:
        from functions.pages.linking.receipt import ReceiptPage

        return ReceiptPage(self.services, self._contexts)

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

        return FederatedLoginPages(self.services, self._contexts, self.login, self.own_logins, self.welcome.at_once)

    @cached_property
    def own_logins(self) -> OwnLoginPages:
        from functions.pages.login.own_logins import OwnLoginPages

        return OwnLoginPages(self.services, self._contexts, self.login)

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
    def students(self) -> StudentsPage:
        from functions.pages.classes.students import StudentsPage

        return StudentsPage(self.services, self.class_page)

    @cached_property
    def board(self) -> BoardPage:
        from functions.pages.classes.board import BoardPage

        return BoardPage(self.services, self.class_page)

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
    def real(self) -> RealPage:
        from functions.pages.mail_links.real import RealPage

        return RealPage(self.services)

    @cached_property
    def console(self) -> ConsolePages:
        from functions.pages.console.console import ConsolePages

        return ConsolePages(self.services, self._contexts)

    @cached_property
    def first_mails(self) -> FirstMailsPage:
        from functions.pages.console.first_mails import FirstMailsPage

        return FirstMailsPage(self.services, self._contexts)

    @cached_property
    def source(self) -> SourcePage:
        from functions.pages.console.source import SourcePage

        return SourcePage(self.services, self._contexts)

    @cached_property
    def logins(self) -> LoginsPage:
        from functions.pages.console.logins import LoginsPage

        return LoginsPage(self.services, self._contexts)

    @cached_property
    def imports(self) -> ImportPages:
        from functions.pages.console.imports import ImportPages

        return ImportPages(self.services, self._contexts)

    @cached_property
    def bulk(self) -> BulkPages:
        from functions.pages.console.bulk import BulkPages

        return BulkPages(self.services, self._contexts)

    @cached_property
    def forecast(self) -> ForecastPage:
        from functions.pages.console.forecast import ForecastPage

        return ForecastPage(self.services, self._contexts)

    @cached_property
    def people(self) -> PeoplePages:
        from functions.pages.console.people import PeoplePages

        return PeoplePages(self.services, self._contexts)

    @cached_property
    def settings(self) -> SettingsPage:
        from functions.pages.console.settings import SettingsPage

        return SettingsPage(self.services, self._contexts)

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
    return assemble(_Wired(settings), renderer)


class _Wired(Services):
    """The services that the environment names, each imported and made when it is first asked for.

    A browser's first page wants five of them, and somebody waits while they are imported.
    """

    __slots__ = ("_wiring",)

    def __init__(self, settings: PagesSettings) -> None:
        object.__setattr__(self, "_wiring", Wiring(settings))

    def __getattr__(self, name: str) -> object:
        """Called for a service that is not there yet."""
        made = getattr(self._wiring, name)
        object.__setattr__(self, name, made)
        return made


class Wiring:
    """How each of ``Services`` is made."""

    def __init__(self, settings: PagesSettings) -> None:
        self.brand = settings
        self.clock = utc_now
        self.new_id = new_id
        self.new_secret = new_secret
        self.new_digits = new_digits
        self.password_help_url = settings.password_help_url
        self.sender = settings.sender
        self.activation_subject = settings.activation_subject
        self._settings = settings
        self._table = aws.table(settings.table_name, tries=aws.FOR_A_PERSON)
        self._secrets = Secrets(aws.client("secretsmanager", tries=aws.FOR_A_PERSON), utc_now)

    def token_keys(self) -> TokenKeys:
        return self._secrets.token_keys(self._settings.token_secret_arn)

    @cached_property
    def districts(self) -> DistrictStore:
        from shared.stores.districts import DistrictStore

        return DistrictStore(self._table)

    @cached_property
    def users(self) -> RosterUserStore:
        from shared.stores.roster_users import RosterUserStore

        return RosterUserStore(self._table)

    @cached_property
    def district_classes(self) -> DistrictClassStore:
        from shared.stores.district_classes import DistrictClassStore

        return DistrictClassStore(self._table)

    @cached_property
    def work(self) -> ClassWorkStore:
        from shared.stores.class_work import ClassWorkStore

        return ClassWorkStore(self._table)

    @cached_property
    def skills(self) -> SkillStore:
        from shared.stores.skills import SkillStore

        return SkillStore(self._table)

    @cached_property
    def peoples_classes(self) -> PeoplesClassesStore:
        from shared.stores.people_classes import PeoplesClassesStore

        return PeoplesClassesStore(self._table)

    @cached_property
    def accounts(self) -> AccountStore:
        from shared.stores.accounts import AccountStore

        return AccountStore(self._table, self._settings.google_issuer)

    @cached_property
    def identifiers(self) -> IdentifierIndex:
        from shared.stores.identifier_index import IdentifierIndex

        return IdentifierIndex(self._table, self._settings.google_issuer, self._settings.clever_issuer)

    @cached_property
    def links(self) -> LinkStore:
        from shared.stores.links import LinkStore

        return LinkStore(self._table)

    @cached_property
    def waiting(self) -> WaitingStore:
        from shared.stores.waiting import WaitingStore

        return WaitingStore(self._table)

    @cached_property
    def mail_codes(self) -> MailCodeStore:
        from shared.stores.mail_codes import MailCodeStore

        return MailCodeStore(self._table)

    @cached_property
    def nudges(self) -> NudgeStore:
        from shared.stores.nudges import NudgeStore

        return NudgeStore(self._table)

    @cached_property
    def notices(self) -> NoticeStore:
        from shared.stores.notices import NoticeStore

        return NoticeStore(self._table)

    @cached_property
    def activations(self) -> ActivationStore:
        from shared.stores.activations import ActivationStore

        return ActivationStore(self._table)

    @cached_property
    def request_contexts(self) -> RequestContextStore:
        from shared.stores.request_context import RequestContextStore

        return RequestContextStore(self._table, utc_now, keeps_settings=SETTINGS_KEPT)

    @cached_property
    def progress(self) -> ProgressStore:
        from shared.stores.import_progress import ProgressStore

        return ProgressStore(self._table)

    @cached_property
    def reports(self) -> ReportStore:
        from shared.stores.reports import ReportStore

        return ReportStore(
            self._table, aws.client("s3", tries=aws.FOR_A_PERSON), self._settings.report_bucket, self._settings.web_url
        )

    @cached_property
    def stuck(self) -> StuckStore:
        from shared.stores.stuck_people import StuckStore

        return StuckStore(self._table)

    @cached_property
    def resend_activation(self) -> ResendActivation:
        from shared.stores.activation_queue import ActivationQueue
        from shared.use_cases.resend_activation import ResendActivation

        queue = ActivationQueue(aws.client("sqs", tries=aws.FOR_A_PERSON), self._settings.activation_queue_url)
        return ResendActivation(self.activations, self.users, self.districts, queue, clock=utc_now, new_id=new_id)

    @cached_property
    def correct_address(self) -> CorrectAddress:
        from shared.stores.activation_queue import ActivationQueue
        from shared.use_cases.correct_address import CorrectAddress

        queue = ActivationQueue(aws.client("sqs", tries=aws.FOR_A_PERSON), self._settings.activation_queue_url)
        return CorrectAddress(self.activations, self.users, self.stuck, queue, clock=utc_now, new_id=new_id)

    @cached_property
    def imports(self) -> ImportHistory:
        from shared.stores.imports import ImportHistory

        return ImportHistory(self._table)

    @cached_property
    def overview(self) -> OverviewStore:
        from shared.stores.overview import OverviewStore

        return OverviewStore(self._table)

    @cached_property
    def decisions(self) -> DecideImport:
        from shared.stores.imports import ImportStarter
        from shared.use_cases.decide_import import DecideImport

        starter = ImportStarter(
            aws.client("stepfunctions", tries=aws.FOR_A_PERSON), self._table, self._settings.import_state_machine_arn
        )
        return DecideImport(starter, self.reports, self.districts, clock=utc_now)

    @cached_property
    def ways_in(self) -> WayInStore:
        from shared.stores.ways_in import WayInStore

        return WayInStore(self._table)

    @cached_property
    def roster_forms(self) -> RosterForms:
        from shared.stores.roster_forms import RosterForms

        return RosterForms(aws.client("s3", tries=aws.FOR_A_PERSON), self._settings.roster_bucket)

    @cached_property
    def fetches(self) -> FetchStore:
        from shared.stores.fetches import FetchStore

        return FetchStore(self._table)

    @cached_property
    def fetch_requests(self) -> FetchRequests:
        from shared.stores.fetches import FetchRequests

        return FetchRequests(aws.client("s3", tries=aws.FOR_A_PERSON), self._settings.roster_bucket)

    @cached_property
    def bulk_orders(self) -> BulkOrderStore:
        from shared.stores.bulk_orders import BulkOrderStore

        return BulkOrderStore(self._table)

    @cached_property
    def counts(self) -> CountStore:
        from shared.stores.counts import CountStore

        return CountStore(self._table)

    @cached_property
    def sheets(self) -> SheetStore:
        from shared.stores.seals import SheetStore

        return SheetStore(self._table)

    @cached_property
    def strangers(self) -> StrangerStore:
        from shared.stores.strangers import StrangerStore

        return StrangerStore(self._table, self.rate_limiter)

    @cached_property
    def trail(self) -> TrailStore:
        from shared.stores.trail import TrailStore

        return TrailStore(self._table)

    @cached_property
    def own_logins(self) -> OwnLoginStore:
        from shared.stores.own_logins import OwnLoginStore

        return OwnLoginStore(self._table)

    @cached_property
    def own_code_queue(self) -> OwnCodeQueue:
        from shared.stores.own_code_queue import OwnCodeQueue

        return OwnCodeQueue(aws.client("sqs", tries=aws.FOR_A_PERSON), self._settings.link_notice_queue_url)

    @cached_property
    def vouches(self) -> VouchStore:
        from shared.stores.vouching import VouchStore

        return VouchStore(self._table)

    @cached_property
    def class_days(self) -> ClassDayStore:
        from shared.stores.class_day import ClassDayStore

        return ClassDayStore(self._table)

    @cached_property
    def audit(self) -> AuditStore:
        from shared.stores.audit import AuditStore

        return AuditStore(self._table)

    @cached_property
    def people_search(self) -> PeopleSearch:
        from shared.stores.import_files import ImportFiles
        from shared.stores.import_state import ImportStateStore
        from shared.stores.people_search import PeopleSearch

        files = ImportFiles(aws.client("s3", tries=aws.FOR_A_PERSON), self._settings.snapshot_bucket)
        return PeopleSearch(ImportStateStore(self._table), files)

    @cached_property
    def exports(self) -> ClassExportStore:
        from shared.stores.class_exports import ClassExportStore

        return ClassExportStore(self._table)

    @cached_property
    def export_queue(self) -> ClassExportQueue:
        from shared.stores.class_exports import ClassExportQueue

        return ClassExportQueue(aws.client("sqs", tries=aws.FOR_A_PERSON), self._settings.export_queue_url)

    @cached_property
    def export_files(self) -> ClassExportFiles:
        from shared.stores.class_exports import ClassExportFiles

        return ClassExportFiles(aws.client("s3", tries=aws.FOR_A_PERSON), self._settings.export_bucket)

    @cached_property
    def remaining(self) -> RemainingClassesStore:
        from shared.stores.digests import RemainingClassesStore

        return RemainingClassesStore(self._table)

    @cached_property
    def sessions(self) -> SessionStore:
        from shared.stores.sessions import SessionStore

        return SessionStore(self._table, utc_now)

    @cached_property
    def rate_limiter(self) -> RateLimiter:
        from shared.stores.rate_limits import RateLimiter

        return RateLimiter(self._table, utc_now)

    @cached_property
    def hub_returns(self) -> HubReturnStore:
        from shared.stores.hub_returns import HubReturnStore

        return HubReturnStore(self._table, utc_now)

    @cached_property
    def send_state(self) -> SendStateStore:
        from shared.stores.send_state import SendStateStore

        return SendStateStore(self._table)

    @cached_property
    def passwords(self) -> PasswordLogin:
        from shared.hubs.cognito import PasswordLogin

        return PasswordLogin(
            aws.client("cognito-idp", tries=aws.FOR_A_PERSON),
            self._settings.user_pool_id,
            self._settings.user_pool_client_id,
        )

    @cached_property
    def hubs(self) -> Mapping[Provider, Hub]:
        from shared.hubs.classlink import ClassLink
        from shared.hubs.clever import Clever
        from shared.hubs.google import Google
        from shared.hubs.microsoft import Microsoft

        def wired(kind: type[OidcProvider | Clever], issuer: str, client_id: str) -> Hub:
            name = kind.provider
            return kind(
                issuer,
                client_id,
                lambda: self._secrets.object(self._settings.oidc_secret_arn).get(f"{name}_client_secret", ""),
                f"{self._settings.web_url}/callback/{name}",
                utc_now,
            )

        return {
            "google": wired(Google, self._settings.google_issuer, self._settings.google_client_id),
            "clever": wired(Clever, self._settings.clever_issuer, self._settings.clever_client_id),
            "classlink": wired(ClassLink, self._settings.classlink_issuer, self._settings.classlink_client_id),
            "microsoft": wired(Microsoft, self._settings.microsoft_issuer, self._settings.microsoft_client_id),
        }
