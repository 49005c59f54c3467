"""The command line of people on call. The make targets of the same names call it."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, ArgumentError, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import BotoCoreError, ClientError

from operations import (
    after_restore,
    audit,
    data_manager_role,
    decide,
    drill,
    offboard,
    personal_data,
    reconcile,
    recount,
    redrive,
    register_district,
    resend,
    resume_mail,
    set_secret,
    sftp_user,
    verify_audit,
)
from operations.arguments import add_roster_user, filled
from operations.doctor import command as doctor
from operations.stack import Stack, StackNotFound, named_stack
from operations.trail import Noted, note, of_arguments
from operations.trail import add_arguments as add_who_and_why
from shared.domain.errors import AccountLinkingError

DONE, REFUSED, WRONG_USE = 0, 1, 2

EPILOG = """\
The stack is the one that --stack names, else the variable STACK or STACK_NAME, else the local stack if it runs.
`local` is the local stack. Profile and region are AWS' own: AWS_PROFILE, AWS_REGION.
The stack, its account and its region are written to standard error before anything is done.

Exit codes: 0 done; 1 refused, or something could not be handled; 2 wrong use, and nothing was done."""


class Confirm(Enum):
    """When a command asks before it does its work, and wants --yes where nobody can be asked."""

    NEVER = "never"
    ON_AWS = "on AWS"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    help: str
    run: Callable[[Stack, Namespace], int]
    add_arguments: Callable[[ArgumentParser], None] = lambda _parser: None
    check: Callable[[Namespace], None] = lambda _arguments: None
    """Raises ArgumentError for arguments that do not go together."""
    show: Callable[[Stack, Namespace], bool] = lambda _stack, _arguments: True
    """Shows what would be done before anything is asked; False where that was all that was wanted."""
    confirm: Confirm = Confirm.NEVER
    question: Callable[[Namespace], str] = lambda _arguments: ""
    """What will be done, as asked of a person."""
    noted: Callable[[Namespace], Noted | None] | None = of_arguments
    """In whose trail it is noted before it is done; None for one that changes nothing, or writes its own entry."""
    is_noted_itself: bool = False


COMMANDS = (
    Command(
        "doctor",
        "look at a stack, and say of each thing whether it is in order and what to do",
        doctor.run,
        doctor.add_arguments,
        noted=None,
    ),
    Command(
        "set-secret",
        "set a secret that is typed, or comes by a pipe",
        set_secret.run,
        set_secret.add_arguments,
        set_secret.check,
    ),
    Command(
        "register-district",
        "register a district, or change its settings",
        register_district.run,
        register_district.add_arguments,
        confirm=Confirm.ON_AWS,
        question=register_district.question,
    ),
    Command(
        "data-manager-role",
        "make a role for a district's data managers, which reaches its own prefixes alone",
        data_manager_role.run,
        data_manager_role.add_arguments,
        confirm=Confirm.ON_AWS,
        question=data_manager_role.question,
    ),
    Command(
        "sftp-user",
        "let a district's sender put its files by SFTP, and nothing else",
        sftp_user.run,
        sftp_user.add_arguments,
        sftp_user.check,
        confirm=Confirm.ON_AWS,
        question=sftp_user.question,
    ),
    Command(
        "decide",
        "approve or reject a held import, or roll back a finished one",
        decide.run,
        decide.add_arguments,
        confirm=Confirm.ON_AWS,
        question=decide.question,
        noted=None,
        is_noted_itself=True,
    ),
    Command(
        "drill",
        "foretell what a district's preview, or a roster, will come to",
        drill.run,
        drill.add_arguments,
        noted=None,
    ),
    Command("resend", "send a teacher another activation mail", resend.run, add_roster_user),
    Command(
        "resume-mail",
        "let mail go out again after too many bounces or complaints stopped it",
        resume_mail.run,
        resume_mail.add_arguments,
        confirm=Confirm.ON_AWS,
        question=resume_mail.question,
    ),
    Command(
        "redrive", "send on what lies in the dead-letter queues, and start broken imports and feeds again", redrive.run
    ),
    Command(
        "audit",
        "print when and how a person's links were made and undone, as CSV",
        audit.run,
        add_roster_user,
        noted=None,
    ),
    Command(
        "verify-audit",
        "compare the trail with its seals, and say what was removed, changed, added or moved",
        verify_audit.run,
        verify_audit.add_arguments,
        noted=None,
    ),
    Command(
        "recount",
        "compare the counts of the funnel with what all items say, and set them right where that is wanted",
        recount.run,
        recount.add_arguments,
        noted=lambda arguments: of_arguments(arguments) if arguments.sets else None,
    ),
    Command(
        "reconcile",
        "recompute the receipts of links, and say what was there before and is lost",
        reconcile.run,
        reconcile.add_arguments,
        noted=None,
    ),
    Command(
        "export-person",
        "print all that is held about a person, as JSON",
        personal_data.run_export,
        personal_data.add_arguments,
        personal_data.check,
    ),
    Command(
        "delete-person",
        "delete all that is held about a person, for good",
        personal_data.run_delete,
        personal_data.add_arguments,
        personal_data.check,
        confirm=Confirm.ALWAYS,
        question=personal_data.question,
        noted=None,
        is_noted_itself=True,
    ),
    Command(
        "after-restore",
        "bring what was mailed since into a restored table, and its snapshots back",
        after_restore.run,
        after_restore.add_arguments,
        confirm=Confirm.ON_AWS,
        question=after_restore.question,
    ),
    Command(
        "offboard",
        "end a district's contract: show what goes, then end its links and delete its data, for good",
        offboard.run,
        offboard.add_arguments,
        show=offboard.show,
        confirm=Confirm.ALWAYS,
        question=offboard.question,
        noted=lambda arguments: Noted(about=arguments.district),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    command: Command = arguments.command
    try:
        command.check(arguments)
        stack = named_stack(arguments.stack)
    except (ArgumentError, StackNotFound) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USE
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"The stack could not be looked up: {error}\n")
        return WRONG_USE
    sys.stderr.write(f"Stack: {stack}\n")
    try:
        if not command.show(stack, arguments):
            return DONE
        if refused := _refusal(command, stack, arguments):
            return refused
        if noted := command.noted and command.noted(arguments):
            note(stack, command.name, arguments, noted)
        return command.run(stack, arguments)
    except AccountLinkingError as error:
        sys.stderr.write(f"{error.message}\n")
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"AWS refused: {error}\n")
    return REFUSED


def _refusal(command: Command, stack: Stack, arguments: Namespace) -> int:
    """Ask a person, where that is due. Return the exit code where nothing is to be done, else 0."""
    if arguments.yes or not _must_confirm(command, stack):
        return DONE
    wish = command.question(arguments)
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"This would {wish}. There is no terminal to ask on: say --yes (make: YES=1). Nothing was done.\n"
        )
        return WRONG_USE
    sys.stderr.write(f"This will {wish}. Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        sys.stderr.write("Nothing was done.\n")
        return REFUSED
    return DONE


def _must_confirm(command: Command, stack: Stack) -> bool:
    return command.confirm is Confirm.ALWAYS or (command.confirm is Confirm.ON_AWS and not stack.is_local)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m operations",
        description="What people on call run, against the local stack or one on AWS.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=EPILOG,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        if command.noted or command.is_noted_itself:
            add_who_and_why(subparser)
        subparser.add_argument("--stack", metavar="local|NAME", type=filled, help="the stack (default: see below)")
        asks = {
            Confirm.NEVER: SUPPRESS,
            Confirm.ON_AWS: "do not ask; needed on AWS where there is no terminal",
            Confirm.ALWAYS: "do not ask; needed where there is no terminal",
        }
        subparser.add_argument("--yes", action="store_true", help=asks[command.confirm])
        subparser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
