"""Settings that take a protection away are named by doctor and `config check`, with what they open."""

from __future__ import annotations

import pytest

from wince.serve.checks import everything, insecure
from wince.serve.checks.finding import State
from wince.settings import Settings
from wince.settings.catalogue import by_path

OPENING = [path for path in by_path() if "insecure_" in path or "beyond_loopback" in path]


def test_nothing_is_said_by_default() -> None:
    """A site that opened nothing gets no line."""
    assert list(insecure.check(Settings())) == []


@pytest.mark.parametrize("path", OPENING)
def test_each_is_named(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every such setting that there is, in a table or not."""
    monkeypatch.setenv("WINCE_" + path.replace(".", "__").upper(), "true")
    (found,) = insecure.check(Settings())
    assert (found.what, found.state) == (path, State.WARNING)
    assert "Everybody on the network" in found.found
    assert found.remedy


def test_words_and_cameras_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that opens as much as a switch, and an entry of a list by its id."""
    monkeypatch.setenv("WINCE_EHR_AUTH", "none")
    monkeypatch.setenv("WINCE_KAFKA_SECURITY", "insecure-plaintext")
    monkeypatch.setenv("WINCE_CAMERAS", '[{"id": "c1", "bed": "ICU^1^A", "url": "rtsps://cam.example/1", "unchecked_certificate": true}]')
    said = {found.what: found.found.partition(":")[0] for found in insecure.check(Settings())}
    assert said == {"ehr_auth": "is none", "kafka_security": "is insecure-plaintext", "cameras.unchecked_certificate of c1": "is set"}


def test_it_is_one_of_the_checks() -> None:
    """`wince doctor` and `wince config check` ask it."""
    assert insecure.check in [check for _, check in everything.CONFIGURED]
