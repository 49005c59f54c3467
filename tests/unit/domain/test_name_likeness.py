"""How alike a name on a roster and the name that an account shows are (B12, B13)."""

from __future__ import annotations

from itertools import permutations

import pytest

from shared.domain.name_likeness import LIKELY, AccountName, PersonName, best_pairs, likeness

ONE_PERSON = [
    ("William", "O'Brien", "bill obrien"),
    ("María", "García López", "Maria Garcia"),
    ("María", "García López", "Maria G."),
    ("María", "García López", "maria"),
    ("José", "Hernández", "Pepe Hernandez"),
    ("John", "Smith", "Smith, John"),
    ("John", "Smith", "jsmith"),
    ("John", "Smith", "johnsmith2014"),
    ("Jonh", "Smith", "John Smith"),
    ("Katherine", "Johnson", "Kate Jonhson"),
    ("Alexander", "Lopez", "Alex"),
    ("Mary Ann", "Berg", "Mary Ann"),
    ("Jan", "van der Berg", "Jan Berg"),
    ("Martin", "King Jr.", "Martin King"),
    ("Юлия", "Иванова", "Julia Ivanova"),
    ("Wei", "Wang", "王伟"),
    ("Thị Hương", "Nguyễn", "Huong Nguyen"),
    ("Łukasz", "Żak", "Lukasz Zak"),
]
TWO_PEOPLE = [
    ("Maria", "Lopez", "Maria Cool"),
    ("Maria", "Lopez", "Marta Ruiz"),
    ("Maria", "Lopez", "M. L."),
    ("Maria", "Lopez", "Lopez"),
    ("John", "Smith", "Jim Smith"),
    ("Ann", "Lee", "Amy Lee"),
    ("John", "Smith", "mathwizard"),
    ("John", "Smith", ""),
    ("", "", "John Smith"),
]


@pytest.mark.parametrize(("given", "family", "shown"), ONE_PERSON)
def test_a_name_is_known_again_however_it_is_written(given: str, family: str, shown: str) -> None:
    assert likeness(PersonName.of(given, family), AccountName.of(shown)) >= LIKELY


@pytest.mark.parametrize(("given", "family", "shown"), TWO_PEOPLE)
def test_names_of_two_people_are_not_alike(given: str, family: str, shown: str) -> None:
    assert likeness(PersonName.of(given, family), AccountName.of(shown)) < LIKELY


def names(*people: str) -> list[PersonName]:
    return [PersonName.of(*person.split(" ", 1)) for person in people]


def accounts(*shown: str) -> list[AccountName]:
    return [AccountName.of(each) for each in shown]


def pairs(people: list[PersonName], shown: list[AccountName]) -> dict[int, int]:
    return {each.person: each.account for each in best_pairs(people, shown)}


def test_each_is_paired_with_the_one_that_is_most_alike() -> None:
    people = names("Ana Ruiz", "Anna Ruiz", "William Moss", "Kim Lee")
    assert pairs(people, accounts("Bill Moss", "Anna Ruiz", "Ana Ruiz")) == {0: 2, 1: 1, 2: 0}


@pytest.mark.parametrize(
    ("people", "shown"),
    [
        (["Alexander Lopez", "Alexandra Lopez"], ["Alex Lopez"]),
        (["Jack Smith", "Jill Smith"], ["J. Smith"]),
        (["Maria Lopez", "Maria Ruiz"], ["Maria"]),
        (["Maria Lopez"], ["Maria Lopez", "maria lopez"]),
    ],
)
def test_a_name_that_fits_two_fits_neither(people: list[str], shown: list[str]) -> None:
    assert pairs(names(*people), accounts(*shown)) == {}


def test_the_order_of_the_lists_changes_nothing() -> None:
    people, shown = ["Ana Ruiz", "Anna Ruiz", "William Moss"], ["Bill Moss", "Anna Ruiz", "Ana Ruiz", "Maria"]
    found = {
        frozenset((one[person], other[account]) for person, account in pairs(names(*one), accounts(*other)).items())
        for one in permutations(people)
        for other in permutations(shown)
    }
    assert len(found) == 1
