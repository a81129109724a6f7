"""A container's user often has neither a name nor a home."""

from pathlib import Path

import platformdirs
import pytest

from wince.errors import ConfigError
from wince.settings import load


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As platformdirs says it for a uid without an entry in passwd, where HOME isn't set."""

    def none(_name: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    for name in ("user_state_path", "user_cache_path"):
        monkeypatch.setattr(platformdirs, name, none)
    for name in ("WINCE_STATE_DIR", "WINCE_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("given", "lacking"), [("models_dir", "state_dir"), ("state_dir", "models_dir")])
def test_the_folder_that_has_to_be_named_is_said(tmp_path: Path, given: str, lacking: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**{given: tmp_path})
    assert caught.value.field == lacking
    assert f"WINCE_{lacking.upper()}" in caught.value.remedy


def test_with_both_named_no_home_is_asked_for(tmp_path: Path) -> None:
    loaded = load(state_dir=tmp_path / "state", models_dir=tmp_path / "models")
    assert loaded.state_dir == tmp_path / "state"
