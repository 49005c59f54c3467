"""Every mail there is, in every language: valid, light, the same in both parts, and nobody's name is more than a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import example, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from local.mail_gallery import WEB, sample
from shared.domain.errors import InvalidSettings
from shared.domain.person_text import carries_an_address
from shared.mail.messages import DigestRow, NudgedClass
from shared.mail.palette import contrast, palette
from shared.mail.plain_text import JOINER, one_line, plain
from shared.mail.rendering import Kind, Message, build
from shared.runtime import i18n
from shared.runtime import languages as texts
from shared.runtime.i18n import long_date
from shared.runtime.languages import language_for, languages
from shared.runtime.settings import Brand
from tests.unit.mail.mail_linter import complaints

EVERY_MAIL = [(kind, language) for kind in Kind for language in languages()]
LOCALE = Path(texts.__file__).parent.parent / "locale"


@pytest.fixture(params=EVERY_MAIL, ids=lambda kind_and_language: "-".join(kind_and_language))
def mail(request: pytest.FixtureRequest) -> Message:
    return sample(*request.param)


def words(html: str) -> str:
    """What a reader sees of it, on one line."""
    return " ".join(LexborHTMLParser(html).css_first("[role=article]").text(separator=" ").split())


def test_the_html_is_valid_light_and_made_of_what_mail_programs_keep(mail: Message) -> None:
    assert complaints(mail.html) == []


def test_the_linter_sees_what_it_is_for() -> None:
    html = sample(Kind.ACTIVATION, "en").html
    assert complaints(html.replace("</h1>", "</h2>"))
    assert complaints(html.replace("<ul style=", '<ul style="position:absolute" title='))
    assert complaints(html.replace('role="presentation"', ""))
    assert complaints(html.replace("</body>", f"<!--{'x' * 60_000}--></body>"))
    assert complaints(html.replace("<ul ", "<form><ul ").replace("</ul>", "</ul></form>"))
    assert complaints(html.replace(f'href="{WEB}', 'href="javascript:'))


def test_outlook_for_windows_gets_a_width_and_a_button_that_it_can_lay_out(mail: Message) -> None:
    assert mail.html.count("<!--[if mso]>") == mail.html.count("<![endif]-->") == 3
    assert '<table role="presentation" width="600"' in mail.html
    ground = LexborHTMLParser(mail.html).css_first("td.button")
    assert ground.attributes["bgcolor"] == "#1865f2"
    assert "mso-padding-alt" in (ground.attributes["style"] or "")


def test_the_preheader_comes_before_anything_that_a_list_of_mails_would_show(mail: Message) -> None:
    first = LexborHTMLParser(mail.html).css_first("body > div")
    assert "display:none" in (first.attributes["style"] or "")
    assert first.text().strip("\u034f\u200c\xa0 ").endswith(".")


def test_the_text_part_reads_by_itself(mail: Message) -> None:
    lines = mail.text.splitlines()
    assert "\n\n\n" not in mail.text
    assert all(line == line.rstrip() for line in lines)
    assert not re.search(r"[<>]|&[a-z]+;|&#", mail.text)
    assert lines[-1] == "https://support.khanacademy.org"
    for line in lines:
        assert "://" not in line or line.startswith("https://"), "an address stands on a line of its own"


def test_both_parts_say_the_same(mail: Message) -> None:
    in_html, in_text = words(mail.html), " ".join(mail.text.split())
    for line in mail.text.splitlines():
        if line.endswith("/real"):
            # It is typed, so that a forger's button is not pressed in its place.
            assert line in in_html
            assert f'href="{line}"' not in mail.html
            continue
        if line.startswith("https://"):
            assert f'href="{line}"' in mail.html
            continue
        for part in line.removeprefix("- ").split(": "):
            assert part.rstrip(":") in in_html, part
    assert len(in_html) < 1.5 * len(in_text)


def test_nothing_of_it_is_left_in_english(mail: Message) -> None:
    if 'lang="es"' in mail.html:
        for english in ("Hello", "support:", "your", "classes", "December"):
            assert english not in mail.text


@pytest.mark.parametrize("language", languages()[1:])
def test_every_text_of_the_code_is_translated(language: str) -> None:
    """Where this fails, `make texts` adds what is missing to the language's file."""
    root = LOCALE.parents[1]
    methods, options = parse_mapping_cfg(StringIO((LOCALE / "babel.ini").read_text(encoding="utf-8")))
    written = {
        message
        for _, _, message, _, _ in extract_from_dir(
            root,
            methods,
            options,
            directory_filter=lambda folder: Path(folder).relative_to(root).parts[0] in ("shared", "functions"),
        )
    }
    catalogue = read_po(BytesIO((LOCALE / language / "LC_MESSAGES" / "messages.po").read_bytes()))
    translated = {m.id for m in catalogue if all([m.string] if isinstance(m.string, str) else m.string)}
    assert {m.id for m in catalogue if m.id} <= translated
    assert written
    assert written - translated == set()


