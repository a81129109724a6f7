"""An export for research: of everybody who agreed, in one look at the database, streamed into files.

Order of what is made durable: the files, then the database's word of who is in them with its link of the audit trail, then their place. Cut
off in between, there is word of an export that nobody has; never an export of which there is no word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from wince import codec
from wince.clock import Clock, wall_us
from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.stay import Identifier
from wince.errors import Refused
from wince.research.cells import Cells, as_rows, band, rare, suppressed
from wince.research.columns import package
from wince.research.folder import Folder
from wince.research.pseudonyms import Key
from wince.research.rows import Mask
from wince.store import research as store
from wince.store.audit import utc
from wince.store.database import Database, Tx
from wince.version import VERSION

FORMAT = "wince-research-1"
_SCHEMAS = {"alerts": "wince.api.grade.v1.Alert", "verdicts": "wince.api.care.v1.Verdict"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is to be."""

    place: Path
    key: Key
    purpose: str
    """The study's name."""
    k: int
    """Fewer people who share age band and protocols are not told apart, or left out."""
    most_bytes: int
    by: str


@dataclass(frozen=True, slots=True)
class Done:
    """What was exported."""

    id: UUID
    manifest: str
    """sha256 of manifest.json (hex)."""
    key: str
    """Name of the key."""
    people: int
    rows: Mapping[str, int]
    """By table."""
    without_windows: int
    """People who agreed and of whom no window is kept."""
    left_out: int
    """People whom too few others are like."""
    ages_hidden: int
    scores_left_out: int
    """Scores whose value is no number."""


@dataclass(slots=True)
class _Somebody:
    numbers: Sequence[Identifier]
    stands: Identifier
    whole: store.Whole


class Exporter:
    """Blocks for the database. Raises StoreError, Unavailable, ResourceError, and what each method says."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def run(self, wanted: Wanted) -> Done:
        """Export. Raises ConfigError (something is at the place), Refused (nobody can be exported; somebody withdrew meanwhile)."""
        with Folder(wanted.place, wanted.most_bytes) as folder:
            identity = uuid4()
            with self._database.transaction() as tx:
                tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                people, without = self._people(tx, wanted.key)
                cells = suppressed({name: _cell(one) for name, one in people.items()}, wanted.k)
                if not cells.bands:
                    raise Refused(
                        _nobody(len(people), without, wanted.k), field="people", remedy="see `wince research consents`; or lower --k"
                    )
                people = {name: people[name] for name in sorted(cells.bands)}  # by pseudonym: the order tells nothing
                dropped = sum(self._write(tx, folder, wanted.key, name, one, cells.bands[name]) for name, one in people.items())
                bases = rare(Counter(store.bases(tx, [one.numbers for one in people.values()])), wanted.k)
            for row in as_rows(cells):
                folder.add("cells", row)
            manifest = self._documents(folder, wanted, identity, cells, bases)
            export = store.Export(
                identity,
                self._clock(),
                wanted.by,
                wanted.purpose,
                wanted.key.id,
                bytes.fromhex(manifest),
                len(people),
                folder.rows["windows"],
            )
            with self._database.transaction() as tx:
                if not store.still(tx, [one.numbers for one in people.values()]):
                    raise Refused("somebody withdrew meanwhile", field="consent", remedy="run it again: it leaves them out")
                store.keep(tx, export, ((name, one.stands) for name, one in people.items()))
            folder.finish()
        return Done(identity, manifest, wanted.key.id, len(people), dict(folder.rows), without, cells.left_out, cells.hidden, dropped)

    @staticmethod
    def _people(tx: Tx, key: Key) -> tuple[dict[str, _Somebody], int]:
        """Those who agreed and of whom there are windows, by pseudonym; how many agreed without any."""
        found, without = {}, 0
        for stands, numbers in store.willing(tx):
            whole = store.whole(tx, numbers)
            if whole.first_us is None:
                without += 1
            else:
                found[key.name("person", stands.system, stands.value)] = _Somebody(numbers, stands, whole)
        return found, without

    @staticmethod
    def _write(tx: Tx, folder: Folder, key: Key, name: str, one: _Somebody, age: str) -> int:
        """Everything of a person; how many scores are left out."""
        mask, windows, dropped = Mask(key, name, key.shift_us(name)), 0, 0
        stays = one.whole.stays
        for stay, body in store.stream(tx, "windows", stays):
            found = codec.decode("wince.api.grade.v1.Assessment", bytes(body))
            assert isinstance(found, Assessment)
            folder.add("windows", mask.window(found, stays[stay]))
            windows += 1
        for table, schema in _SCHEMAS.items():
            for (body,) in store.stream(tx, table, stays):
                said = codec.decode(schema, bytes(body))
                assert isinstance(said, Alert | Verdict)
                folder.add(table, mask.alert(said) if isinstance(said, Alert) else mask.verdict(said))
        for visit, at_us, code, value in store.scores(tx, one.numbers, stays):
            row = mask.score(visit, at_us, code, value)
            if row is None:
                dropped += 1
            else:
                folder.add("scores", row)
        folder.add("people", (name, age, " ".join(one.whole.protocols), windows))
        return dropped

    def _documents(self, folder: Folder, wanted: Wanted, identity: UUID, cells: Cells, bases: Mapping[str, int]) -> str:
        """The data dictionary and the manifest; sha256 of the latter."""
        files = folder.closed()
        dictionary = folder.document("datapackage.json", package(files, f"wince-{identity}"))
        told = {name: _file(size, digest, folder.rows[name]) for name, (size, digest) in files.items()}
        return folder.document(
            "manifest.json",
            {
                "format": FORMAT,
                "export": str(identity),
                "made": utc(self._clock()),
                "software": f"wince {VERSION}",
                "purpose": wanted.purpose,
                "key": wanted.key.id,
                "k": wanted.k,
                "people": len(cells.bands),
                "left_out": cells.left_out,
                "ages_not_told": cells.hidden,
                "consent": bases,
                "files": told | {"datapackage.json": {"sha256": dictionary}},
                "note": "Pseudonymous, not anonymous: keep it from others, try to identify nobody, delete the people whom "
                "`wince research withdrawn` of the hospital names. Research use, not validated, adjunct to a nurse's judgement.",
            },
        )


def _file(size: int, digest: str, rows: int) -> dict[str, object]:
    """A file as the manifest names it."""
    return {"bytes": size, "sha256": digest, "rows": rows}


def _cell(one: _Somebody) -> tuple[str, tuple[str, ...]]:
    assert one.whole.first_us is not None
    return band(one.whole.birth_date, one.whole.first_us), one.whole.protocols


def _nobody(people: int, without: int, k: int) -> str:
    if people:
        return f"of {people} people who agreed, fewer than {k} are alike"
    return f"{without} people agreed, and no window of them is kept" if without else "nobody agreed"
