"""Set a secret without it landing in a shell's history, a process list or a file: it is typed, or comes by a pipe."""

from __future__ import annotations

import getpass
import json
import re
import sys
from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.errors import InvalidSettings

_SOURCE = re.compile(r"sources/[a-z0-9-]{1,64}/[A-Za-z0-9_.-]{1,100}")
_OF_A_SOURCE = ({"client_id", "client_secret"}, {"token"})
_UNSAID = "unused"
"""What the template fills an OIDC secret with, so that it is one."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--secret",
        required=True,
        type=filled,
        metavar="HUB|sources/DISTRICT/NAME",
        help="google, clever … for this service's client secret there; or what a district's roster is fetched with",
    )


def check(arguments: Namespace) -> None:
    """Raises ArgumentError for what names no secret."""
    if "/" in arguments.secret and not _SOURCE.fullmatch(arguments.secret):
        raise ArgumentError(None, "a secret of a source is sources/{district_id}/{name}")


def run(stack: Stack, arguments: Namespace) -> int:
    """Raises InvalidSettings when the hub is unknown, or the secret is none."""
    if "/" in arguments.secret:
        _set_source(stack, arguments.secret, typed())
    else:
        _set_hub(stack, arguments.secret, typed)
    sys.stdout.write(f"The secret {arguments.secret} is set. Functions read it within five minutes.\n")
    return 0


def typed() -> str:
    """What is typed without being shown, or comes by a pipe. Raises InvalidSettings when it is empty."""
    said = getpass.getpass("Secret (not shown): ") if sys.stdin.isatty() else sys.stdin.read()
    if not said.strip():
        raise InvalidSettings("no_secret", "No secret was given. Type it, or send it by a pipe.")
    return said.strip()


def _set_hub(stack: Stack, hub: str, ask: Callable[[], str]) -> None:
    """One value of the secret that all hubs share; the others stay."""
    pages = stack.functions().get_function_configuration(FunctionName=stack.outputs["PagesFunctionName"])
    variables: Mapping[str, str] = pages["Environment"]["Variables"]
    known = sorted(name.removesuffix("_CLIENT_ID").lower() for name in variables if name.endswith("_CLIENT_ID"))
    hubs = [name for name in known if f"{name.upper()}_ISSUER" in variables]
    if hub not in hubs:
        raise InvalidSettings("unknown_hub", f"{hub} is no hub of this stack. Its hubs are {', '.join(hubs)}.")
    secrets, arn = stack.client("secretsmanager"), variables["OIDC_SECRET_ARN"]
    values: dict[str, str] = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    values.pop(_UNSAID, None)
    values[f"{hub}_client_secret"] = ask()
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(values))


def _set_source(stack: Stack, name: str, said: str) -> None:
    try:
        values = json.loads(said)
    except ValueError:
        values = None
    if not isinstance(values, dict) or set(values) not in _OF_A_SOURCE:
        raise InvalidSettings(
            "invalid_secret", 'The secret of a source is JSON: {"client_id", "client_secret"}, or {"token"}.'
        )
    secrets, whole = stack.client("secretsmanager"), f"{stack.deployed_name}/{name}"
    try:
        secrets.create_secret(Name=whole, SecretString=said)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        secrets.put_secret_value(SecretId=whole, SecretString=said)
