"""Logs in as several people at a log level, with canaries for every secret: ``python -m tests.log_canaries LEVEL``.

The root logger is as Lambda's runtime sets it before it loads a function: a handler to the log, at the level of the
application's log. Prints what would stand in the log.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlparse

import boto3
from moto import mock_aws

CANARIES = {
    "key": "CANARY-key-of-tokens", "client": "CANARY-client-secret", "password": "CANARY-password-1",
    "wrong": "CANARY-wrong-password", "reset": "CANARY-reset-code", "code": "CANARY-authorization-code",
    "token": "CANARY-access-token", "new": "CANARY-new-password-1", "factor": "CANARY-second-factor",
}  # fmt: skip


class _Issuer(BaseHTTPRequestHandler):
    """Discovery, and a token endpoint whose token proves nothing."""

    def do_GET(self) -> None:
        here = f"http://{self.headers['Host']}"
        self._answer(
            f'{{"issuer": "{here}", "authorization_endpoint": "{here}/authorize", "token_endpoint": "{here}/token",'
            f' "jwks_uri": "{here}/jwks", "keys": []}}'
        )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(f'{{"id_token": "{CANARIES["token"]}", "access_token": "{CANARIES["token"]}"}}')

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: this is no part of the service."""


def run(level: str) -> None:
    """Every login that a page offers, with canaries, at this level."""
    issuer = TCPServer(("127.0.0.1", 0), _Issuer)
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    with mock_aws():
        _deploy(f"http://127.0.0.1:{issuer.server_address[1]}", level)
        logging.basicConfig(stream=sys.stdout, level=level, format="[%(levelname)s] %(name)s %(message)s", force=True)
        _log_in_everywhere()


def _deploy(issuer: str, level: str) -> None:
    boto3.client("dynamodb").create_table(
        TableName="table", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    )  # fmt: skip
    secrets, cognito = boto3.client("secretsmanager"), boto3.client("cognito-idp")
    token = secrets.create_secret(Name="t", SecretString=CANARIES["key"])["ARN"]
    oidc = secrets.create_secret(Name="o", SecretString=f'{{"google_client_secret": "{CANARIES["client"]}"}}')["ARN"]
    pool = cognito.create_user_pool(
        PoolName="pool", Schema=[{"Name": "account_id", "AttributeDataType": "String", "Mutable": False}]
    )["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="c", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    attributes = [{"Name": "custom:account_id", "Value": "ada"}]
    cognito.admin_create_user(UserPoolId=pool, Username="ada", MessageAction="SUPPRESS", UserAttributes=attributes)
    cognito.admin_set_user_password(UserPoolId=pool, Username="ada", Password=CANARIES["password"], Permanent=True)
    os.environ |= {
        "TABLE_NAME": "table", "EXPORT_BUCKET": "e", "EXPORT_QUEUE_URL": "q", "REPORT_BUCKET": "r",
        "ROSTER_BUCKET": "d", "SNAPSHOT_BUCKET": "s", "IMPORT_STATE_MACHINE_ARN": "arn:of:the:import",
        "ACTIVATION_QUEUE_URL": "q", "LINK_NOTICE_QUEUE_URL": "q",
        "TOKEN_SECRET_ARN": token, "OIDC_SECRET_ARN": oidc, "USER_POOL_ID": pool,
        "USER_POOL_CLIENT_ID": client, "GOOGLE_ISSUER": issuer, "GOOGLE_CLIENT_ID": "g", "CLEVER_ISSUER": issuer,
        "CLEVER_CLIENT_ID": "c", "WEB_URL": "https://link.example", "POWERTOOLS_LOG_LEVEL": level,
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
    }  # fmt: skip


def _log_in_everywhere() -> None:
    from functions.pages import handler

    cookies: dict[str, str] = {}

    def asked(method: str, path: str, **fields: str) -> dict[str, Any]:
        path, _, query = path.partition("?")
        context = SimpleNamespace(
            function_name="pages", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="r"
        )
        event = {
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "queryStringParameters": {name: values[0] for name, values in parse_qs(query).items()},
            "headers": {"content-type": "application/x-www-form-urlencoded"},
            "cookies": [f"{name}={value}" for name, value in cookies.items()],
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "stage": "$default"},
            "body": urlencode(fields), "isBase64Encoded": False,
        }  # fmt: skip
        reply: dict[str, Any] = handler.lambda_handler(event, context)  # type: ignore[arg-type]
        for cookie in reply.get("cookies", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            cookies[name] = value
        return reply

    asked("POST", "/login", username="ada", password=CANARIES["wrong"])
    asked("POST", "/login", username="ada", password=CANARIES["password"])
    asked("POST", "/login/forgot", username="ada")
    asked("POST", "/login/reset", code=CANARIES["reset"], new_password=CANARIES["new"])
    started = asked("POST", "/login/google")
    state = parse_qs(urlparse(started["headers"]["Location"]).query)["state"][0]
    asked("GET", f"/callback/google?code={CANARIES['code']}&state={state}")
    asked("GET", f"/activate/{'0' * 32}.{CANARIES['token']}{'A' * 24}")
    for name, value in cookies.items():
        sys.stdout.write(f"COOKIE {name} {bool(value)}\n")


if __name__ == "__main__":
    run(sys.argv[1])
