"""Two servers beside the emulator: a proxy that gives the pages an origin of their own, and a page that shows sent mail."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.request
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

from local import mail_gallery
from local.local_pages import SentMail, design_page, mail_page

_POLL_SECONDS = 0.05
"""How soon a server notices that it is to end."""
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that closed the connection; report anything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Server:
    """An HTTP server of this machine, in a thread."""

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = _Listener(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


MAX_CONCURRENT_REQUESTS = 8
"""More requests wait. The emulator serves a function's own calls with the same threads that wait for the function; with too
many at once, no thread would be left for those calls."""


def pages_handler(endpoint: str, api_id: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    """Return a handler that passes each request, unchanged, to the HTTP API's path-style address."""
    target = urlparse(endpoint)
    free_places = BoundedSemaphore(MAX_CONCURRENT_REQUESTS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            free_places.acquire()
            try:
                upstream.request(
                    self.command, f"/_aws/execute-api/{api_id()}/$default{self.path}", body or None, headers
                )
                response = upstream.getresponse()
                content = response.read()
            except OSError:
                self.send_error(502, "The local stack does not answer")
                return
            finally:
                free_places.release()
                upstream.close()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _forward  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: addresses hold tokens."""

    return Handler


def sent_mail(endpoint: str) -> list[dict[str, str]]:
    """Return the mail that was sent, newest first: to, subject, html, text, and when in seconds since 1970."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/ses/messages", timeout=10) as response:
        found = json.load(response)
    messages = found.get("messages", found)
    if isinstance(messages, dict):
        messages = [message for mailbox in messages.values() for message in mailbox]
    return [_message(message) for message in reversed(messages)]


def _message(raw: dict[str, object]) -> dict[str, str]:
    to = raw.get("To") or raw.get("Destinations") or []
    return {
        "to": ", ".join(to) if isinstance(to, list) else str(to),
        "subject": str(raw.get("Subject") or ""),
        "html": str(raw.get("BodyHtml") or ""),
        "text": str(raw.get("BodyText") or ""),
        "sent": str(raw.get("Timestamp") or ""),
    }


def _shown(mail: dict[str, str]) -> SentMail:
    sent_at = datetime.fromtimestamp(float(mail["sent"])).astimezone() if mail["sent"] else None
    return SentMail(mail["to"], mail["subject"], mail["html"], mail["text"], sent_at)


def mail_handler(endpoint: str) -> type[BaseHTTPRequestHandler]:
    """Return a handler of three pages: all sent mail, the gallery of every kind of mail, and the design."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlparse(self.path)
            match address.path.strip("/").split("/"):
                case ["gallery"]:
                    page: str | None = mail_gallery.page()
                case ["gallery", kind, language]:
                    page = mail_gallery.mail(kind, language, dark=address.query == "dark")
                case [""]:
                    to = parse_qs(address.query).get("to", [""])[0]
                    page = mail_page([_shown(mail) for mail in sent_mail(endpoint)], to=to)
                case ["design"]:
                    page = design_page()
                case _:
                    page = None
            if page is None:
                self.send_error(404)
                return
            body = page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler
