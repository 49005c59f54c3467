"""``skills/{name}.jsonl``: what is learned of it, what its report says, and what it costs."""

from __future__ import annotations

from typing import Any

from shared.stores import skills
from shared.stores.skills import SkillStore
from tests.harness import World


def skill(skill_id: str, title: str, **more: Any) -> dict[str, Any]:
    return {"skill_id": skill_id, "title": title, **more}


def counts(report: dict[str, Any]) -> list[int]:
    return [report[name] for name in ("read", "created", "changed", "unchanged", "rejected")]


def test_a_file_is_learned_and_reported_line_by_line() -> None:
    world = World()
    world.learn_skills(skill("a", "Slope"), skill("b", "Graphs", subject="Algebra"))

    report = world.learn_skills(
        skill("a", "Slope of a line"), skill("b", "Graphs", subject="Algebra", more=1), b"", b"no JSON",
        skill("c", " "), {"title": "Nameless"}, skill("d", "Area"),
    )  # fmt: skip

    assert counts(report) == [6, 1, 1, 1, 3]
    assert [(r["line"], r["column"], r["code"]) for r in report["rejects"]] == [
        (4, 2, "not_json"),
        (5, "title", "invalid_value"),
        (6, "skill_id", "invalid_value"),
    ]
    assert report["status"] == "completed"
    assert "Slope of a line" not in str(report)
    assert ("reports", report["rejects_key"]) in world.s3.objects
    assert {s.title for s in world.skills.catalogue().skills.values()} == {"Slope of a line", "Graphs", "Area"}


def test_files_of_several_names_are_one_catalogue() -> None:
    world = World()
    world.learn_skills(skill("a", "Slope"), name="algebra")
    world.learn_skills(skill("b", "Area"), name="geometry")

    assert [s.title for s in world.skills.catalogue().skills.values()] == ["Slope", "Area"]


def test_a_catalogue_of_ten_thousand_skills_costs_a_write_unit_a_kilobyte_once() -> None:
    world = World()
    lines = [skill(f"skill-{n:05}", f"A skill of some words, number {n * 7919 % 10_000}") for n in range(10_000)]

    assert counts(world.learn_skills(*lines)) == [10_000, 10_000, 0, 0, 0]
    first = sum(world.table.meter.write_units.values())
    assert counts(world.learn_skills(*lines)) == [10_000, 0, 0, 10_000, 0]

    assert first <= 250, "a transaction is two units a kilobyte"
    assert sum(world.table.meter.write_units.values()) == first, "what is known is not written again"


def test_a_page_reads_the_catalogue_anew_only_after_a_change() -> None:
    world = World()
    world.learn_skills(skill("a", "Slope"))
    page = SkillStore(world.table)
    first = page.catalogue()

    assert page.catalogue() is first
    world.learn_skills(skill("b", "Area"))
    assert set(page.catalogue().skills) == {"a", "b"}


def test_chunks_of_two_moments_are_never_mixed(monkeypatch: Any) -> None:
    monkeypatch.setattr(skills, "CHUNK", 40)
    world = World()
    world.learn_skills(*(skill(f"s{n}", f"Title {n}") for n in range(50)))
    # Given a reader that holds the head of the catalogue before, as another file is learned
    page, get = SkillStore(world.table), world.table.get_item

    def late(**request: Any) -> Any:
        head = get(**request)
        monkeypatch.setattr(world.table, "get_item", get)
        world.learn_skills(skill("s1", "Another title"))
        return head

    monkeypatch.setattr(world.table, "get_item", late)

    assert page.catalogue().skills["s1"].title == "Another title"


def test_a_catalogue_that_does_not_fit_changes_nothing_and_says_so(monkeypatch: Any) -> None:
    world = World()
    world.learn_skills(skill("a", "Slope"))
    monkeypatch.setattr(skills, "MOST_PACKED", 100)

    report = world.learn_skills(*(skill(f"s{n}", f"Title {n}") for n in range(50)))

    assert (report["status"], report["reason"]["code"]) == ("failed", "catalogue_full")
    assert set(world.skills.catalogue().skills) == {"a"}


def test_a_file_that_was_taken_away_before_it_was_read_does_nothing() -> None:
    from functions.accounts_feed.skill_lines import TakeSkills
    from shared.stores.uploads import Uploads

    world = World()
    upload = world.arrive("skills/platform.jsonl", b"{}")
    del world.s3.objects["rosters", "skills/platform.jsonl"]

    TakeSkills(world.skills, Uploads(world.s3, "rosters"), world.reports, clock=world.clock).take("platform", upload)

    assert not world.skills.catalogue()
    assert not [key for _, key in world.s3.objects if key.startswith("reports/_skills/")]