@pytest.mark.parametrize(
    ("kind", "bulk"),
    [
        (Kind.ACTIVATION, False),
        (Kind.REMINDER, True),
        (Kind.NUDGE, True),
        (Kind.HELD_IMPORT, False),
        (Kind.DIGEST, False),
        (Kind.LINKED, False),
        (Kind.UNDONE, False),
    ],
)
@pytest.mark.parametrize("language", languages())
def test_only_bulk_mail_has_the_headers_of_rfc_8058_and_a_postal_address(kind: Kind, bulk: bool, language: str) -> None:
    mail = sample(kind, language)
    address = Brand(web_url=WEB).postal_address
    if bulk:
        stop = mail.headers["List-Unsubscribe"].removeprefix("<").removesuffix(">")
        assert mail.headers == {
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        assert stop.startswith("https://")
        assert stop in mail.text.splitlines()
        assert f'href="{stop}"' in mail.html
    else:
        assert mail.headers == {}
    for part in (mail.text, words(mail.html)):
        assert (address in part) is bulk
    assert mail.tags["kind"] == kind


@pytest.mark.parametrize(("kind", "stop"), [(Kind.NUDGE, ""), (Kind.ACTIVATION, f"{WEB}/unsubscribe/x")])
def test_a_bulk_mail_without_an_end_and_an_activation_with_one_are_refused(kind: Kind, stop: str) -> None:
    with pytest.raises(ValueError, match="address to stop it"):
        build(kind, "en", to="a@b.example", subject="s", brand=Brand(web_url=WEB), stop=stop, **INVITED)


def test_an_activation_has_one_blue_button_and_its_address_as_text() -> None:
    mail = sample(Kind.ACTIVATION, "en")
    page = LexborHTMLParser(mail.html)
    (button,) = page.css("a.button")
    address = button.attributes["href"] or ""
    assert button.text() == "Confirm your account"
    assert mail.subject == "Confirm your official Khan Academy account"
    assert address in words(mail.html)
    assert address in mail.text.splitlines()


@pytest.mark.parametrize("kind", [Kind.ACTIVATION, Kind.REMINDER])
def test_an_invitation_names_who_where_why_what_happens_and_until_when(kind: Kind) -> None:
    mail = sample(kind, "en", name="Ada Lovelace", schools=["Riverbend Middle School"])
    for part in (mail.text, words(mail.html)):
        for fact in (
            "Hello Ada Lovelace,", "Riverbend Middle School", "Riverbend Unified School District",
            "our district gave us this address", "What happens to your classes", "until December 24, 2026",
        ):  # fmt: skip
            assert fact in part


def test_a_date_is_written_as_the_language_writes_it() -> None:
    assert long_date("en", date(2026, 5, 3)) == "May 3, 2026"
    assert long_date("es", date(2026, 5, 3)) == "3 de mayo de 2026"


def test_many_schools_and_classes_and_no_name_read_well_too() -> None:
    mail = sample(Kind.ACTIVATION, "en", name="", schools=["North", "South"], expires=None)
    assert "Hello,\n" in mail.text
    assert "Schools: North, South" in mail.text
    assert "This link works until" not in mail.text
    assert "Name:" not in mail.text
    nudge = sample(Kind.NUDGE, "en", obsolete=[previous(f"Period {n}") for n in range(1, 31)], asked=[])
    assert "- Period 12\n1 student, 0 goals, 2 assignments\n- and 18 more\n" in nudge.text
    assert "Period 13" not in nudge.text + nudge.html
    assert "Do you still need" not in nudge.text + nudge.html


def previous(name: str, into: str = "") -> NudgedClass:
    return NudgedClass(name, students=1, goals=0, assignments=2, moved=0, into=into)


def test_a_nudge_tells_what_is_in_each_class_and_where_its_students_are() -> None:
    mail = sample(Kind.NUDGE, "en")
    for part in (" ".join(mail.text.split()), words(mail.html)):
        assert (
            "Period 3 Algebra 28 students, 3 goals, 1 assignment 26 of the 28 students are in your district class"
            in part
        )
        assert part.index("You may not need") < part.index("Period 3 Algebra") < part.index("Do you still need")
        assert part.index("Do you still need") < part.index("Math club") < part.index("Download the data you need")


HINGES = st.sampled_from([".", "://", "/", "@", "。", "．", "｡", "www.", "http://", ":", "\\\\"])
PARTS = st.sampled_from(
    ["evil", "com", "example", "pay", "xn--80ak6aa92e", "1", "Ada", "mailto", "tel", " ", "\u200b", "\u202e"]
)
LIKE_AN_ADDRESS = st.lists(st.one_of(HINGES, PARTS), min_size=1, max_size=12).map("".join)
LIKE_MARKUP = st.sampled_from(
    [
        '<a href="https://evil.example">x</a>', "{{ brand }}", "%(brand)s", "%s", "<!--", "--><script>", "</title>", "&#46;",
        '" onclick="x',
    ]
)  # fmt: skip
BREAKING = st.sampled_from(["x\r\nBcc: a@evil.example", "\n\nhttps://evil.example\n", "\u2028Bcc:", "\x00", "a\x85b"])
NAMES = st.one_of(LIKE_AN_ADDRESS, LIKE_MARKUP, BREAKING, st.text(max_size=300))

FOUND_AS_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s\u2060]"
    r"|\bwww\.\w"
    r"|\S@\w"
    r"|[^\W_][.。．｡][^\W\d_]"
    r"|\b(?:mailto|tel|sms|javascript):[^\s\u2060]"
    r"|\\\\\w",
    re.IGNORECASE,
)
"""What programs that look for addresses in a text go by; wider than any of them."""


