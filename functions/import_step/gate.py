"""The gate: an import that would remove or change more than the district allows waits for a person (M3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from functions.import_step.formats import Kind
from shared.district import District
from shared.report import Counts

_SMALLEST_FOR_PERCENT = 20


def held_because(
    counts: dict[Kind, Counts],
    standing: dict[str, int],
    district: District,
    *,
    schools: Mapping[str, Sequence[int]] | None = None,
    reused: Sequence[str] = (),
) -> dict[str, str] | None:
    """The reason, in numbers, why this import waits for a person; None when it may go on.

    A first import never waits: there is nothing to lose. Either threshold holds; the percentage counts from 20 up.
    ``schools`` says of each how many people stood and how many are removed; ``reused`` are ids that name somebody else now.
    """
    if reused:
        return {
            "code": "id_reused",
            "message": (
                f"{len(reused)} ids name another person than before, with another name and address: {', '.join(reused[:5])}"
                f"{' …' if len(reused) > 5 else ''}. Nothing was written. Approve this if these are the same people, or give "
                "the new people ids of their own and upload again."
            ),
        }
    for kind, words in ((Kind.USERS, "people"), (Kind.CLASSES, "classes"), (Kind.ENROLLMENTS, "enrollments")):
        stood = standing.get(kind, 0)
        if not stood:
            continue
        verbs = [("remove", counts[kind].removed)]
        if kind is Kind.USERS:
            verbs.append(("change", counts[kind].changed))
        for verb, number in verbs:
            limit = district.removal_threshold_count
            percent = 100 * number / stood
            if kind is Kind.USERS and number > limit:
                return _reason(verb, number, stood, words, f"the district's limit is {limit}")
            if stood >= _SMALLEST_FOR_PERCENT and percent > district.removal_threshold_percent:
                return _reason(
                    verb, number, stood, words, f"the district's limit is {district.removal_threshold_percent:g} %"
                )
    return _held_for_a_school(schools or {}, district)


def _held_for_a_school(schools: Mapping[str, Sequence[int]], district: District) -> dict[str, str] | None:
    limit = district.school_removal_threshold_percent
    for school_id, (stood, removed) in sorted(schools.items()):
        if stood >= _SMALLEST_FOR_PERCENT and 100 * removed / stood > limit:
            return _reason(
                "remove", removed, stood, f"people of the school {school_id}", f"the limit for a school is {limit:g} %"
            )
    return None


def _reason(verb: str, number: int, stood: int, words: str, limit: str) -> dict[str, str]:
    return {
        "code": f"too_many_{verb}d" if verb.endswith("e") else f"too_many_{verb}ed",
        "message": (
            f"This upload would {verb} {number} of {stood} {words}; {limit}. Nothing was written. "
            "Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
    }
