"""Where a `wince up` says that its services are: believed only while it runs."""

from pathlib import Path

from tests.unit.serve.status.looks import NOW_US, up
from wince.serve import whereabouts
from wince.serve.state_dir import Owner, Places, owned
from wince.serve.whereabouts import ServiceAt
from wince.settings import Settings


def places(root: Path) -> Places:
    found = Places.of(Settings(state_dir=root))
    (root / "run").mkdir()
    return found


def test_what_the_owner_wrote_is_read_while_it_runs(tmp_path: Path) -> None:
    """A file that a killed `wince up` left is not believed: its ports may be another's by now."""
    here = places(tmp_path)
    said = up(ServiceAt("record", "127.0.0.1:7425", 12, 1, NOW_US), ServiceAt("grade", "127.0.0.1:7424"), kafka="127.0.0.1:9092")
    with Owner(here):
        assert owned(here)
        assert whereabouts.read(here) is None
        whereabouts.write(here, said)
        assert whereabouts.read(here) == said
        (tmp_path / "run" / "services.json").write_text("{")
        assert whereabouts.read(here) is None
        whereabouts.write(here, said)
    assert not owned(here)
    assert whereabouts.read(here) is None
    with Owner(here):
        whereabouts.remove(here)
        whereabouts.remove(here)
        assert whereabouts.read(here) is None


def test_asking_makes_nothing(tmp_path: Path) -> None:
    here = Places.of(Settings(state_dir=tmp_path / "none"))
    assert not owned(here)
    assert whereabouts.read(here) is None
    assert list(tmp_path.iterdir()) == []