@given(name=NAMES)
@example(name="mailto:")
def test_a_name_becomes_no_link_no_markup_and_no_line(name: str) -> None:
    kinds = {
        Kind.ACTIVATION: {"name": name, "district": name, "schools": [name, name]},
        Kind.REMINDER: {"name": name, "district": name, "schools": [name]},
        Kind.NUDGE: {"name": name, "obsolete": [previous(name, name)] * 2, "asked": [previous(name)]},
        Kind.DIGEST: {"district": name, "schools": [DigestRow(name, classes=1, percent=100)] * 2},
        Kind.HELD_IMPORT: {"district": name, "upload": name, "reason": name},
    }
    for kind, values in kinds.items():
        mail, plainly = sample(kind, "en", **values), sample(kind, "en", **_replaced(values))
        pages = [LexborHTMLParser(message.html) for message in (mail, plainly)]
        links, plain_links = ([a.attributes["href"] for a in page.css("a")] for page in pages)
        tags, plain_tags = ([node.tag for node in page.css("*")] for page in pages)
        assert links == plain_links
        is_shown = bool(plain(name)) and not carries_an_address(name)
        assert len(tags) == len(plain_tags) or not is_shown
        ours = [line for line in mail.text.splitlines() if not line.startswith("https://")]
        assert not any(FOUND_AS_ADDRESS.search(line) for line in ours if not line.startswith("decisions/")), ours
        assert len(mail.text.splitlines()) == len(plainly.text.splitlines()) or not is_shown
        assert complaints(mail.html) == []


def _replaced(value: Any) -> Any:
    """The same with a plain name wherever there was one."""
    match value:
        case dict():
            return {key: _replaced(each) for key, each in value.items()}
        case list():
            return [_replaced(each) for each in value]
        case str():
            return "Ada" if value else ""
        case NudgedClass() | DigestRow():
            return type(value)(**_replaced(asdict(value)))
    return value


@given(name=NAMES)
def test_what_a_reader_sees_of_a_name_stays(name: str) -> None:
    shown = plain(name)
    assert len(shown.replace(JOINER, "")) <= 200
    assert not set(shown) & set("\r\n\u2028\u2029\u202e\u200b")
    if name.isascii() and name.isprintable() and len(name) <= 200:
        assert shown.replace(JOINER, "") == name.strip()


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "St. Mary's", "Period 3: Algebra", "José Ñandú-O’Neill", "数学 三年级", "Dr. A. B. Cole"]
)
def test_names_of_people_and_classes_are_left_as_they_are(name: str) -> None:
    assert plain(name) == name


def test_a_masked_address_breaks_over_no_line_and_is_no_link() -> None:
    shown = plain("m…a@school.example")
    assert shown.replace(JOINER, "|") == "m…|a@|school.|example"


@given(subject=st.one_of(BREAKING, st.text(max_size=100)))
def test_no_subject_adds_a_header(subject: str) -> None:
    mail = build(Kind.ACTIVATION, "en", to="a@b.example", subject=subject, brand=Brand(web_url=WEB), **INVITED)
    assert mail.subject == one_line(subject)
    assert not re.search(r"[\r\n\x00\u0085\u2028\u2029]", mail.subject)


