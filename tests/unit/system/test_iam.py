"""The evaluator says what IAM would, and refuses to guess; the cases are those of the IAM user guide."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import MemoryS3
from tests.harness import World
from tests.iam.guard import GUARD
from tests.iam.needs import UnknownCall, needs_of_call
from tests.iam.policy import Request, Statement, UnknownPolicy, allows

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/Table"
LEADING = "dynamodb:LeadingKeys"


def statement(action: Any = "dynamodb:Query", resource: Any = TABLE, effect: str = "Allow", **more: Any) -> Statement:
    return Statement.read({"Effect": effect, "Action": action, "Resource": resource, **more})


def of_keys(*patterns: str, operator: str = "ForAllValues:StringLike") -> dict[str, Any]:
    return {"Condition": {operator: {LEADING: list(patterns)}}}


def query(*keys: str, action: str = "dynamodb:Query", resource: str = TABLE) -> Request:
    return Request(action, resource, ((LEADING, keys),))


@pytest.mark.parametrize(
    ("statements", "request_", "is_allowed"),
    [
        ([], query("A"), False),
        ([statement()], query("A"), True),
        ([statement("DynamoDB:query")], query("A"), True),
        ([statement("dynamodb:Q*")], query("A"), True),
        ([statement()], query("A", action="dynamodb:PutItem"), False),
        ([statement()], query("A", resource=f"{TABLE}/index/by-name"), False),
        ([statement(resource=f"{TABLE}/index/*")], query("A"), False),
        ([statement(resource=[TABLE, f"{TABLE}/index/*"])], query("A", resource=f"{TABLE}/index/x"), True),
        ([statement(), statement(effect="Deny")], query("A"), False),
        ([statement(**of_keys("DUE#*"))], query("DUE#1"), True),
        ([statement(**of_keys("DUE#*"))], query("due#1"), False),
        ([statement(**of_keys("DUE#*"))], query("DUE#1", "WAITS"), False),
        ([statement(**of_keys("DUE#*")), statement(**of_keys("WAITS"))], query("DUE#1", "WAITS"), False),
        ([statement(**of_keys("DUE#*", "WAITS"))], query("DUE#1", "WAITS"), True),
        ([statement(**of_keys("DUE#[ab]"))], query("DUE#a"), False),
        ([statement(**of_keys("DUE#?"))], query("DUE#a"), True),
        ([statement("dynamodb:Scan", **of_keys("DUE#*"))], Request("dynamodb:Scan", TABLE), True),
        ([statement("dynamodb:Scan", **of_keys("DUE#*", operator="StringLike"))], Request("dynamodb:Scan", TABLE), False),
        ([statement(**of_keys("DUE#*", operator="StringEquals"))], query("DUE#1"), False),
        ([statement(), statement(effect="Deny", **of_keys("A", operator="ForAnyValue:StringLike"))], query("B", "A"), False),
        ([statement(), statement(effect="Deny", **of_keys("A", operator="ForAnyValue:StringLike"))], query("B"), True),
    ],
    ids=[
        "nothing is allowed by itself", "an action on a resource", "an action in any case", "a wildcard in an action",
        "another action", "an index is another resource", "an index is not its table", "either of two resources",
        "a Deny wins", "a key of the condition", "keys have a case", "one key of two", "two statements do not add up",
        "a statement with both keys", "brackets mean nothing", "a question mark is one letter",
        "ForAllValues holds where there is no key", "StringLike does not", "StringEquals knows no wildcard",
        "a Deny of any key", "a Deny of none of the keys",
    ],
)  # fmt: skip
def test_a_request_is_decided_as_iam_decides_it(
    statements: list[Statement], request_: Request, is_allowed: bool
) -> None:
    assert allows(statements, request_) is is_allowed


@pytest.mark.parametrize(
    "body",
    [
        {"NotAction": "s3:*"},
        {"NotResource": "*"},
        {"Principal": "*"},
        {"Effect": "Perhaps"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"StringLike": {"aws:username": "x"}}},
        {"Condition": {"ForAnyValue:StringNotLike": {LEADING: "A"}}},
        {"Resource": f"{TABLE}/${{aws:username}}"},
    ],
)
def test_a_policy_that_says_more_than_the_evaluator_knows_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UnknownPolicy):
        Statement.read({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": TABLE, **body})


def test_a_call_of_which_nobody_said_what_it_needs_is_refused() -> None:
    with pytest.raises(UnknownCall, match="s3:RestoreObject"):
        list(needs_of_call("s3", "RestoreObject", {"Bucket": "rosters", "Key": "k"}))
    with pytest.raises(UnknownCall, match="dynamodb:PartiQLSelect"):
        list(needs_of_call("dynamodb", "PartiQLSelect", {}))


def test_a_transaction_needs_the_action_of_each_of_its_writes() -> None:
    key = {"PK": "A", "SK": "1"}
    writes: list[dict[str, Any]] = [
        {"Put": {"Item": key}}, {"Put": {"Item": {**key, "PK": "B"}}}, {"ConditionCheck": {"Key": key}},
    ]  # fmt: skip
    needs = list(needs_of_call("dynamodb", "TransactWriteItems", {"TransactItems": writes}))
    assert [(need.action, dict(need.context)[LEADING]) for need in needs] == [
        ("dynamodb:PutItem", ("A", "B")),
        ("dynamodb:ConditionCheckItem", ("A",)),
    ]


@pytest.mark.parametrize(("key", "code"), [("exports/1.zip", "AccessDenied"), ("reports/none.json", "NoSuchKey")])
def test_who_may_not_list_a_bucket_is_not_told_that_a_key_is_missing(key: str, code: str) -> None:
    with GUARD.acting("PagesFunctionRole"), pytest.raises(ClientError) as refused:
        MemoryS3().get_object(Bucket=key.partition("/")[0], Key=key)
    assert refused.value.response["Error"]["Code"] == code


def test_a_refusal_names_who_what_and_where_as_aws_words_it() -> None:
    world = World()
    with GUARD.acting("PagesFunctionRole"), pytest.raises(ClientError) as refused:
        world.s3.put_object(Bucket="exports", Key="exports/1.zip", Body=b"")
    (use,) = GUARD.denied
    GUARD.denied.clear()
    assert use.request.action == "s3:PutObject"
    assert refused.value.response["Error"] == {
        "Code": "AccessDenied",
        "Message": "User: arn:aws:sts::123456789012:assumed-role/PagesFunctionRole/PagesFunction is not authorized to "
        "perform: s3:PutObject on resource: "
        "arn:aws:s3:::account-linking-exports-123456789012-us-east-1/exports/1.zip "
        "because no identity-based policy allows the s3:PutObject action",
    }
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
