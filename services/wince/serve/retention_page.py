"""The page docs/reference/retention.md, made from the tables in `store/resting.py` and `bus/topics.py` and from the list of files below:
`python -m wince.serve.retention_page FILE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wince.bus.topics import TOPICS, oldest_ms
from wince.settings import Settings
from wince.store.resting import TABLES, Holds, Table


@dataclass(frozen=True, slots=True)
class Rest:
    """A file or folder, or a part of memory."""

    where: str
    """Below the state directory where it is relative."""
    about: str
    holds: Holds
    rests: str


FILES = (
    Rest("`postgres/`", "the embedded database: the tables above", Holds.PERSON, "as its tables"),
    Rest("`ehr/`", "the sandbox EHR of `wince run` and `wince up`", Holds.PERSON, "until you delete the folder"),
    Rest("`imaging/`, or `dicom_folder`", "DICOM objects as they came", Holds.PERSON,
         "`dicom_keep_h` after they were graded; held ones `dicom_held_days`; a quarter of an hour after a person was erased"),
    Rest("`dicom_watch_folder`", "DICOM files that somebody puts there", Holds.PERSON, "until they were taken into the folder of objects"),
    Rest("`kafka/`", "the broker of `wince up`: the topics above", Holds.PERSON, "as its topics, and at most a minute more on the disk"),
    Rest("`keys/audit.pem`, or `audit_key_file`", "signs checkpoints of the trail", Holds.NOTHING, "until you replace it"),
    Rest("`keys/logs.key`", "makes the hashes that stand for patients and beds in logs", Holds.NOTHING, "until you delete it"),
    Rest("`audit-checkpoints.jsonl`, or `checkpoint_file`", "signed heads of the chain", Holds.NOTHING, "for ever"),
    Rest("`audit-timestamps.jsonl`", "an authority's dates of checkpoints", Holds.NOTHING, "for ever"),
    Rest("`audit-verified.json`", "up to which row the trail was verified", Holds.NOTHING, "until the next verification"),
    Rest("`logs/`", "logs of the services of `wince up`: hashes for patients and beds, no content", Holds.PSEUDONYM,
         "until you delete them; as services, standard error, kept by what collects it"),
    Rest("`run/`", "passwords and addresses of a `wince up` that runs", Holds.NOTHING, "until its end"),
    Rest("`serving/`", "TorchServe's settings and models; its access log names no content", Holds.NOTHING, "until its end"),
    Rest("`assess/`", "results of `wince assess` by the hash of a file: grades of a video, no picture, no name", Holds.PSEUDONYM,
         "until you delete the folder"),
    Rest("the folder of `wince assess --report`", "grades, and key frames where you asked for them", Holds.PERSON, "until you delete it"),
    Rest("the folder of `wince research export`", "pseudonymous data of people who agreed", Holds.PSEUDONYM,
         "until you and the recipient delete it"),
    Rest("backups of the database", "whatever the database held then", Holds.PERSON,
         "as your backups: after a restore, erase again what was erased since"),
)  # fmt: skip
"""What rests in files. Every field of `Places` and every closed folder of the state directory is among them; a test looks."""

MEMORY = (
    Rest("capture", "frames of a camera, at most 15", Holds.PERSON, "seconds; never stored"),
    Rest("detect", "where the face was in the last frames", Holds.PERSON, "seconds"),
    Rest("estimate", "crops, where a member of the ensemble sees clips, at most 64 MiB", Holds.PERSON, "seconds"),
    Rest("TorchServe", "crops of the requests that are being answered", Holds.PERSON, "until the answer"),
    Rest("grade", "the open window, the calm face (embeddings)", Holds.PERSON, "until the next patient"),
)

_HEAD = """# What rests where, and for how long
Made by `make docs` from the tables that the code works with; a test holds them against the real database and its topics.
[Retention](../how-to/retention.md) says how to set limits and how to erase a person, [data flow](../explanation/data-flow.md) who may
read what.

Nothing is erased in the database until you set limits: `retention_assessments_days`, `retention_movements_days`, `retention_audit_days`.
`wince retention run` erases by them. Data that kept data needs stays, whatever its age.

*person*: names somebody, or was made of a face. *pseudonym*: says who it is only together with other data. *staff*: identifiers of
people who work with Wince. No name of a patient rests anywhere but in parked messages, DICOM objects and what targets are sent.
"""
_TOPICS = """A broker deletes whole segments, so a record may be older than its topic's retention: the table says how old it can get.
Wince sets retention and segment time when a service starts. `wince doctor` names a topic, or a broker, that keeps records for longer.
The erasure of a person doesn't reach into topics: what is there goes by its age.
"""


def page() -> str:
    """The whole document."""
    parts = [_HEAD, "## Tables that hold something of a person\n", _tables([one for one in TABLES if one.holds is Holds.PERSON])]
    parts += ["## Other tables\n", _tables([one for one in TABLES if one.holds is not Holds.PERSON])]
    parts += ["## Topics\n", _TOPICS, _topics()]
    for title, rests in (("## Files\n", FILES), ("## Memory\n", MEMORY)):
        parts += [title, _table(("where", "what", "of", "how long"), [(one.where, one.about, one.holds, one.rests) for one in rests])]
    return "\n".join(parts)


def _tables(tables: Sequence[Table]) -> str:
    rows = [(f"`{one.name}`", one.about, one.holds, _linked(one.rests) + (f": {one.why}" if one.why else ""), one.person) for one in tables]
    return _table(("table", "what", "of", "how long", "when a person is erased"), rows)


def _topics() -> str:
    rows = []
    for name, topic in TOPICS.items():
        oldest = oldest_ms(topic)
        kept = "the last of each camera; older ones at most 2 days" if oldest is None else _span(oldest)
        rows.append((f"`{name}`", topic.phi or "nothing", ", ".join(topic.writers), ", ".join(topic.readers) or "a person", kept))
    return _table(("topic", "what of a person", "written by", "read by", "oldest record"), rows)


def _span(ms: int) -> str:
    """
    >>> _span(14 * 60_000), _span(3 * 86_400_000 + 6 * 3_600_000 + 300_000)
    ('14 minutes', '3 days 6 hours')
    """
    minutes = ms // 60_000
    if minutes < 60:
        return f"{minutes} minutes"
    days, hours = divmod(minutes // 60, 24)
    return " ".join(f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in ((days, "day"), (hours, "hour")) if count)


def _linked(rests: str) -> str:
    """Settings as code."""
    for name in Settings.model_fields:
        if name.startswith(("retention_", "mllp_parked_")):
            rests = rests.replace(name, f"`{name}`")
    return rests


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(lines)} |" for lines in lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
