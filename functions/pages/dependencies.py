"""What the pages work with, wired once by the handler and by tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.hubs.hub import is_set_up

if TYPE_CHECKING:
    from shared.domain.account import GrassrootsClass
    from shared.domain.clock import Clock, NewId
    from shared.domain.district import District
    from shared.domain.pairing import Pairing
    from shared.domain.roster import DistrictClass, RosterUser
    from shared.hubs.cognito import PasswordLogin
    from shared.hubs.hub import Hub, Provider
    from shared.runtime.settings import Brand
    from shared.runtime.tokens import SealedCookie, TokenKeys
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
    from shared.use_cases.class_contents import ClassContents
    from shared.use_cases.class_trash import ClassTrash
    from shared.use_cases.correct_address import CorrectAddress
    from shared.use_cases.decide_import import DecideImport
    from shared.use_cases.find_roster_user import FindRosterUser
    from shared.use_cases.link_accounts import LinkAccounts
    from shared.use_cases.pair_classes import PairClasses
    from shared.use_cases.resend_activation import ResendActivation
    from shared.use_cases.vouch_for_students import VouchForStudents
    from shared.use_cases.watch_class import WatchClass


@dataclass(frozen=True, slots=True)
class Services:
    """Stores, proofs of identity, time, ids and secrets."""

    districts: DistrictStore
    users: RosterUserStore
    district_classes: DistrictClassStore
    work: ClassWorkStore
    skills: SkillStore
    peoples_classes: PeoplesClassesStore
    accounts: AccountStore
    identifiers: IdentifierIndex
    links: LinkStore
    mail_codes: MailCodeStore
    waiting: WaitingStore
    nudges: NudgeStore
    notices: NoticeStore
    activations: ActivationStore
    request_contexts: RequestContextStore
    progress: ProgressStore
    reports: ReportStore
    stuck: StuckStore
    counts: CountStore
    resend_activation: ResendActivation
    correct_address: CorrectAddress
    imports: ImportHistory
    overview: OverviewStore
    decisions: DecideImport
    ways_in: WayInStore
    roster_forms: RosterForms
    fetches: FetchStore
    fetch_requests: FetchRequests
    trail: TrailStore
    sheets: SheetStore
    bulk_orders: BulkOrderStore
    strangers: StrangerStore
    vouches: VouchStore
    class_days: ClassDayStore
    own_logins: OwnLoginStore
    own_code_queue: OwnCodeQueue
    audit: AuditStore
    people_search: PeopleSearch
    exports: ClassExportStore
    export_queue: ClassExportQueue
    export_files: ClassExportFiles
    remaining: RemainingClassesStore
    sessions: SessionStore
    rate_limiter: RateLimiter
    hub_returns: HubReturnStore
    send_state: SendStateStore
    passwords: PasswordLogin
    hubs: Mapping[Provider, Hub]
    brand: Brand
    clock: Clock
    new_id: NewId
    new_secret: NewId
    new_digits: Callable[[int], str]
    """So many digits that nobody can foretell."""
    token_keys: Callable[[], TokenKeys]
    sender: str = ""
    """The address that mails come from; empty where it is not known."""
    activation_subject: str = "Confirm your official %(brand)s account"
    """The subject of the activation mail, as this deployment has it."""
    password_help_url: str = ""
    """Where the platform helps whoever forgot a password; empty where that is done here."""

    def is_set_up(self, provider: Provider) -> bool:
        """Whether anybody can log in with this hub."""
        hub = self.hubs.get(provider)
        return hub is not None and is_set_up(hub.client_id)

    def contents(self) -> ClassContents:
        from shared.use_cases.class_contents import ClassContents

        return ClassContents(self.accounts, self.links, self.users, self.district_classes, self.work)

    def class_trash(self) -> ClassTrash:
        from shared.use_cases.class_trash import ClassTrash

        return ClassTrash(self.accounts.classes, clock=self.clock, new_id=self.new_id)

    def link_accounts(self) -> LinkAccounts:
        from shared.use_cases.link_accounts import LinkAccounts

        return LinkAccounts(
            self.accounts,
            self.identifiers,
            self.links,
            self.request_contexts,
            self.users,
            google_issuer=self.hubs["google"].issuer,
            clever_issuer=self.hubs["clever"].issuer,
            clock=self.clock,
            new_id=self.new_id,
        )

    def vouch_for_students(self) -> VouchForStudents:
        from shared.use_cases.vouch_for_students import VouchForStudents

        return VouchForStudents(
            self.accounts,
            self.links,
            self.users,
            self.vouches,
            self.link_accounts(),
            clock=self.clock,
            new_id=self.new_id,
        )

    def watch_class(self) -> WatchClass:
        from shared.use_cases.watch_class import WatchClass

        return WatchClass(self.users, self.links, self.vouches, self.class_days, clock=self.clock)

    def find_roster_user(self) -> FindRosterUser:
        from shared.use_cases.find_roster_user import FindRosterUser

        return FindRosterUser(self.users, self.links)

    def pair_classes(self) -> PairClasses:
        from shared.use_cases.pair_classes import PairClasses

        return PairClasses(self.links, self.district_classes, clock=self.clock)

    def paired_by_names_too(
        self,
        classes: Iterable[GrassrootsClass],
        user: RosterUser,
        district: District | None = None,
        taught: Mapping[str, DistrictClass] | None = None,
    ) -> list[Pairing]:
        """What has become of these classes, for one of their owner's roster users (B3, B13). ``district`` and ``taught``, the
        person's classes with their students, are read where they are not given."""
        district = district or self.districts.get(user.district_id)
        return self.pair_classes().paired_by_names_too(classes, user, district, self.accounts, self.users, taught)

    def sealed(self, purpose: str) -> SealedCookie:
        """What travels in a cookie for this purpose; a value sealed for one purpose opens for no other."""
        from shared.runtime.tokens import SealedCookie

        return SealedCookie(self.token_keys(), purpose)
