"""A person with a browser, without the browser: opens pages, fills in forms, presses buttons by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self
from urllib.parse import urljoin

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode


class NoSuchButton(Exception):
    """The page has no button of this name."""


class WebClient:
    """Keeps cookies as a browser does on this machine, where http counts as secure."""

    def __init__(
        self,
        origin: str,
        transport: httpx.BaseTransport | None = None,
        *,
        on_response: Callable[[httpx.Response], None] = lambda _answer: None,
    ) -> None:
        """``transport`` answers instead of the network; ``on_response`` is shown every answer."""
        self._origin = origin
        self._http = httpx.Client(
            transport=transport, follow_redirects=True, timeout=60, event_hooks={"response": [self._trust_this_machine]}
        )
        self.answer: httpx.Response | None = None
        self._on_response = on_response

    def _trust_this_machine(self, _answer: httpx.Response) -> None:
        """Browsers count 127.0.0.1 as secure; Python's cookie jar does not."""
        for cookie in self._http.cookies.jar:
            cookie.secure = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open(self, address: str) -> Self:
        return self._note(self._http.get(urljoin(self._origin, address)))

    def _note(self, answer: httpx.Response) -> Self:
        """The answer, after those that led to it."""
        for one in (*answer.history, answer):
            self._on_response(one)
        self.answer = answer
        return self

    @property
    def page(self) -> LexborHTMLParser:
        assert self.answer is not None, "open a page first"
        return LexborHTMLParser(self.answer.text)

    @property
    def text(self) -> str:
        """What the page says, on one line."""
        body = self.page.body
        return " ".join(body.text(separator=" ").split()) if body else ""

    @property
    def status(self) -> int:
        return self.answer.status_code if self.answer else 0

    @property
    def path(self) -> str:
        return self.answer.url.path if self.answer else ""

    def links(self) -> dict[str, str]:
        """Address by the text of the link."""
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
        assert self.answer is not None
        action = pressed.attributes.get("formaction") or form.attributes.get("action")
        address = urljoin(str(self.answer.url), action or str(self.answer.url))
        if (form.attributes.get("method") or "get").lower() == "get":
            return self._note(self._http.get(address, params=values))
        origin = "/".join(address.split("/")[:3])
        return self._note(self._http.post(address, data=values, headers={"Origin": origin}))

    def _form_of(self, button: str) -> tuple[LexborNode, LexborNode]:
        for form in self.page.css("form"):
            for one in form.css("button"):
                if " ".join(one.text().split()) == button:
                    return form, one
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
        labels = {" ".join(one.text().split()): one.css_first("input[type=checkbox]") for one in form.css("label")}
        boxes = [
            box for label, box in labels.items() if box and (label in ticked if ticked else "checked" in box.attributes)
        ]
        return {box.attributes.get("name") or "": box.attributes.get("value") or "on" for box in boxes}

    def _labels(self) -> dict[str, str]:
        names = {i.attributes.get("id"): i.attributes.get("name") for i in self.page.css("input")}
        return {
            " ".join(one.text().split()).lower(): names.get(one.attributes.get("for")) or ""
            for one in self.page.css("label")
        }
