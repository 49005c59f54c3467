"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from shared.domain.roster import NumberKind, RosterUserKey


def filled(text: str) -> str:
    """The argument without blanks around it. Raises ArgumentTypeError when nothing is left."""
    if not text.strip():
        raise ArgumentTypeError("must not be empty")
    return text.strip()


def add_roster_user(parser: ArgumentParser, *, required: bool = True) -> None:
    """A person as the district names them."""
    parser.add_argument("--district", required=required, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument("--person", required=required, type=filled, metavar="SOURCED_ID", help="the id in the roster")
    parser.add_argument(
        "--kind",
        default="",
        choices=[kind.value for kind in NumberKind],
        help="the kind of that id, where the roster's format numbers students, teachers and staff separately",
    )


def roster_user_of(arguments: Namespace) -> RosterUserKey:
    """The person whom the arguments name."""
    return RosterUserKey(arguments.district, arguments.person, arguments.kind)
