"""A web client without a browser: it opens pages, fills in forms, and presses buttons by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self
from urllib.parse import urljoin

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode


class NoSuchButton(Exception):
    """The page has no button of this name."""


class WebClient:
    """Keeps cookies as a browser does with 127.0.0.1, where http counts as secure."""

    def __init__(
        self,
        origin: str,
        transport: httpx.BaseTransport | None = None,
        *,
        on_response: Callable[[httpx.Response], None] = lambda _response: None,
    ) -> None:
        """``transport`` stands in for the network; ``on_response`` is called with every response."""
        self._origin = origin
        self.http = httpx.Client(
            transport=transport, follow_redirects=True, timeout=60, event_hooks={"response": [self._trust_this_machine]}
        )
        self.response: httpx.Response | None = None
        self._on_response = on_response

    def _trust_this_machine(self, _response: httpx.Response) -> None:
        """Browsers count 127.0.0.1 as secure; Python's cookie jar does not."""
        for cookie in self.http.cookies.jar:
            cookie.secure = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def open(self, address: str) -> Self:
        return self._note(self.http.get(urljoin(self._origin, address)))

    def _note(self, response: httpx.Response) -> Self:
        """Keep the response, and report it after the redirects that led to it."""
        for received in (*response.history, response):
            self._on_response(received)
        self.response = response
        return self

    @property
    def page(self) -> LexborHTMLParser:
        assert self.response is not None, "open a page first"
        return LexborHTMLParser(self.response.text)

    @property
    def text(self) -> str:
        """The text of the page, on one line."""
        body = self.page.body
        return " ".join(body.text(separator=" ").split()) if body else ""

    @property
    def status(self) -> int:
        return self.response.status_code if self.response else 0

    @property
    def path(self) -> str:
        return self.response.url.path if self.response else ""

    def links(self) -> dict[str, str]:
        """The address of each link of the main part, by its text."""
        return {" ".join(a.text().split()): a.attributes.get("href") or "" for a in self.page.css("main a")}

    def press(self, button: str, *ticked: str, **fields: str) -> Self:
        """Press the button of this name, with the fields of its form filled in by their labels or names.

        ``ticked`` are the labels of the boxes that are ticked then; without any, those that the page has ticked.
        """
        form, pressed = self._form_of(button)
        values = self._values(form) | self._boxes(form, ticked)
        labels = self._labels()
        for label, value in fields.items():
            name = labels.get(label.replace("_", " ").lower(), label)
            if name not in values:
                raise NoSuchButton(f"no field {label!r} beside the button {button!r}")
            values[name] = value
        assert self.response is not None
        action = pressed.attributes.get("formaction") or form.attributes.get("action")
        address = urljoin(str(self.response.url), action or str(self.response.url))
        method = pressed.attributes.get("formmethod") or form.attributes.get("method") or "get"
        if method.lower() == "get":
            return self._note(self.http.get(address, params=values))
        origin = "/".join(address.split("/")[:3])
        return self._note(self.http.post(address, data=values, headers={"Origin": origin}))

    def _form_of(self, button: str) -> tuple[LexborNode, LexborNode]:
        for form in self.page.css("form"):
            for node in form.css("button"):
                if " ".join(node.text().split()) == button:
                    return form, node
        raise NoSuchButton(f"no button {button!r} on {self.path} (status {self.status}): {self.text[:300]}")

    @staticmethod
    def _values(form: LexborNode) -> dict[str, str]:
        return {
            i.attributes.get("name") or "": i.attributes.get("value") or ""
            for i in form.css("input")
            if i.attributes.get("name") and i.attributes.get("type") != "checkbox"
        }

    @staticmethod
    def _boxes(form: LexborNode, ticked: tuple[str, ...]) -> dict[str, str]:
        labels = {" ".join(node.text().split()): node.css_first("input[type=checkbox]") for node in form.css("label")}
        boxes = [
            box for label, box in labels.items() if box and (label in ticked if ticked else "checked" in box.attributes)
        ]
        return {box.attributes.get("name") or "": box.attributes.get("value") or "on" for box in boxes}

    def _labels(self) -> dict[str, str]:
        names = {i.attributes.get("id"): i.attributes.get("name") for i in self.page.css("input")}
        return {
            " ".join(node.text().split()).lower(): names.get(node.attributes.get("for")) or ""
            for node in self.page.css("label")
        }
