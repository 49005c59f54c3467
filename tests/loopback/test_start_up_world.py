"""The world in memory that ``make start-up`` gives its workers speaks as DynamoDB does."""

from __future__ import annotations

import boto3

from benchmarks.aws_over_http import aws_over_http
from tests.harness import World


def test_bytes_in_the_table_come_back_as_they_were() -> None:
    item = {"PK": {"S": "ROSTER#1"}, "SK": {"S": "ROSTER"}, "packed": {"B": b"\x00\xff ids"}}
    with aws_over_http(World()) as endpoint:
        client = boto3.client(
            "dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t"
        )
        client.put_item(TableName="table", Item=item)
        key = {name: item[name] for name in ("PK", "SK")}
        assert client.get_item(TableName="table", Key=key)["Item"] == item
