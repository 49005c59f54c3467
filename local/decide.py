"""Decides about a held import: puts the contract's decision object into the roster bucket, here or on AWS."""

from __future__ import annotations

import json
import os
import sys

import boto3

from local.stack import CREDENTIALS, REGION, STACK_NAME, running_stack

USAGE = 'make decide DISTRICT=riverbend IMPORT=20260901T… ACTION=approve BY="your name" REASON="why"'


def main(arguments: list[str]) -> int:
    district_id, import_id, action, by, reason = (*arguments, *[""] * 5)[:5]
    if not district_id or not import_id or not by or action not in ("approve", "reject"):
        print(f"Say which import, what, and who decides:\n  {USAGE}", file=sys.stderr)
        return 1
    if stack := running_stack():
        os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=stack["endpoint_url"])
        bucket = stack["outputs"]["RosterBucketName"]
    else:
        name = os.environ.get("STACK_NAME", STACK_NAME)
        outputs = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        bucket = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "RosterBucketName")
    body = json.dumps({"action": action, "by": by, "reason": reason})
    region = os.environ.get("AWS_DEFAULT_REGION", REGION)
    boto3.client("s3", region_name=region).put_object(
        Bucket=bucket, Key=f"decisions/{district_id}/{import_id}.json", Body=body.encode()
    )
    print(f"{action}: written. The import's report will say what came of it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
