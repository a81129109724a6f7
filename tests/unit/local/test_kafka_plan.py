"""What an earlier start of Kafka left: also one that was killed as it began."""

import json
from pathlib import Path

import pytest

from wince.errors import ConfigError
from wince.local.kafka import KafkaPeer


def prepared(directory: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaPeer:
    """A peer as it is before its nodes start; formatting, which takes a JVM, is left out."""
    monkeypatch.setattr(KafkaPeer, "_format", lambda self, node: None)
    peer = KafkaPeer(directory)
    peer._prepare()
    return peer


@pytest.mark.parametrize("left", ["", '{"brokers": [4', "[]"])
def test_a_start_that_was_killed_is_begun_anew(left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cluster.json").write_text(left)
    first = prepared(tmp_path, monkeypatch).bootstrap
    assert json.loads((tmp_path / "cluster.json").read_text())["brokers"]
    assert prepared(tmp_path, monkeypatch).bootstrap == first


def test_data_without_a_plan_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node0" / "data").mkdir(parents=True)
    (tmp_path / "node0" / "data" / "meta.properties").write_text("x")
    (tmp_path / "cluster.json").write_text("{")
    with pytest.raises(ConfigError, match="there is data"):
        prepared(tmp_path, monkeypatch)
