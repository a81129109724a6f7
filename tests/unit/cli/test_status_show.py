"""A status as text and as JSON."""

import json

from rich.console import Console

from wince.cli.status_show import SCHEMA, document, line, table
from wince.serve.status.collect import Status
from wince.serve.status.interface import Row, State

STATUS = Status(
    1_800_000_000_000_000,
    (
        Row("services", "record", State.OK, "serves at 127.0.0.1:7425", 7300.0, figures={"restarts": 2}),
        Row("services", "grade", State.BAD, "does not run", None, "its process ended", "read grade.log [here]"),
        Row("disk", "state", State.UNKNOWN, reason="not told"),
    ),
)


def text(status: Status, width: int = 120) -> str:
    console = Console(width=width, file=None, record=True, color_system=None, force_terminal=False)
    with console.capture() as said:
        console.print(table(status))
    return said.get()


def test_the_document() -> None:
    """One line, the keys that docs/reference/status.md names, the worst state on top."""
    said = json.loads(line(STATUS))
    assert said == document(STATUS)
    assert (said["schema"], said["at"], said["state"]) == (SCHEMA, "2027-01-15T08:00:00.000Z", "bad")
    assert said["rows"][0]["figures"] == {"restarts": 2}
    assert said["rows"][1]["remedy"] == "read grade.log [here]"
    assert "\n" not in line(STATUS)


def test_the_table_names_a_subject_once_and_ends_with_what_needs_a_person() -> None:
    said = text(STATUS)
    assert said.count("services  ") == 1
    assert "2 h" in said
    head, remarks = said.split("\n\n", 1)
    assert "its process ended" not in head
    assert "services grade: its process ended\n  remedy: read grade.log [here]" in remarks
    assert "disk state: not told" in remarks
    assert "record" not in remarks


def test_what_is_well_has_no_remarks_and_a_narrow_terminal_loses_nothing() -> None:
    well = Status(0, STATUS.rows[:1])
    assert "\n\n" not in text(well)
    assert "7425" in text(STATUS, 40).replace("\n", "")


def test_forty_columns_keep_a_subject_whole() -> None:
    row = Row("installation", "protocol activity", State.OK, "0.1.0, site wince-demo, state in /var/lib/wince/a/long/name", 200.0)
    console = Console(width=40, color_system=None)
    with console.capture() as held:
        console.print(table(Status(0, (row,))))
    assert "installation" in held.get()