INVITED = {
    "name": "Ada", "district": "Lakeside", "schools": [], "address": f"{WEB}/activate/x",
    "support_url": "mailto:help@lakeside.example", "expires": None,
}  # fmt: skip


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "evil.example", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="begins with https"):
        build(
            Kind.ACTIVATION, "en", to="a@b.example", subject="s", brand=Brand(web_url=WEB),
            **{**INVITED, "support_url": address},
        )  # fmt: skip


def test_an_address_breaks_no_line_and_no_attribute() -> None:
    mail = sample(Kind.ACTIVATION, "en", support_url='https://help.example/a b\r\n"><script>')
    assert "<script>" not in mail.html
    assert mail.text.splitlines()[-1] == "https://help.example/a%20b%0D%0A%22%3E%3Cscript%3E"


@given(colour=st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
def test_whatever_the_brands_colour_is_texts_are_readable_in_light_and_dark(colour: str) -> None:
    made = palette(colour)
    pairs = [(made.on_button, made.button)]
    for ground in (made.page, made.card, made.panel):
        pairs += [(ink, ground) for ink in (made.text, made.quiet, made.link)]
    for ground in (made.dark_page, made.dark_card, made.dark_panel):
        pairs += [(ink, ground) for ink in (made.dark_text, made.dark_quiet, made.link_in_the_dark)]
    pairs += [(ink, made.card) for ink in (made.problem, made.success)]
    pairs += [(ink, made.dark_card) for ink in (made.dark_problem, made.dark_success)]
    assert all(contrast(ink, ground) >= 4.5 for ink, ground in pairs), made
    assert contrast(made.border, made.card) >= 3 <= contrast(made.dark_border, made.dark_card)


def test_the_brand_gives_its_name_colour_logo_and_postal_address() -> None:
    brand = Brand(
        web_url=WEB, brand_name="Learn & Co", brand_colour="#0A7B3E", brand_logo_url="https://cdn.example/logo.png",
        postal_address="1 Main Street, Springfield",
    )  # fmt: skip
    mail = sample(Kind.REMINDER, "en", brand)
    page = LexborHTMLParser(mail.html)
    assert page.css_first("img").attributes["alt"] == "Learn & Co"
    assert page.css_first("img").attributes["src"] == "https://cdn.example/logo.png"
    assert page.css_first("td.button").attributes["bgcolor"] == "#0a7b3e"
    assert "1 Main Street, Springfield" in mail.text
    assert "Khan" not in mail.text.replace("khanacademy", "")
    assert "#1865f2" not in mail.html
    assert complaints(mail.html) == []


@pytest.mark.parametrize(
    "wrong",
    [{"brand_colour": "blue"}, {"brand_colour": "#fff"}, {"brand_colour": "#1865f2;x:y"}, {"brand_logo_url": "http://cdn.example/x"},
     {"brand_logo_url": 'https://x" onload="y'}, {"brand_logo_url": "javascript:x"}],
)  # fmt: skip
def test_a_brand_that_would_break_the_mails_is_no_brand(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings, match=next(iter(wrong)).upper()):
        Brand.from_environment({"WEB_URL": WEB, **{key.upper(): value for key, value in wrong.items()}})


@pytest.fixture
def with_a_third_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Hebrew, which nobody here ever named, as one file beside the others: each text is itself between brackets."""
    for folder in LOCALE.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)
    catalogue = read_po(BytesIO((LOCALE / "es/LC_MESSAGES/messages.po").read_bytes()), locale="he")
    for message in catalogue:
        if message.id:
            message.string = (
                f"[{message.id}]" if isinstance(message.id, str) else tuple(f"[{one}]" for one in message.id)
            )
    messages = tmp_path / "he" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    with (messages / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    monkeypatch.setattr(texts, "_LOCALE", tmp_path)
    texts.translations.cache_clear()
    i18n.environment.cache_clear()
    yield "he"
    texts.translations.cache_clear()
    i18n.environment.cache_clear()


def test_a_third_language_is_one_file(with_a_third_language: str) -> None:
    assert languages() == ["en", "es", "he"]
    assert language_for("he-IL") == with_a_third_language
    for kind in Kind:
        mail = sample(kind, with_a_third_language)
        assert '<html lang="he" dir="rtl">' in mail.html
        assert "[" in mail.subject
        assert "text-align:right" in mail.html
        assert complaints(mail.html) == []
