"""What every hub does for a login: the browser goes there and comes back with a code, and the hub says whom that proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import LoginRefused

if TYPE_CHECKING:
    from shared.domain.district import AnyProvider, District

type Provider = AnyProvider

NO_CLIENT = "not-set"
"""The client id of a hub that nobody has set up (``template.yaml``)."""


IN_TROUBLE = frozenset({"issuer_unreachable", "hub_busy"})
"""Codes of a hub that does not answer now. It is nobody's fault here, and counts against nobody."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What ties a login to the browser that starts it; a hub is sent as much of it as it carries.

    ``state`` counts once, whatever the hub does with ``nonce`` (OpenID Connect) and ``verifier`` (PKCE).
    """

    state: str
    nonce: str
    verifier: str
    tenant: str = ""
    """The hub's id of the district that the login was started for; empty where the hub says which it is."""


@dataclass(frozen=True, slots=True)
class Number:
    """A person's number in the district's own records. ``kind`` is a ``NumberKind``, empty where the hub knows no kinds."""

    number: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a hub says of a person in a login that it proved.

    ``email_verified`` is True only where the hub itself verified that very address.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    tenant: str | None = None
    """The hub's id of the person's district; Google names none."""
    hosted_domain: str | None = None
    """The organisation's domain at Google that this account belongs to; a private account has none, whatever its address."""
    aliases: tuple[str, ...] = ()
    """Other ids of the same person at this hub: of an earlier version, of one role."""
    numbers: tuple[Number, ...] = ()
    """The person's numbers in the district, as it told the hub."""
    given_name: str = ""
    family_name: str = ""
    is_student: bool | None = None
    """What the hub says of the role; None where it does not say."""


class Hub(Protocol):
    """One hub. ``issuer`` is the first part of its subjects' names, for ever: links and accounts are keyed by it."""

    @property
    def provider(self) -> Provider: ...

    @property
    def issuer(self) -> str: ...

    @property
    def client_id(self) -> str:
        """This service's own id at the hub; ``NO_CLIENT`` or empty where it has none yet."""
        ...

    @property
    def restarts(self) -> bool:
        """Whether its portal starts logins by itself, with a code that is bound to nothing of ours: such a code is not used,
        and the login is started again."""
        ...

    def authorize(self, binding: Binding, district: District | None = None, *, from_portal: bool = False) -> str:
        """Where the browser goes to log in; ``district`` is None where the hub says which it is.

        ``from_portal`` says that the hub's portal started the login. Raises LoginRefused.
        """
        ...

    def prove(self, code: str, binding: Binding) -> Identity:
        """Whom the hub proves. Raises LoginRefused where anything about its answer is not as it must be."""
        ...

    def look_up(self, identity: Identity) -> Identity:
        """The same identity with what the hub's own interface says besides: numbers, names, an address.

        It costs requests, so it is asked only where the login alone leads to nobody. A hub that says nothing more leaves the
        identity as it is; raises LoginRefused, with a code of ``IN_TROUBLE``, where it cannot say.
        """
        ...

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:
        """What an answer without a code says, in words."""
        ...


def is_set_up(client_id: str) -> bool:
    """Whether this service has a client id at a hub, without which nobody can log in there."""
    return client_id not in ("", NO_CLIENT)


def subject_key(identity: Identity) -> tuple[str, str]:
    """An outside identity is issuer and subject, never an email (CVE-2023-3128)."""
    return identity.issuer, identity.subject


def unreachable() -> LoginRefused:
    """The hub did not answer, or not with what its interface promises."""
    return LoginRefused("issuer_unreachable", "The login service did not answer. Try again in a minute.")


def not_proved() -> LoginRefused:
    """The one error for a login that cannot be confirmed, whatever is wrong with it."""
    return LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
