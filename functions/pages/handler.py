"""The HTTP API: every page. A route names its page; what it does is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.pages.bootstrap import Site, wire
from functions.pages.http import Reply, Request
from shared.runtime.observability import logger

app = APIGatewayHttpResolver()
site: Callable[[], Site] = cache(wire)


def answered(do: Callable[[Site, Request], Reply]) -> Response[Any]:
    """Let the site answer the present request."""
    return site().answer(Request.from_event(app.current_event.raw_event), do)


@app.get("/healthz")
def health() -> Response[Any]:
    return answered(lambda _s, _r: Reply(body='{"ok": true}', content_type="application/json"))


@app.get("/")
def front() -> Response[Any]:
    return answered(lambda s, r: s.home.show(r))


@app.get("/activate")
def activation_page() -> Response[Any]:
    return answered(lambda s, r: s.activation.show(r))


@app.get("/activate/<token>")
def activation_address(token: str) -> Response[Any]:
    return answered(lambda s, r: s.activation.arrive(r, token))


@app.post("/activate/existing")
def activation_existing() -> Response[Any]:
    return answered(lambda s, r: s.activation.go_on(r, has_account=True))


@app.post("/activate/new")
def activation_new() -> Response[Any]:
    return answered(lambda s, r: s.activation.go_on(r, has_account=False))


@app.post("/activate/again")
def activation_again() -> Response[Any]:
    return answered(lambda s, r: s.activation.ask_again(r))


@app.get("/login")
def login_page() -> Response[Any]:
    return answered(lambda s, r: s.login.show(r))


@app.post("/login")
def login() -> Response[Any]:
    return answered(lambda s, r: s.login.with_password(r))


@app.post("/login/google")
def login_google() -> Response[Any]:
    return answered(lambda s, _: s.federated_login.start_google())


@app.get("/login/code")
def login_code_page() -> Response[Any]:
    return answered(lambda s, r: s.passwords.show_challenge(r))


@app.post("/login/code")
def login_code() -> Response[Any]:
    return answered(lambda s, r: s.passwords.answer_challenge(r))


@app.get("/login/forgot")
def forgotten_password_page() -> Response[Any]:
    return answered(lambda s, r: s.passwords.show_forgotten(r))


@app.post("/login/forgot")
def forgotten_password() -> Response[Any]:
    return answered(lambda s, r: s.passwords.send_code(r))


@app.get("/login/reset")
def new_password_page() -> Response[Any]:
    return answered(lambda s, r: s.passwords.show_reset(r))


@app.post("/login/reset")
def new_password() -> Response[Any]:
    return answered(lambda s, r: s.passwords.reset(r))


@app.post("/logout")
def logout() -> Response[Any]:
    return answered(lambda s, r: s.login.leave(r))


@app.get("/callback/<provider>")
def callback(provider: str) -> Response[Any]:
    return answered(lambda s, r: s.federated_login.answered(r, provider))


@app.get("/sso/<district_id>")
def sso_page(district_id: str) -> Response[Any]:
    return answered(lambda s, _: s.federated_login.show_district(district_id))


@app.post("/sso/<district_id>/<provider>")
def sso(district_id: str, provider: str) -> Response[Any]:
    return answered(lambda s, _: s.federated_login.start_district(district_id, provider))


@app.get("/welcome")
def welcome() -> Response[Any]:
    return answered(lambda s, r: s.welcome.show(r))


@app.post("/account/new")
def new_account() -> Response[Any]:
    return answered(lambda s, r: s.welcome.new_account(r))


@app.post("/account/older")
def older_account() -> Response[Any]:
    return answered(lambda s, r: s.welcome.existing_account(r))


@app.get("/link")
def link_page() -> Response[Any]:
    return answered(lambda s, r: s.linking.show(r))


@app.post("/link")
def link() -> Response[Any]:
    return answered(lambda s, r: s.linking.decide(r))


@app.post("/link/not-me")
def not_me() -> Response[Any]:
    return answered(lambda s, r: s.linking.not_me(r))


@app.post("/link/undo")
def undo() -> Response[Any]:
    return answered(lambda s, r: s.linking.undo(r))


@app.get("/home")
def home() -> Response[Any]:
    return answered(lambda s, r: s.home.show(r))


@app.get("/classes/<reference>")
def class_page(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.show(r, reference))


@app.get("/classes/<reference>/settings")
def class_settings(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.settings(r, reference))


@app.post("/classes/<reference>/goals")
def new_goal(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.add_goal(r, reference))


@app.post("/classes/<reference>/assignments")
def new_assignment(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.add_assignment(r, reference))


@app.post("/classes/<reference>/again")
def recreate(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.recreate(r, reference))


@app.post("/classes/<reference>/delete")
def delete_class(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.delete(r, reference))


@app.post("/classes/<reference>/restore")
def restore_class(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.restore(r, reference))


@app.post("/classes/<reference>/download")
def download_class(reference: str) -> Response[Any]:
    return answered(lambda s, r: s.classes.download(r, reference))


@app.get("/downloads/<export_id>")
def fetch_download(export_id: str) -> Response[Any]:
    return answered(lambda s, r: s.downloads.fetch(r, export_id))


@app.get("/cleaning")
def cleaning_page() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.show(r))


@app.post("/cleaning/download")
def cleaning_download() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.download(r))


@app.post("/cleaning/delete")
def cleaning_delete() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.delete(r))


@app.post("/cleaning/keep")
def cleaning_keep() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.keep(r))


@app.post("/cleaning/later")
def cleaning_later() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.later(r))


@app.post("/cleaning/restore")
def cleaning_restore() -> Response[Any]:
    return answered(lambda s, r: s.cleaning.restore(r))


@app.get("/notice")
def notice_page() -> Response[Any]:
    return answered(lambda s, r: s.notices.show(r))


@app.get("/notice/<token>")
def notice_address(token: str) -> Response[Any]:
    return answered(lambda s, r: s.notices.arrive(r, token))


@app.post("/notice/undo")
def notice_undo() -> Response[Any]:
    return answered(lambda s, r: s.notices.undo(r))


@app.get("/unsubscribe/<token>")
def unsubscribe_page(token: str) -> Response[Any]:
    return answered(lambda s, _: s.unsubscribe.show(token))


@app.post("/unsubscribe/<token>")
def unsubscribe(token: str) -> Response[Any]:
    return answered(lambda s, _: s.unsubscribe.stop(token))


@app.get("/console/<district_id>")
def console(district_id: str) -> Response[Any]:
    return answered(lambda s, r: s.console.show(r, district_id))


@app.post("/console/<district_id>/invite-again")
def console_invite_again(district_id: str) -> Response[Any]:
    return answered(lambda s, r: s.console.invite_again(r, district_id))


@app.not_found
def not_found(_error: Exception) -> Response[Any]:
    return answered(lambda s, _: s.not_found())


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    http = event["requestContext"]["http"]
    if http["method"] != "HEAD":
        return app.resolve(event, context)
    # A HEAD is answered as its GET would be, without the body (RFC 9110 §9.3.2).
    as_get = {**event, "requestContext": {**event["requestContext"], "http": {**http, "method": "GET"}}}
    return {**app.resolve(as_get, context), "body": "", "isBase64Encoded": False}
