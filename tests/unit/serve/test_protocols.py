"""The protocols that are set: each can run, they go together, and each bed has its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from wince.domain.routing import Person
from wince.errors import ConfigError, ProtocolError
from wince.protocols import loader
from wince.serve.protocols import protocol_set
from wince.settings import Camera, Settings, load
from wince.settings.routing import RoutingRule


def own(folder: Path, name: str, **changed: str) -> None:
    """`activity` under another name; `changed`: keys of [detect]."""
    text = (loader.SHIPPED / "activity.toml").read_text("utf-8").replace('name = "activity"', f'name = "{name}"', 1)
    for key, value in changed.items():
        head, found, rest = text.partition(f"\n{key} = ")
        assert found
        text = f"{head}\n{key} = {value}\n{rest.partition(chr(10))[2]}"
    (folder / f"{name}.toml").write_text(text, "utf-8")


def settings(folder: Path, *rules: dict, **more: object) -> Settings:
    return Settings(protocol_dir=str(folder), models_dir=folder / "models", routing=tuple(RoutingRule(**one) for one in rules), **more)


def test_without_rules_one_protocol_is_set(tmp_path):
    made = protocol_set(settings(tmp_path))
    assert list(made.every) == ["activity"]
    assert made.of_bed("ICU^1^A") == (made.default,)


def test_every_bed_has_those_that_may_look_at_it(tmp_path):
    """The default comes first of all; where no rule names a bed, it looks."""
    own(tmp_path, "evening")
    own(tmp_path, "turned", max_yaw="20")
    rules = ({"protocol": "evening", "wards": ["W"]}, {"protocol": "turned", "role": "shadow", "wards": ["W"]})
    made = protocol_set(settings(tmp_path, *rules))
    assert list(made.every) == ["activity", "evening", "turned"]
    assert [one.name for one in made.of_bed("W^1^A")] == ["evening", "turned"]
    assert [one.name for one in made.of_bed("V^1^A")] == ["activity"]
    assert made.routing.route("W^1^A", Person(None), date(2026, 1, 1)).grades is None


def test_a_rule_s_protocol_must_be_there(tmp_path):
    with pytest.raises(ProtocolError) as caught:
        protocol_set(settings(tmp_path, {"protocol": "activity"}, {"protocol": "evenning"}))
    assert caught.value.field == "routing[1].protocol"


def test_a_rule_s_protocol_must_have_its_models(tmp_path):
    """No other stands in for it."""
    with pytest.raises(ProtocolError, match="needs a model that the site trained"):
        protocol_set(settings(tmp_path, {"protocol": "postoperative"}))


def test_two_that_look_for_faces_differently_go_to_different_beds(tmp_path):
    """Named at the start, for the cameras that there are; apart they run beside each other."""
    own(tmp_path, "fast", rate_hz="10")
    rules = ({"protocol": "fast", "wards": ["W"]}, {"protocol": "activity", "role": "shadow"})
    cameras = (Camera(id="a", bed="W^1^A", push=True),)
    with pytest.raises(ConfigError) as caught:
        protocol_set(settings(tmp_path, *rules, cameras=cameras))
    assert "'fast' has 10.0, 'activity' has 5.0" in caught.value.message
    assert "W^1^A" in caught.value.field
    apart = ({"protocol": "fast", "wards": ["W"]}, {"protocol": "activity", "wards": ["V"]})
    made = protocol_set(settings(tmp_path, *apart, cameras=cameras))
    assert [made.of_bed(bed)[0].detect.rate_hz for bed in ("W^1^A", "V^1^A")] == [10, 5]


def test_rules_come_from_the_file(tmp_path, monkeypatch):
    """In order; ages and wards as people write them."""
    file = tmp_path / "wince.toml"
    file.write_text(
        '[[routing]]\nprotocol = "neonatal"\nwards = ["NICU"]\nto_age = "28d"\nfrom_gestation = 28\n'
        '[[routing]]\nprotocol = "activity"\nbeds = ["ICU^1^A"]\nrole = "shadow"\nfrom_age = "18y"\n'
    )
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    first, second = (one.rule() for one in load().routing)
    assert (first.protocol, first.wards, str(first.to_age), first.from_gestation) == ("neonatal", ("NICU",), "28d", 28)
    assert (second.beds, second.role.value, str(second.from_age)) == (("ICU^1^A",), "shadow", "18y")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('from_age = "grown up"', "18y, 6m or 28d"),
        ('wards = ["ICU^1^A"]', "PV1-3.1"),
        ('beds = ["ICU"]', "POINTOFCARE^ROOM^BED"),
        ('from_age = "2y"\nto_age = "1y"', "from_age below to_age"),
        ("from_gestation = 37\nto_gestation = 28", "from_gestation below to_gestation"),
        ('role = "boss"', "grade"),
        ("age = 3", "unknown key"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path, monkeypatch, line, said):
    file = tmp_path / "wince.toml"
    file.write_text(f'[[routing]]\nprotocol = "activity"\n{line}\n')
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    with pytest.raises(ConfigError) as caught:
        load()
    assert said in caught.value.message
    assert caught.value.field.startswith("routing.0")


def test_the_record_knows_every_protocol_that_has_a_file(tmp_path, caplog):
    """Also one that is set no more, that has no model here, or beside which a file is broken: what it graded stays to be spoken of."""
    own(tmp_path, "evening")
    (tmp_path / "broken.toml").write_text("name = ", "utf-8")
    made = protocol_set(settings(tmp_path, {"protocol": "activity"}))
    assert list(made.every) == ["activity"]
    assert {"activity", "evening", "icu", "postoperative"} < set(made.recorded)
    assert "broken" not in made.recorded
    assert made.recorded["activity"] is made.default
