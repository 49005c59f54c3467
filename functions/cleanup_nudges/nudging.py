"""One nudge per due date: claimed first, then sent, so that no schedule that fires twice can send two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from shared.clock import Clock, from_iso, to_iso
from shared.district import District
from shared.errors import OutcomeUnknown
from shared.i18n import language_for
from shared.link import LinkState
from shared.mail.mailer import Mailer, MailRefused
from shared.mail.message import Message, build, translated
from shared.nudge import next_allowed, nudge_after, still_about, unsubscribe_token
from shared.roster import Role, RosterUser, RosterUserKey
from shared.settings import Brand
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.due import NUDGE, DueStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

TEMPLATES = Path(__file__).parent / "templates"


class Nudging:
    """Touches only what is due; cost grows with that, not with everybody."""

    def __init__(
        self,
        due: DueStore,
        links: LinkStore,
        users: RosterUserStore,
        accounts: AccountStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._due = due
        self._links = links
        self._users = users
        self._accounts = accounts
        self._districts = districts
        self._mailer = mailer
        self._token_key = token_key
        self._brand = brand
        self._clock = clock

    def run(self) -> Counter[str]:
        """Deal with everything that is due; answers how many were sent, moved, stopped."""
        counts: Counter[str] = Counter()
        for user, due_at, _ in self._due.due(NUDGE, self._clock()):
            counts[self._one(user, due_at)] += 1
        return counts

    def _one(self, key: RosterUserKey, due_at: str) -> str:
        now = self._clock()
        link = self._links.of_user(key)
        user = self._users.get(key)
        district = self._districts.find(key.district_id)
        if not link or link.state is not LinkState.LINKED or not user or not district or user.role is not Role.TEACHER:
            self._due.remove(NUDGE, key, due_at)
            return "stopped"
        classes = still_about(self._accounts.owned_classes(link.account_id))
        if not classes or not user.active or not user.official_email:
            self._links.move_nudge(key, due_at, None, sent_at=None)
            return "stopped"
        allowed = next_allowed(district, now)
        if allowed > now:
            self._links.move_nudge(key, due_at, allowed, sent_at=None)
            return "moved"
        sent = self._links.nudges_sent(key)
        after = nudge_after(district, sent + 1, now)
        if not self._links.move_nudge(key, due_at, after, sent_at=to_iso(now)):
            # Another run dealt with it; what it left in the index is removed.
            if from_iso(due_at) <= now and self._links.nudge_due_at(key) != due_at:
                self._due.remove(NUDGE, key, due_at)
            return "stopped"
        try:
            self._mailer.send(self._message(district, user, link.account_id, [one.name for one in classes]))
        except (MailRefused, OutcomeUnknown):
            return "failed"
        return "sent"

    def _message(self, district: District, user: RosterUser, account_id: str, classes: list[str]) -> Message:
        language = language_for(district.locale)
        stop = f"{self._brand.web_url}/unsubscribe/{unsubscribe_token(district.district_id, account_id, self._token_key())}"
        return build(
            TEMPLATES,
            "nudge",
            language,
            to=user.official_email or "",
            subject=translated(
                language, "Your previous %(brand)s classes are still open", brand=self._brand.brand_name
            ),
            headers={"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            tags={"kind": "nudge"},
            brand=self._brand.brand_name,
            name=user.display_name,
            classes=classes,
            address=f"{self._brand.web_url}/home",
            stop=stop,
            support_url=district.support_url or self._brand.support_url,
            postal_address=self._brand.postal_address,
        )
