"""Several protocols over three beds, in one process and as services: who lies there decides, and nothing is looked at twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.face_models import fetched
from tests.integration.test_services_memory import services, until, windows
from tests.unit.serve.test_protocols import own
from wince import codec
from wince.cli.run import _table
from wince.demo import play, scenario
from wince.serve import chain, process
from wince.serve import embedded as road_
from wince.settings import Settings
from wince.settings.routing import RoutingRule
from wince.testing import hl7

AT = play.moment("2026-01-05T08:00:00Z")
ELDERS = {"protocol": "elders", "from_age": "80y"}
RULES = (
    ELDERS | {"beds": ["ICU^101^A"]},
    {"protocol": "activity", "wards": ["ICU"]},
    {"protocol": "elders", "role": "shadow", "beds": ["ICU^103^A"]},
)
"""In bed 101 lies somebody of 84 years; in 102 of 58; in 103 of 67, whom the shadow looks at too."""


def routed(folder: Path, **more: object) -> dict[str, object]:
    """Settings under the rules, with a protocol of the site's own that cuts another crop and has longer windows."""
    folder.mkdir(exist_ok=True)
    own(folder, "elders", length_s="10", max_yaw="30")
    return {"protocol_dir": str(folder), "routing": tuple(RoutingRule(**one) for one in RULES)} | more


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """One run of the bundled clips under the rules: what it left in the database, what it said, and how often what was opened."""
    fetched()
    opened: list[str] = []
    patch = pytest.MonkeyPatch()
    with reachable() as directory:
        for module, name in ((road_, "open_source"), (chain, "load_face_models")):
            what = getattr(module, name)
            patch.setattr(module, name, lambda *a, name=name, what=what, **k: (opened.append(name), what(*a, **k))[1])
        loaded = Settings(state_dir=directory / "state", **routed(tmp_path_factory.mktemp("own")))
        said: list[tuple[str, dict]] = []
        done = play.play(loaded, scenario.bundled(), AT, lambda event, fields: said.append((event, fields)))
        patch.undo()
        with play.Embedded(loaded, [], lambda _: AT, lambda *_: None) as road:
            with road.database.transaction() as tx:
                charted = tx.execute("SELECT DISTINCT body::json->>'bed', body::json->>'protocol' FROM entry ORDER BY 1, 2").fetchall()
                alerts = tx.execute("SELECT body FROM alert").fetchall()
                asked = tx.execute("SELECT DISTINCT protocol FROM question").fetchall()
                states = tx.execute("SELECT source, protocol FROM chart_state ORDER BY 1, 2").fetchall()
            yield {
                "done": done, "said": said, "opened": opened, "charted": charted, "asked": asked, "states": states,
                "road": windows(road.database),
                "alerts": [codec.decode("wince.api.grade.v1.Alert", bytes(body)).protocol for (body,) in alerts],
                "by_bed": by_bed(road.database),
            }  # fmt: skip


def by_bed(database) -> dict[str, set[tuple[str, bool]]]:
    """(protocol, shadow) of each camera's windows."""
    with database.transaction() as tx:
        rows = tx.execute("SELECT source, body FROM assessment").fetchall()
    found: dict[str, set] = {}
    for source, body in rows:
        one = codec.decode("wince.api.grade.v1.Assessment", bytes(body))
        if one.frames:
            found.setdefault(source, set()).add((one.protocol, one.shadow))
    return found


def test_who_lies_there_decides_which_protocol_grades(embedded):
    assert embedded["by_bed"] == {
        "cam-101": {("elders", False)},
        "cam-102": {("activity", False)},
        "cam-103": {("activity", False), ("elders", True)},
    }


def test_of_a_shadow_nothing_reaches_anybody(embedded):
    """Entries, alerts and questions are of the protocol that grades; the table at the end counts its windows alone."""
    assert embedded["charted"] == [("ICU^101^A", "elders"), ("ICU^102^A", "activity"), ("ICU^103^A", "activity")]
    assert embedded["states"] == [("cam-101", "elders"), ("cam-102", "activity"), ("cam-103", "activity")]
    assert set(embedded["alerts"]) == {"elders"}
    third = embedded["done"].beds[2]
    assert (set(third.protocols), set(third.shadows)) == ({"activity"}, {"elders"})
    assert {(entry.bed, entry.protocol) for entry in embedded["done"].entries} == set(embedded["charted"])
    shadows = [fields for event, fields in embedded["said"] if event == "window" and fields["shadow"]]
    assert {fields["source"] for fields in shadows} == {"cam-103"}
    graded = [fields for event, fields in embedded["said"] if event == "window" and fields["source"] == "cam-103" and not fields["shadow"]]
    assert third.windows == sum(third.protocols.values()) == len(graded)


def test_the_table_says_who_looks(embedded):
    """A column more where several protocols looked."""
    table = _table(embedded["done"])
    (column,) = [one for one in table.columns if one.header == "protocol"]
    assert list(column.cells) == ["elders", "activity", "activity; looked on: elders"]


def test_every_event_says_its_protocol(embedded):
    for event, fields in embedded["said"]:
        if event in ("window", "alert", "question"):
            assert fields["protocol"] in ("activity", "elders")


def test_nothing_is_decoded_or_searched_twice(embedded):
    """Three cameras: three decoders, three sets of face models, although two protocols look at two of them."""
    assert embedded["opened"] == ["open_source", "load_face_models"] * 3


def test_services_give_the_same(embedded, database, database_dsn, tmp_path):
    """Capture says which protocols look at a camera, detect cuts for each, estimate reads for each: same ids, grades and reasons."""
    more = routed(tmp_path / "own")
    with services(database_dsn, tmp_path / "state", *process.SERVICES, **more) as running:
        until(lambda: len(windows(database)["windows"]) >= len(embedded["road"]["windows"]), running)
    served = windows(database)
    assert served["windows"] == embedded["road"]["windows"]
    assert served["alerts"] == embedded["road"]["alerts"] != set()
    assert by_bed(database) == embedded["by_bed"]


def test_a_stay_without_a_birth_date_gets_no_protocol_that_needs_an_age(state_dir, tmp_path):
    """The default says so in every window, once, and nothing is graded, charted as a grade, or alerted."""
    fetched()
    bed = scenario.bundled().beds[0]
    nobody = scenario.Scenario((scenario.Bed(bed.camera, None, bed.about),))

    def admit(road) -> None:
        text = hl7.adt("A01", hl7.Person("991", birth_date=""), bed.camera.bed, "V-x", AT - play.BEFORE_US)
        assert hl7.code(hl7.send("127.0.0.1", road.listener.port, text)) == "AA"

    loaded = Settings(state_dir=state_dir / "state", **routed(tmp_path / "own"))
    said: list[tuple[str, dict]] = []
    done = play.play(loaded, nobody, AT, lambda event, fields: said.append((event, fields)), admitted=admit)
    shown = [(fields["protocol"], fields["reason"]) for event, fields in said if event == "window"]
    assert set(shown) == {("activity", "population")}
    assert done.beds[0].grades == {}
    assert done.beds[0].alerts == 0
