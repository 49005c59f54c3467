"""A user of the stack's SFTP server, who reaches one district's deliveries and nothing else."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentError, ArgumentParser, Namespace
from typing import Any

from botocore.exceptions import ClientError

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.district import DISTRICT_ID
from shared.domain.errors import InvalidSettings

_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]{60,2000}( .{0,200})?")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument(
        "--key", required=True, type=filled, metavar="PUBLIC_KEY", help="the public SSH key of whoever sends its files"
    )


def check(arguments: Namespace) -> None:
    """Raises ArgumentError for what is no public key; a private one is not repeated."""
    if not _KEY.fullmatch(arguments.key.strip()):
        raise ArgumentError(None, "a public key is one line that begins with ssh-ed25519, ecdsa-sha2-… or ssh-rsa")


def question(arguments: Namespace) -> str:
    return f"let whoever has the key of {arguments.key.split()[-1][:40]} put files of {arguments.district} by SFTP"


def run(stack: Stack, arguments: Namespace) -> int:
    """Make the user, or let another key in, too. Raises InvalidSettings where the stack has no SFTP, or no district this id."""
    if not DISTRICT_ID.fullmatch(arguments.district):
        raise InvalidSettings("invalid_district", "A district's id is 1 to 64 of a–z, 0–9 and -.")
    server = stack.outputs.get("SftpServerId")
    if not server:
        raise InvalidSettings(
            "no_sftp", "This stack has no SFTP. Deploy it with SFTP=true (docs/sftp.md says what that costs)."
        )
    transfer, name, key = stack.client("transfer"), user_name(arguments.district), arguments.key.strip()
    home = f"/{stack.outputs['RosterBucketName']}/deliveries/{arguments.district}"
    user = {
        "ServerId": server, "UserName": name, "Role": stack.outputs["SftpUserRoleArn"], "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryMappings": [{"Entry": "/", "Target": home}], "Policy": json.dumps(policy(stack, arguments.district)),
    }  # fmt: skip
    try:
        transfer.create_user(**user, SshPublicKeyBody=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        transfer.update_user(**user)
        _let_in(transfer, server, name, key)
    sys.stdout.write(f"sftp -i KEY {name}@{server}.server.transfer.{stack.region}.amazonaws.com\n")
    return 0


def _let_in(transfer: Any, server: str, name: str, key: str) -> None:
    try:
        transfer.import_ssh_public_key(ServerId=server, UserName=name, SshPublicKeyBody=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise


def remove(stack: Stack, district_id: str) -> bool:
    """Delete the district's user. Return whether there was one."""
    server = stack.outputs.get("SftpServerId")
    if not server:
        return False
    transfer, name = stack.client("transfer"), user_name(district_id)
    try:
        transfer.describe_user(ServerId=server, UserName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    transfer.delete_user(ServerId=server, UserName=name)
    return True


def user_name(district_id: str) -> str:
    """A user's name there has 3 to 100 characters."""
    return f"district-{district_id}"


def policy(stack: Stack, district_id: str) -> dict[str, Any]:
    """What is left of the role of all users: this district's own files. It narrows, whatever the home directory says."""
    bucket = f"arn:{stack.partition}:s3:::{stack.outputs['RosterBucketName']}"
    own = f"deliveries/{district_id}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{bucket}/{own}/*"],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": [bucket],
                "Condition": {"StringLike": {"s3:prefix": [f"{own}/*", own]}},
            },
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": [bucket]},
        ],
    }
