"""Signed checkpoints of the audit chain, kept outside the database.

An owner of the database can compute a whole new chain that fits in itself. A checkpoint (sequence number, head, Merkle root, time),
signed with an Ed25519 key and appended to a file, both outside the database, says what the chain was. What was appended after the
last checkpoint can still be rewritten: `Verified.tail` says how many rows that are. Checkpoints that are cut from the file's end show
only in a copy elsewhere: keep one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wince import plain_file
from wince.clock import Clock, wall_us
from wince.domain import audit as chain
from wince.domain.audit import Checkpoint, Verified
from wince.errors import ConfigError, IntegrityError, MessageError, ResourceError
from wince.parts import PASSING, WatchedThread
from wince.store import audit, checkpoint_file, verification
from wince.store.audit_keys import statements
from wince.store.database import Database
from wince.store.plain import dump
from wince.telemetry import logs

log = logs.get(__name__)


def signing_key(path: Path, database: Database | None = None) -> Ed25519PrivateKey:
    """The key in a PEM file (PKCS 8, unencrypted); made, 0600, where the file is absent.

    `database`: a chain that speaks of checkpoints was signed with a key; none is made in its place. Raises ConfigError where that is
    missing, where the file is no such key or others may read it; ResourceError where it can't be made.
    """
    if (key := existing_key(path)) is not None:
        return key
    if database is not None and checkpoint_file.read_chain_checkpoints(database).last:
        remedy = "bring it back, or name it in WINCE_AUDIT_KEY_FILE; where it is lost for good, `wince audit checkpoints-lost`"
        raise ConfigError("the key that signed the checkpoints is not here", field=str(path), remedy=remedy)
    return _new_key(path)


def existing_key(path: Path) -> Ed25519PrivateKey | None:
    """The key in a PEM file, None where the file is absent: nothing is made. Raises ConfigError as `signing_key`."""
    try:
        file = plain_file.opened(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            error.strerror or "can't be read", field=str(path), remedy="give a readable key in WINCE_AUDIT_KEY_FILE"
        ) from None
    with file:
        if plain_file.open_to_others(file.fileno()):
            raise ConfigError("other users may read the audit key", field=str(path), remedy=f"chmod 600 {path}")
        text = file.read(65536)
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("is no Ed25519 private key in PEM", field=str(path), remedy="openssl genpkey -algorithm ed25519 -out FILE")
    return key


def _new_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return signing_key(path)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be written", field=str(path), remedy="give a directory that can be written") from None
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half, raw bytes as hex: what a verifier must know."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


class Checkpointer:
    """Appends a checkpoint every `rows` links or `seconds`, and at `stop`. Thread-safe.

    Beginning reads the whole chain once and checks it against the checkpoints that stand (IntegrityError).
    the code that appends calls `tick`, after the COMMIT; or `start` begins a thread that does it: a part of a process.
    """

    def __init__(
        self,
        database: Database,
        file: Path,
        key: Ed25519PrivateKey,
        *,
        rows: int = 1000,
        seconds: float = 60.0,
        every_s: float = 5.0,
        clock: Clock = wall_us,
        alone: bool = True,
        site_keys: Sequence[str] = (),
    ) -> None:
        """`alone`: nobody else writes checkpoints of this chain, so a file that is not there was taken away (IntegrityError). Else it may
        be another replica's first start: that is logged as an error, and the file begun. `site_keys` as for `audit_keys.statements`."""
        self._database = database
        self._file = file
        self._key = key
        self._rows = rows
        self._seconds = seconds
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._frontier = chain.Frontier()
        self._head = chain.ZERO
        self._written = 0
        self._own = 0
        """Links after the last checkpoint that only say that one was written."""
        self._at = ""
        self._written_at = time.monotonic()
        self._stopped = threading.Event()
        self._thread = WatchedThread("checkpoints", self._run, self._stopped)
        said = checkpoint_file.read_chain_checkpoints(database, file)
        points = checkpoint_file.read(file)
        self._believes = statements(public_hex(key), site_keys, points)
        self._at = max((point.at for point in points), default="")
        if not alone and said.last and checkpoint_file.identity(file) not in said.last:
            log.error("the chain speaks of checkpoints, and of none in this file; it goes on from here", file=str(file), count=len(points))
            if points and not checkpoint_file.is_told(database, file, points[-1]):
                self._tell(points[-1])
        if points or alone or not said.last:
            self._written = verify(database, file, public_hex(key), payloads=False, site_keys=site_keys).checkpoint
        self._take_in()

    def tick(self, *, force: bool = False) -> Checkpoint | None:
        """Takes in the new links (checked) and writes a checkpoint where one is due. Raises IntegrityError, ResourceError."""
        with self._lock:
            self._take_in()
            fresh = self._frontier.count - self._written - self._own
            due = force or fresh >= self._rows or time.monotonic() - self._written_at >= self._seconds
            return self._write() if fresh and due else None

    def start(self) -> None:
        """Ticks on a thread of its own, every `every_s`, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and writes the last checkpoint. Raises as `tick` does."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.tick(force=True)

    def failed(self) -> BaseException | None:
        """What ended the thread for good: a broken chain (IntegrityError) above all. What may pass is tried again."""
        return self._thread.failed()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self.tick()
            except PASSING as error:
                log.warning("no checkpoint can be written now; trying again", error=error)

    def _take_in(self) -> None:
        self._still_there()
        for row in audit.rows(self._database, self._frontier.count):
            chain.pass_gap(row, self._frontier, self._head, self._believes)
            seq = self._frontier.count + 1
            made = chain.link(self._head, seq, row.at, row.entry, row.revision, row.event, row.attempt, row.digest, row.target)
            if made != row.hash:
                raise IntegrityError(
                    "the row does not follow the one before it: no checkpoint is signed over it",
                    field=f"audit row {row.seq}",
                    remedy="run `wince audit verify`, keep the database as it is",
                )
            self._frontier.add(row.hash)
            self._head = row.hash
            self._own += row.event == chain.CHECKPOINT and row.seq > self._written

    def _still_there(self) -> None:
        """The last row that was taken in still stands: not where a standby was promoted, under our connections, that lacked it."""
        seq = self._frontier.count
        with self._database.transaction() as tx:
            row = tx.execute("SELECT hash FROM audit WHERE seq = %s", (seq,)).fetchone()
        if seq and (row is None or bytes(row[0]) != self._head):
            raise IntegrityError(
                "the row is not there any more: no checkpoint is signed behind it", field=f"audit row {seq}", remedy=chain.CUT
            )

    def _write(self) -> Checkpoint:
        at = max(audit.utc(self._clock()), self._at)  # a clock that is set back makes no checkpoint older than the last
        bare = Checkpoint(self._frontier.count, self._head, self._frontier.root(), at)
        point = Checkpoint(bare.seq, bare.head, bare.root, bare.at, self._key.sign(bare.message()))
        checkpoint_file.append(self._file, point, public_hex(self._key))
        self._at, self._own = at, 0
        self._written = point.seq
        self._written_at = time.monotonic()
        self._tell(point)
        return point

    def _tell(self, point: Checkpoint) -> None:
        """The chain says that the checkpoint stands in the file."""
        with self._database.transaction() as tx:
            audit.append(tx, [checkpoint_file.fact(self._file, point)], self._clock())


def require(database: Database, file: Path) -> None:
    """Raises IntegrityError where the file lacks checkpoints that the chain speaks of."""
    checkpoint_file.held(database, file)


def give_up(database: Database, by: str, reason: str, at_us: int) -> None:
    """A person says that the earlier checkpoints, or their key, are lost. From here the chain is signed again, and keeps that statement.

    Raises MessageError without a person or a reason.
    """
    for name, text in (("by", by), ("reason", reason)):
        if not text.strip():
            raise MessageError("must not be empty", field=name, remedy="say who, and why, without a patient's name")
    with database.transaction() as tx:
        said = dump({"by": by.strip(), "reason": reason.strip()})
        audit.append(tx, [audit.Fact(uuid4(), 1, checkpoint_file.GIVEN_UP, 1, said)], at_us)


def verify(database: Database, file: Path, public_key: str, *, payloads: bool = True, site_keys: Sequence[str] = ()) -> Verified:
    """Checks every link, every payload that is there, and every checkpoint's signature and root; streams the chain.

    With payloads, what is charted, sent, seen and believed is held against the chain as well (store/covered).

    `public_key` (hex): whose signatures are believed, see `public_hex`; empty only where there are no checkpoints. `payloads` False:
    digests only, and `erased` counts all. `site_keys` as for `audit_keys.statements`.
    Raises IntegrityError that names the first row or checkpoint that does not hold.
    """
    if not payloads:
        return verification.links(database, file, public_key, site_keys).found
    return verification.verify(database, file, public_key, site_keys=site_keys).found
