"""A preview from end to end: a roster of three people is put into S3, and its report comes back. It has no effects."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from botocore.exceptions import ClientError

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, in_order, wrong

DISTRICT = "doctor-preview"
"""A district of nobody's, which has no domain and no people."""
SECONDS = 120
_PAUSE = 2
_DISTRICT_JSON = {"name": "Preview of make doctor", "email_domains": [], "time_zone": "UTC"}
_FILES = {
    "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n"
    "file.classes,bulk\nfile.enrollments,bulk\nfile.courses,absent\nfile.academicSessions,absent\n",
    "orgs.csv": "sourcedId,name,type\no1,A school,school\n",
    "users.csv": "sourcedId,enabledUser,orgSourcedIds,role,givenName,familyName,username,email\n"
    "t1,true,o1,teacher,A,Teacher,t1,t1@doctor.invalid\ns1,true,o1,student,A,Student,s1,\ns2,true,o1,student,B,Student,s2,\n",
    "classes.csv": "sourcedId,title,classType,schoolSourcedId\nc1,A class,scheduled,o1\n",
    "enrollments.csv": "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n"
    "e1,c1,o1,t1,teacher\ne2,c1,o1,s1,student\ne3,c1,o1,s2,student\n",
}


def preview(facts: Facts) -> Finding:
    """S3's events, the import's functions and its state machine work together."""
    s3, outputs = facts.client("s3"), facts.stack.outputs
    key = f"previews/{DISTRICT}/{facts.clock():%Y%m%dT%H%M%S%f}.zip"
    bucket = outputs["RosterBucketName"]
    settings = {"Bucket": bucket, "Key": f"districts/{DISTRICT}/district.json"}
    s3.put_object(**settings, Body=json.dumps(_DISTRICT_JSON).encode())
    s3.put_object(Bucket=bucket, Key=key, Body=_zipped(_FILES))
    try:
        report = _report(facts, key)
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_object(**settings)
    if report is None:
        return wrong(
            f"No report came of a preview in {SECONDS} s",
            "See docs/runbooks/import-failed.md; the executions of the Import state machine and its log say more.",
        )
    users, status = report.get("users"), report.get("status")
    read = users.get("read") if isinstance(users, dict) else None
    if (status, read) != ("completed", 3):
        reason = report.get("reason") or report.get("rejects")
        return wrong(
            f"A preview of three people says {status}, {read} read: {reason}", "See docs/runbooks/import-failed.md."
        )
    return in_order("a roster of three people was read, and its report came back")


def _report(facts: Facts, key: str) -> Mapping[str, object] | None:
    """The report of the preview of this key, as soon as it is there."""
    s3, bucket = facts.client("s3"), facts.stack.outputs["ReportBucketName"]
    for _ in range(SECONDS // _PAUSE):
        try:
            body = s3.get_object(Bucket=bucket, Key=f"reports/{DISTRICT}/latest-preview.json")["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404", "AccessDenied"):
                raise
        else:
            report: dict[str, object] = json.loads(body)
            upload = report.get("upload")
            if isinstance(upload, dict) and upload.get("key") == key:
                return report
        facts.sleep(_PAUSE)
    return None


def _zipped(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()
