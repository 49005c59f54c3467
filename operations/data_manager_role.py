"""A role for a district's data managers, which reaches the district's own prefixes and nothing else."""

from __future__ import annotations

import hashlib
import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from botocore.exceptions import ClientError

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.district import DISTRICT_ID
from shared.domain.errors import InvalidSettings

UPLOADS = ("rosters", "previews", "id-maps", "fetches")
"""What a district may put into the roster bucket; everything else there is the operators' (docs/uploads.md)."""
_POLICY = "own-prefixes"
_LONGEST_NAME = 64


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument(
        "--principal",
        required=True,
        type=filled,
        metavar="ARN",
        help="the account, role or user that may take the role",
    )
    parser.add_argument("--external-id", default="", metavar="TEXT", help="what another account has to name besides")


def question(arguments: Namespace) -> str:
    return f"let {arguments.principal} put rosters of {arguments.district}, and read its reports"


def run(stack: Stack, arguments: Namespace) -> int:
    """Make the role, or bring it in step. Raises InvalidSettings for an id that no district has."""
    if not DISTRICT_ID.fullmatch(arguments.district):
        raise InvalidSettings("invalid_district", "A district's id is 1 to 64 of a–z, 0–9 and -.")
    iam, name = stack.client("iam"), role_name(stack, arguments.district)
    trust = json.dumps(trust_policy(arguments.principal, arguments.external_id))
    try:
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust, Description=f"Data managers of {arguments.district}"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(policy(stack, arguments.district)))
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    uploads, reports = stack.outputs["RosterBucketName"], stack.outputs["ReportBucketName"]
    sys.stdout.write(
        f"{arn}\nIt may put s3://{uploads}/{{{','.join(UPLOADS)}}}/{arguments.district}/… and read "
        f"s3://{reports}/reports/{arguments.district}/…\n"
    )
    return 0


def remove(stack: Stack, district_id: str) -> bool:
    """Delete the district's role. Return whether there was one."""
    iam, name = stack.client("iam"), role_name(stack, district_id)
    try:
        iam.delete_role_policy(RoleName=name, PolicyName=_POLICY)
        iam.delete_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
    return True


def role_name(stack: Stack, district_id: str) -> str:
    """Names end at 64 characters: a long one keeps its beginning, and a hash of the whole."""
    name = f"{stack.deployed_name}-data-{district_id}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def trust_policy(principal: str, external_id: str) -> dict[str, Any]:
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}} if external_id else {}
    allow = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **condition}
    return {"Version": "2012-10-17", "Statement": [allow]}


def policy(stack: Stack, district_id: str) -> dict[str, Any]:
    """What the role may do: its own uploads and reports, and the list of both."""
    uploads, reports = stack.outputs["RosterBucketName"], stack.outputs["ReportBucketName"]
    own = [f"{prefix}/{district_id}/" for prefix in UPLOADS]
    arn = f"arn:{stack.partition}:s3:::"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{arn}{uploads}/{prefix}*" for prefix in own],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": [f"{arn}{reports}/reports/{district_id}/*"],
            },
            _list(f"{arn}{uploads}", own),
            _list(f"{arn}{reports}", [f"reports/{district_id}/"]),
        ],
    }


def _list(bucket: str, prefixes: list[str]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": [bucket],
        "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
    }
