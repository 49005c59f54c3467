"""Each rule of paging by itself: what a page proves, and what it does not (B10)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from functions.roster_fetch.unique_rows import unique_rows
from shared.domain.errors import AccountLinkingError
from shared.domain.paging import MOST_RESTARTS, Misaligned, Page, Pull
from tests.template import RESOURCES


def pulled(*pages: Page, by_offset: bool = True) -> Pull:
    pull = Pull("users", 3, by_offset)
    for page in pages:
        pull.take(page)
    return pull


def page(ids: str, total: int | None = None, link: str = "") -> Page:
    return Page(ids.split(), total, more=bool(link), link=link)


def code_of(*pages: Page, by_offset: bool = True) -> str:
    with pytest.raises(AccountLinkingError) as failed:
        pulled(*pages, by_offset=by_offset)
    return failed.value.code


def test_an_end_is_the_total_or_an_empty_page_and_never_a_short_one() -> None:
    assert pulled(page("a b c", 3)).is_over
    assert not pulled(page("a b", 3)).is_over
    assert not pulled(page("a b")).is_over
    assert pulled(page("a b"), page("b")).is_over
    assert pulled(page("")).is_over
    assert pulled(page("a b", 2, "/next"), page("b", 2)).is_over


@pytest.mark.parametrize(
    ("pages", "code"),
    [
        ((page("a b", 3), page("b", 3)), "fetch_page_missing"),
        ((page("", 3),), "fetch_page_missing"),
        ((page("a b c", 2),), "fetch_too_many"),
        ((page("a b", 3), page("b c", 4)), "fetch_changed"),
        ((page("a b", 4), page("c d", 4)), "fetch_changed"),
        ((page("a b", 4, "/x"), page("b c", 4, "/x")), "fetch_repeated"),
    ],
    ids=["fewer than told", "none though told", "more than told", "another total", "moved", "the same link"],
)  # fmt: skip
def test_a_page_that_does_not_fit_is_refused_by_name(pages: Sequence[Page], code: str) -> None:
    assert code_of(*pages) == code


def test_a_page_that_comes_again_behind_a_cursor_is_refused() -> None:
    assert code_of(page("a b c"), page("a b c"), by_offset=False) == "fetch_repeated"


def test_a_source_that_counts_whole_pages_is_read_without_overlaps() -> None:
    pull = pulled(page("a b c"))
    with pytest.raises(Misaligned):
        pull.take(page("a b c"))
    pull.begin_again(aligned=True)
    assert (pull.offset, pull.overlap, pull.take(page("a b c"))) == (0, 0, 0)
    assert pull.offset == 3


def test_a_collection_is_begun_again_three_times_at_most() -> None:
    pull = pulled(page("a b c"))
    for _ in range(MOST_RESTARTS):
        pull.begin_again()
    with pytest.raises(AccountLinkingError, match="fetch_changed"):
        pull.begin_again()


def unique(*rows: str, total: int | None) -> list[str]:
    """The rows of a source that does not sort: id and content of each."""
    made = [{"sourcedId": row[0], "name": row[1:]} for row in rows]
    pull = Pull("users", 3, total=total, rows=len(made), is_sorted=False)
    return [str(row["sourcedId"]) for row in unique_rows(pull, lambda: iter(made), "sourcedId")]  # type: ignore[arg-type]


def test_a_row_that_came_twice_counts_once_and_hides_none_that_is_missing() -> None:
    assert unique("b1", "a1", "b1", total=2) == ["b", "a"]
    with pytest.raises(AccountLinkingError, match="fetch_page_missing"):
        unique("b1", "a1", "b1", total=3)
    with pytest.raises(AccountLinkingError, match="fetch_changed"):
        unique("b1", "a1", "b2", total=2)


def test_loopback_is_the_local_stacks_alone_in_the_template() -> None:
    environment = RESOURCES["RosterFetchFunction"]["Properties"]["Environment"]["Variables"]
    assert environment["LOCAL_SOURCES"] == {"Ref": "Emulator"}
