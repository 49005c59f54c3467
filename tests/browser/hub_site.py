"""The site of one district and the doubles of its hubs, each with an origin of its own, for a browser: one process, no stack."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
from flask import Flask
from werkzeug.serving import make_server

from functions.pages.bootstrap import assemble
from functions.pages.http import PageRenderer
from local.doubles.hub import HubDouble
from shared.hubs.hub import Provider
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, EVERY_DOUBLE, Website, lakeside

_HOP_BY_HOP = {"connection", "host", "content-length"}


class HubSite:
    """Lakeside at an origin of this machine, with all four hubs."""

    def __init__(self, begun: World) -> None:
        self.world = type(begun)()
        self._begun = begun
        self.web = Website(self.world)
        self._server = HTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.hubs: dict[str, HubDouble] = {}
        services = self.web.site.services
        renderer = PageRenderer(
            brand_name="Khan Academy", brand_colour="#1865f2", support_url="https://support.example",
            form_targets=tuple(self._start_hub(*double) for double in EVERY_DOUBLE),
        )  # fmt: skip
        brand = copy.replace(services.brand, web_url=self.url)
        self.web.site = assemble(replace(services, brand=brand), renderer)

    def _start_hub(self, kind: type[HubDouble], ours: type, _address: str) -> str:
        double = kind(clock=self.world.clock)
        provider: Provider = ours.provider
        callback = f"{self.url}/callback/{provider}"
        double.register("us", "a-secret", callback, home=f"{self.url}/sso/lakeside")
        hub = ours(double.issuer, "us", lambda: "a-secret", callback, self.world.clock)
        self.web.hubs[provider] = hub
        self.hubs[provider] = double
        double.start()
        return double.url

    def begin(self) -> None:
        """Nobody has logged in yet."""
        self.world.begin_like(self._begun)

    @contextmanager
    def running(self) -> Iterator[HubSite]:
        thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            for double in self.hubs.values():
                double.stop()


@contextmanager
def served_securely(app: Flask) -> Iterator[str]:
    """An application at an https address of this machine, with a certificate that nobody signed."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context="adhoc")
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def lakeside_with_hubs() -> World:
    world = lakeside().world
    world.register(
        clever_district_id=CLEVER_DISTRICT, classlink_tenant_id="21", microsoft_tenant_id="tid-1",
        identity_providers=["clever", "google", "classlink", "microsoft"],
    )  # fmt: skip
    return world


def _handler(site: HubSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers: Mapping[str, str] = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            answer = site.web.send(httpx.Request(self.command, site.url + self.path, headers=headers, content=body))
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.multi_items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: addresses hold codes."""

    return Handler
