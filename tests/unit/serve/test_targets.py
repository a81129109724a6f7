"""One list of targets: what is set is built, checked and looked at, each under a name of its own."""

from contextlib import ExitStack

import pytest

from tests.integration.record_world import FakeTarget
from wince.errors import ConfigError
from wince.serve.check_settings import check as config_check
from wince.serve.checks.everything import CONFIGURED
from wince.serve.targets import every
from wince.serve.targets.kind import TargetKind
from wince.settings import Settings


def kind(name: str, flaw: str = "") -> TargetKind:
    def check(_: Settings) -> None:
        if flaw:
            raise ConfigError(flaw, field=name)

    return TargetKind(name, lambda settings: settings.site == "several", check, lambda *_: FakeTarget(name=name), lambda _: iter(()))


def test_several_kinds_are_targets_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(every, "KINDS", (*every.KINDS, kind("one"), kind("two")))
    with ExitStack() as stack:
        assert [target.name for target in every.targets(Settings(site="several"), {}, stack)] == ["one", "two"]
        assert every.targets(Settings(site="other"), {}, stack) == []


def test_each_kind_that_is_set_is_checked_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(every, "KINDS", (kind("one"), kind("two", "contradicts itself")))
    with pytest.raises(ConfigError, match="contradicts itself"):
        config_check(Settings(site="several"))
    config_check(Settings(site="other"))


def test_two_kinds_under_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(every, "KINDS", (kind("one"), kind("one")))
    with ExitStack() as stack, pytest.raises(ConfigError, match="two targets are called one"):
        every.targets(Settings(site="several"), {}, stack)


def test_where_no_target_is_set_nothing_can_be_read_back() -> None:
    with pytest.raises(ConfigError) as caught:
        every.require(Settings())
    assert caught.value.field == "WINCE_EHR_URL"


def test_doctor_looks_at_every_kind() -> None:
    assert {kind.name for kind in every.KINDS} <= {name for name, _ in CONFIGURED}
