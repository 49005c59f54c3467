"""Decides about a held import: puts the contract's decision object into the roster bucket."""

from __future__ import annotations

import json
import sys

from operations.stack import deployed

USAGE = 'make decide DISTRICT=riverbend IMPORT=20260901T… ACTION=approve BY="your name" REASON="why"'


def main(arguments: list[str]) -> int:
    district_id, import_id, action, by, reason = (*arguments, *[""] * 5)[:5]
    if not district_id or not import_id or not by or action not in ("approve", "reject", "roll_back"):
        sys.stderr.write(f"Say which import, what, and who decides:\n  {USAGE}\n")
        return 1
    stack = deployed()
    body = json.dumps({"action": action, "by": by, "reason": reason})
    stack.client("s3").put_object(
        Bucket=stack.outputs["RosterBucketName"], Key=f"decisions/{district_id}/{import_id}.json", Body=body.encode()
    )
    sys.stdout.write(f"{action}: written. The import's report will say what came of it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
