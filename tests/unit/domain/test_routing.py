"""Which protocol looks at whom."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.population import Age, Population
from wince.domain.routing import Person, Role, Route, Routing, Rule, ward_of

TODAY = date(2026, 11, 30)
ADULT, BABY, UNKNOWN = Person(date(1950, 5, 17)), Person(date(2026, 11, 20)), Person(None)
POPULATIONS = {
    "adults": Population("adults", Age(18, "y")),
    "neonates": Population("neonates", None, Age(28, "d")),
    "anybody": Population("anybody"),
}


def routing(*rules: Rule, default: str = "adults") -> Routing:
    return Routing(default, rules, POPULATIONS)


def answer(made: Routing, bed: str, person: Person | None) -> tuple[str | None, tuple[str, ...]]:
    route = made.route(bed, person, TODAY)
    return route.grades, route.shadows


@pytest.mark.parametrize(("person", "grades"), [(ADULT, "adults"), (BABY, None), (UNKNOWN, None), (None, "adults")])
def test_without_rules_the_default_looks_at_everybody(person, grades):
    """And says of whom it may not judge; where nobody is known it looks, and a person is asked."""
    assert answer(routing(), "ICU^1^A", person) == (grades, ())
    assert routing().candidates("ICU^1^A") == ("adults",)


HOUSE = routing(
    Rule("neonates", wards=("NICU",)),
    Rule("adults", wards=("ICU", "SURG")),
    Rule("anybody", beds=("SURG^7^A",)),
    Rule("anybody", Role.SHADOW, wards=("ICU",)),
)


@pytest.mark.parametrize(
    ("bed", "person", "expected"),
    [
        ("NICU^1^A", BABY, ("neonates", ())),
        ("NICU^1^A", ADULT, (None, ())),
        ("NICU^1^A", UNKNOWN, (None, ())),
        ("NICU^1^A", None, ("neonates", ())),
        ("ICU^1^A", ADULT, ("adults", ("anybody",))),
        ("ICU^1^A", UNKNOWN, (None, ("anybody",))),
        ("SURG^7^A", ADULT, ("adults", ())),
        ("SURG^7^A", BABY, ("anybody", ())),
        ("SURG^7^A", UNKNOWN, ("anybody", ())),
        ("SURG^8^A", BABY, (None, ())),
        ("WARD^1^A", ADULT, (None, ())),
        ("", ADULT, (None, ())),
    ],
)
def test_the_first_rule_that_fits_grades(bed, person, expected):
    """By place, then by whom the protocol may judge; an age that is unknown fits no protocol that needs one."""
    assert answer(HOUSE, bed, person) == expected


def test_every_rule_says_what_it_came_to():
    """Without a word about the patient: a birth date stands in none of them."""
    why = HOUSE.route("ICU^1^A", UNKNOWN, TODAY).why
    assert why == (
        "neonates: another place",
        "adults: needs an age, and none is known",
        "anybody: another place",
        "anybody: shadows",
    )
    assert HOUSE.route("SURG^7^A", ADULT, TODAY).why[1:3] == ("adults: grades", "anybody: adults grades already")
    assert HOUSE.route("SURG^8^A", BABY, TODAY).why[1] == "adults: not of its population (adults)"


@pytest.mark.parametrize(("days", "grades"), [(0, "anybody"), (27, "anybody"), (28, None), (364, None), (365, "old"), (800, "old")])
def test_ages_of_a_rule(days, grades):
    """From an age on, below an age; on the day itself."""
    made = Routing("anybody", (Rule("anybody", to_age=Age(28, "d")), Rule("old", from_age=Age(12, "m"))), POPULATIONS)
    assert made.route("", Person(TODAY - timedelta(days)), TODAY).grades == grades
    assert made.route("", UNKNOWN, TODAY).grades is None


@pytest.mark.parametrize(("weeks", "grades"), [(None, None), (27.9, None), (28, "anybody"), (36.9, "anybody"), (37, None)])
def test_gestational_age(weeks, grades):
    made = routing(Rule("anybody", from_gestation=28, to_gestation=37))
    route = made.route("NICU^1^A", Person(BABY.born, weeks), TODAY)
    assert route.grades == grades
    if weeks is None:
        assert route.why == ("anybody: needs a gestational age, and none is known",)


def test_a_default_that_looks_on_speaks_where_nobody_grades():
    """Silence must never look like no pain: as a shadow it would say nothing to anybody."""
    made = routing(Rule("neonates", wards=("NICU",)), Rule("adults", Role.SHADOW))
    assert answer(made, "ICU^1^A", ADULT) == (None, ())
    assert made.route("ICU^1^A", ADULT, TODAY).role("adults") is None


def test_a_protocol_is_no_shadow_of_itself():
    made = routing(Rule("adults", Role.SHADOW), Rule("adults"), Rule("anybody", Role.SHADOW), Rule("anybody", Role.SHADOW))
    assert answer(made, "ICU^1^A", ADULT) == ("adults", ("anybody",))
    route = made.route("ICU^1^A", ADULT, TODAY)
    assert [route.role(name) for name in ("adults", "anybody", "neonates")] == [Role.GRADE, Role.SHADOW, None]


names = st.sampled_from(["adults", "neonates", "anybody"])
places = st.lists(st.sampled_from(["ICU", "NICU", "SURG"]), max_size=2).map(tuple)
beds = st.sampled_from(["ICU^1^A", "NICU^2^B", "SURG^3^C", ""])
ages = st.none() | st.builds(Age, st.integers(0, 90), st.sampled_from("ymd"))
rules = st.builds(
    Rule, names, st.sampled_from(Role), places, st.lists(beds, max_size=2).map(tuple), ages, ages, st.none() | st.integers(20, 42)
)
persons = st.none() | st.builds(
    Person, st.none() | st.dates(date(1930, 1, 1), date(2027, 1, 1)), st.none() | st.floats(20, 44, allow_nan=False)
)


@given(st.lists(rules, max_size=6), beds, persons, st.dates(date(2020, 1, 1), date(2026, 12, 31)))
def test_what_looks_at_a_bed_is_known_before_who_lies_there(some: list[Rule], bed: str, person: Person | None, on: date) -> None:
    """Faces are scored for the candidates: whoever is routed to is one of them. Who grades may judge the patient."""
    made = routing(*some)
    route: Route = made.route(bed, person, on)
    looking = {*route.shadows, *([route.grades] if route.grades else [])}
    assert looking <= set(made.candidates(bed))
    assert route.grades not in route.shadows
    assert len(route.why) == max(1, len(some))
    if person is not None and route.grades is not None:
        assert POPULATIONS[route.grades].fits(person.born, on)


def test_wards_are_those_of_beds():
    assert [ward_of(bed) for bed in ("ICU^101^A", "ICU^^", "ICU", "")] == ["ICU", "ICU", "ICU", ""]
