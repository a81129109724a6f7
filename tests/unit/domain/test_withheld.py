"""Who must not be watched: switches are about places, consent about persons, and both about times."""

from uuid import UUID

import pytest

from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay, Watch
from wince.domain.withheld import Consent, Scope, Switch, Withheld

MRN, VISIT = Identifier("urn:mrn", "M1"), Identifier("urn:visit", "V1")
STAY = Stay(UUID(int=1), "ICU^1^A", MRN, VISIT, 0, None, 0)
WATCHES = [Watch("cam", "ICU^1^A", 0, None, 0)]


def switch(scope: Scope, name: str, off_us: int = 100, on_us: int | None = None) -> Switch:
    return Switch(UUID(int=2), scope, name, off_us, on_us, "why", "who")


def said(given: bool, from_us: int, subject: str = "encounter") -> Consent:
    return Consent(subject, VISIT if subject == "encounter" else MRN, given, from_us, "n7")


@pytest.mark.parametrize(
    ("scope", "name", "off"),
    [
        (Scope.SITE, "", True),
        (Scope.WARD, "ICU", True),
        (Scope.WARD, "IC", False),
        (Scope.WARD, "ICU^1^A", False),
        (Scope.BED, "ICU^1^A", True),
        (Scope.BED, "ICU^1^A^OTHER", False),
        (Scope.BED, "ICU", False),
    ],
)
def test_a_switch_is_about_its_place(scope: Scope, name: str, off: bool) -> None:
    held = Withheld([switch(scope, name)])
    assert held.during(STAY, 100, 105) is (Reason.OFF if off else None)
    assert held.camera(WATCHES, [STAY], "cam", 100) is (Reason.OFF if off else None)


@pytest.mark.parametrize(("span", "off"), [((90, 100), False), ((95, 101), True), ((195, 205), True), ((200, 205), False)])
def test_a_window_that_touches_the_time_off_is_off(span: tuple[int, int], off: bool) -> None:
    assert Withheld([switch(Scope.BED, "ICU^1^A", 100, 200)]).during(STAY, *span) is (Reason.OFF if off else None)


def test_a_camera_that_watches_no_bed_is_off_with_the_site_alone() -> None:
    assert Withheld([switch(Scope.WARD, "ICU")]).camera([], [], "cam", 150) is None
    assert Withheld([switch(Scope.SITE, "")]).camera([], [], "cam", 150) is Reason.OFF


def test_a_refusal_holds_from_its_moment_until_the_same_is_given() -> None:
    """Of the encounter and of the patient: each alone is enough, and giving the one doesn't take back the other."""
    held = Withheld([], [said(False, 100), said(True, 300), said(True, 200, "patient")])
    assert [held.during(STAY, at, at + 5) for at in (90, 95, 98, 150, 200, 300)] == [None, None, *[Reason.CONSENT] * 3, None]
    both = Withheld([], [said(False, 100, "patient"), said(True, 150)])
    assert both.during(STAY, 200, 205) is Reason.CONSENT
    other = Stay(UUID(int=3), "ICU^1^A", Identifier("urn:mrn", "M2"), Identifier("urn:visit", "V2"), 0, None, 0)
    assert both.during(other, 200, 205) is None


def test_what_is_said_later_takes_its_place_from_its_moment_on() -> None:
    """A refusal that was written down for an earlier time counts for that time, too."""
    held = Withheld([], [said(True, 100), said(False, 50)])
    assert [held.during(STAY, at, at + 1) for at in (49, 50, 120)] == [None, Reason.CONSENT, Reason.CONSENT]


def test_where_consent_is_required_silence_is_none() -> None:
    """A bed with nobody known in it, too; somebody who gave it for his visit or in general may be watched."""
    assert Withheld(required=True).during(STAY, 0, 5) is Reason.CONSENT
    assert Withheld(required=True).camera(WATCHES, [], "cam", 0) is Reason.CONSENT
    for subject in ("encounter", "patient"):
        given = Withheld([], [said(True, 10, subject)], required=True)
        assert [given.during(STAY, at, at + 5) for at in (0, 8, 10)] == [Reason.CONSENT, Reason.CONSENT, None]
        assert given.camera(WATCHES, [STAY], "cam", 10) is None


def test_of_two_who_are_claimed_one_refusal_is_enough() -> None:
    other = Stay(UUID(int=3), "ICU^1^A", Identifier("urn:mrn", "M2"), Identifier("urn:visit", "V2"), 0, None, 0)
    held = Withheld([], [said(False, 0)])
    assert held.camera(WATCHES, [other, STAY], "cam", 5) is Reason.CONSENT
    assert held.camera(WATCHES, [other], "cam", 5) is None
    assert held.camera(WATCHES, [], "cam", 5) is None
