"""Every column of `--per-frame` and every member of `--json`, explained. `make docs` writes both pages:

python -m wince.assess.result.fields docs/reference/csv.md docs/reference/json.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wince.assess.result.words import REASONS, UNIT_NAMES
from wince.domain.estimate import UNITS


@dataclass(frozen=True, slots=True)
class Field:
    """One column, or one member by its path: `[]` stands for the entries of a list, `*` for the keys of an object."""

    name: str
    values: str
    """Type, unit and range."""
    meaning: str
    empty: str = "never"
    """When it is empty (CSV), null, "" or [] (JSON)."""


_UNSEEN = "not assessable"
_HASH = "sha256, 64 hexadecimal digits"
CSV = (
    Field(
        "file",
        "text",
        "Name of the file, without its folders; with `./` before it where a spreadsheet would take it for a formula (`=`, `+`, `-`, `@`). "
        "It may tell a patient's name.",
    ),
    Field("source", _HASH, "Content of the file: tells files of one name apart, and joins this table to `clips[].source` of the JSON."),
    Field("time_s", "seconds, from 0, to the millisecond", "Media time of the frame; of a picture 0."),
    Field("assessable", "true or false", "Whether a face was measured."),
    Field("reason", "see below", "Why the frame has no grade. With `assessable` true: why its number isn't believed.", "it has a grade"),
    Field("score", "the protocol's scale; `activity` 0 to 16", "Number of this frame alone, before any debounce.", _UNSEEN),
    Field("grade", "whole number from 0: index into the protocol's grades", "Grade of that number alone.", "`reason` is set"),
    Field("confidence", "0 to 1", "How sure the scorer is of the frame; it says nothing about patients.", _UNSEEN),
    *(
        Field(unit, "0 to 1" if unit == "au43" else "0 to 5", f"{au}, {name}: estimated, not coded by an expert.", "not measured")
        for unit, (au, name) in zip(UNITS, UNIT_NAMES, strict=True)
    ),
    Field("yaw", "degrees, -180 to 180", "Head turned to a side; 0 looks into the camera.", _UNSEEN),
    Field("pitch", "degrees, -180 to 180", "Head raised or lowered.", _UNSEEN),
    Field("roll", "degrees, -180 to 180", "Head tilted in the picture.", _UNSEEN),
)
COLUMNS = tuple(one.name for one in CSV)
"""Of the table with a row per frame."""

_INDEX = "whole number from 0: index into `protocol.grades`"
_NO_GRADE = "no grade"


def _reading(path: str, what: str) -> tuple[Field, ...]:
    return (
        Field(f"{path}.grade", _INDEX, f"{what}: the grade that held longest (the rule of PEEA).", "not assessable"),
        Field(f"{path}.grade_name", "text", "Its name.", "not assessable"),
        Field(f"{path}.highest", _INDEX, "The highest grade that held.", "not assessable"),
        Field(f"{path}.highest_name", "text", "Its name.", "not assessable"),
        Field(f"{path}.seconds.*", "seconds", "How long each grade held, by name; what never held is left out.", "a picture"),
        Field(f"{path}.median", "the protocol's scale", "Median score of the frames with a grade.", "not assessable"),
        Field(f"{path}.peak", "the protocol's scale", "Highest debounced score: a spike of one frame doesn't count.", "not assessable"),
        Field(f"{path}.confidence", "0 to 1", "Median confidence of the frames in which `grade` held.", "not assessable"),
    )


def _held(path: str, what: str) -> tuple[Field, ...]:
    return (
        Field(path, "object", what, "not assessable"),
        Field(f"{path}.grade", _INDEX, "The grade."),
        Field(f"{path}.name", "text", "Its name."),
        Field(f"{path}.seconds", "seconds", "For how long it held in all.", "a picture"),
    )


def _event(path: str, what: str) -> tuple[Field, ...]:
    return (
        Field(f"{path}.id", "UUID", f"{what}; the same wherever and whenever it is computed."),
        Field(f"{path}.assessment", "UUID", "`id` of the window in which it arose."),
        Field(f"{path}.start_s", "seconds of media time", "When the stretch began."),
        Field(f"{path}.end_s", "seconds of media time", "When it ended, or the window did."),
    )


JSON = (
    Field("wince", "text", "Version of Wince."),
    Field("label", "text", "What must stand beside every number."),
    Field("protocol.name", "text", "The protocol, as `wince protocols list` has it."),
    Field("protocol.title", "text", "For people."),
    Field("protocol.version", "text", "The protocol's own version."),
    Field("protocol.rule", _HASH, "Content of its rules."),
    Field("protocol.population", "text", "Whom it may judge. It is assumed to fit, not checked."),
    Field("protocol.scale", "text", "Its scale."),
    Field("protocol.grades[].name", "text", "Its grades, lowest first."),
    Field("protocol.grades[].min", "the protocol's scale", "Lowest score of the grade."),
    Field("clips[].file", "text", "Name of the file, without its folders. It may tell a patient's name."),
    Field("clips[].path", "text", "The file as it was named or found."),
    Field("clips[].source", _HASH, "Content of the file.", "it can't be read"),
    Field("clips[].error", "text", "Why the input failed, with the remedy. Then numbers are empty.", "it didn't fail"),
    Field("clips[].still", "true or false", "Whether it is one picture."),
    Field("clips[].duration_s", "seconds", "Media time covered; 0 for a picture."),
    Field("clips[].headline.alerts_s[]", "seconds of media time", "When each alert's stretch began.", "no alert"),
    *_held("clips[].headline.highest", "The highest grade that held, or that an alert was raised for."),
    *_held("clips[].headline.longest", "The grade that held longest (the rule of PEEA)."),
    Field("clips[].headline.confidence", "0 to 1", "Median confidence of the frames in which `longest` held.", "not assessable"),
    Field("clips[].grade", _INDEX, "The grade that held longest, with the reference where one was given.", "not assessable"),
    Field("clips[].grade_name", "text", "Its name.", "not assessable"),
    Field("clips[].seconds.*", "seconds", "How long each grade held, by name.", "a picture, or not assessable"),
    *_reading("clips[].plain", "Without a reference that was given"),
    Field("clips[].personal", "object", "As `plain`, against the calm face that was given.", "no --reference, or the protocol uses none"),
    *_reading("clips[].personal", "Against the calm face that was given"),
    Field("clips[].assessable_share", "0 to 1", "Frames with an assessable face over the frames expected."),
    Field("clips[].frames", "whole number", "Frames that were sampled; `--per-frame` has a row for each."),
    Field("clips[].reasons.*", "whole number", "Frames without a grade, by reason (see below), commonest first.", "all have one"),
    Field("clips[].faces", "whole number", "Most faces seen in one frame."),
    *_event("clips[].alerts[]", "The protocol's alert rule fired"),
    Field("clips[].alerts[].grade", _INDEX, "Highest grade that held in the stretch."),
    Field("clips[].alerts[].grade_name", "text", "Its name."),
    Field("clips[].alerts[].peak", "the protocol's scale", "Highest debounced score of the stretch."),
    *_event("clips[].questions[]", "A nurse would be asked to look"),
    Field("clips[].questions[].reason", "see below", "Why."),
    Field("clips[].windows[].id", "UUID", "One window of the protocol; the same wherever and whenever it is computed."),
    Field("clips[].windows[].start_s", "seconds of media time", "Begin."),
    Field("clips[].windows[].end_s", "seconds of media time", "End (exclusive); earlier than the window's length where the clip ended."),
    Field("clips[].windows[].grade", _INDEX, "The grade that held for most frames.", "see `reason`"),
    Field("clips[].windows[].grade_name", "text", "Its name.", _NO_GRADE),
    Field("clips[].windows[].median", "the protocol's scale", "Median score of the assessable frames.", _NO_GRADE),
    Field("clips[].windows[].peak", "the protocol's scale", "Highest debounced score.", _NO_GRADE),
    Field("clips[].windows[].assessable_share", "0 to 1", "Assessable frames over the frames expected."),
    Field("clips[].windows[].confidence", "0 to 1", "Median confidence of all assessable frames of the window.", _NO_GRADE),
    Field("clips[].windows[].reason", "see below", "Why there is no grade.", "there is one"),
    Field("clips[].windows[].frames", "whole number", "Frames that arrived."),
    Field("clips[].windows[].reasons.*", "whole number", "Unassessable frames, by reason.", "there are none"),
    Field("clips[].windows[].units[]", "au43 0 to 1, the others 0 to 5", f"Medians of {', '.join(UNITS)}, in this order.", "not measured"),
    Field("clips[].windows[].personal", "true or false", "Whether the patient's own calm face was used, given or learned."),
    Field("clips[].windows[].model_set", _HASH, "The models that computed it.", "no frame was scored"),
    Field("clips[].windows[].basis", "text", "What was known of the patient; nothing is, without a hospital.", "always here"),
    Field("clips[].windows[].shadow", "true or false", "Whether another protocol graded; false without a hospital."),
    Field("clips[].windows[].label", "text", "What to call it: an alert in it leads, such as `alert high (longest quiet)`."),
    Field("clips[].model_set", _HASH, "The models.", "it failed"),
    Field("clips[].rule", _HASH, "The protocol's rules."),
    Field("clips[].protocol", "text", "The protocol."),
    Field("clips[].notes[]", "text", "What a reader must know.", "nothing"),
    Field("passed_over[]", "text", "Files of folders that are neither video nor picture.", "there are none"),
)


def csv_page() -> str:
    """docs/reference/csv.md."""
    head = (
        "# The CSV of `wince assess --per-frame`\n\nMade by `make docs` from the code: don't edit. UTF-8, commas, one header line, a row\n"
        "per sampled frame, files in the order of the call. An empty cell is never 0.\n\n"
    )
    return head + _table("column", "empty where", CSV) + _reasons()


def json_page() -> str:
    """docs/reference/json.md."""
    head = (
        "# The JSON of `wince assess --json`\n\nMade by `make docs` from the code: don't edit. One object. `[]` stands for the entries of a"
        ' list, `*` for the keys of an\nobject. What is empty is `null`, `""`, `[]` or `{}`, and never 0. Every member is always there,'
        " but the members of\nwhat is `null`.\n\n"
    )
    return head + _table("member", "empty where", JSON) + _reasons()


def _table(first: str, last: str, fields: Iterable[Field]) -> str:
    rows = "".join(f"| `{one.name}` | {one.values} | {one.meaning} | {one.empty} |\n" for one in fields)
    return f"| {first} | values | meaning | {last} |\n|---|---|---|---|\n{rows}"


def _reasons() -> str:
    rows = "".join(f"| `{reason.value}` | {said} |\n" for reason, said in REASONS.items())
    return f"\n## Reasons\n\n| reason | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    for target, text in zip(sys.argv[1:], (csv_page(), json_page()), strict=True):
        Path(target).write_text(text, encoding="utf-8")
