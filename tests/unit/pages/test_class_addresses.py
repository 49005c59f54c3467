"""Which class an address opens: that of the district it names, or without one the first that has it."""

from __future__ import annotations

import pytest

from tests.pages_harness import Website, lakeside, linked_teacher


@pytest.fixture
def web() -> Website:
    return lakeside()


@pytest.mark.parametrize("address", ["/classes/c1", "/classes/c1?district=lakeside"])
def test_a_district_class_opens_with_its_district_and_without(web: Website, address: str) -> None:
    page = linked_teacher(web).open(address)
    assert (page.status, "Algebra" in page.text) == (200, True)


@pytest.mark.parametrize("address", ["/classes/c1?district=valley", "/classes/own?district=lakeside", "/classes/c9"])
def test_a_class_that_the_named_district_does_not_have_is_not_there(web: Website, address: str) -> None:
    assert linked_teacher(web).open(address).status == 404
