"""Services as rows: by the health that they say, and by what `wince up` knows of their processes."""

import socket
from pathlib import Path

import pytest

from tests.support.rpc import served
from tests.unit.serve.status.looks import NOW_US, look, up
from wince.rpc.server import Registration
from wince.serve.status.interface import State
from wince.serve.status.services import services
from wince.serve.whereabouts import ServiceAt

NOTHING = Registration("wince.test.v1.Nothing", lambda server: None)


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_health_decides(tmp_path: Path) -> None:
    """One that serves, one that says it can't, one that is not there: three rows, in the order of the road."""
    with served(NOTHING) as good, served(NOTHING) as sick:
        good.ready("", True)
        sick.ready("", False)
        places = {"record": [f"127.0.0.1:{good.port}"], "grade": [f"127.0.0.1:{sick.port}"], "detect": [nobody()]}
        rows = {row.what: row for row in services(look(tmp_path, services=places))}
    assert list(rows) == ["record", "grade", "detect"]
    assert {name: row.state for name, row in rows.items()} == {"record": State.OK, "grade": State.BAD, "detect": State.BAD}
    assert "can't do its work" in rows["grade"].reason
    assert "no answer" in rows["detect"].reason
    assert all(row.remedy for name, row in rows.items() if name != "record")


@pytest.mark.parametrize(
    ("pid", "began_s", "state", "said"),
    [(None, 300, State.BAD, "does not run"), (7, 5, State.WARNING, "is starting"), (7, 300, State.BAD, "does not answer")],
)
def test_what_wince_up_knows_of_a_process_that_does_not_answer(
    tmp_path: Path, pid: int | None, began_s: int, state: State, said: str
) -> None:
    address = nobody()
    known = up(ServiceAt("grade", address, pid, 3, NOW_US - began_s * 1_000_000))
    (row,) = services(look(tmp_path, services={"grade": [address]}, up=known, owned=True))
    assert (row.state, row.said) == (state, said)
    assert row.figures["restarts"] == 3


def test_where_nothing_is_known(tmp_path: Path) -> None:
    """A stopped installation, one in one process, one that is starting, and services that nobody named."""
    assert [row.state for row in services(look(tmp_path))] == [State.WARNING]
    assert [row.state for row in services(look(tmp_path, owned=True))] == [State.OK]
    assert [row.said for row in services(look(tmp_path, owned=True, up=up()))] == ["is starting"]
    (row,) = services(look(tmp_path, settings={"pg_dsn": "postgresql://wince@db.example/wince"}))
    assert row.state is State.UNKNOWN
    assert "--service" in row.remedy
