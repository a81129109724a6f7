"""An audit trail for tests: facts of no kind, an erasure, and an owner of the database who rewrites the chain."""

from uuid import UUID, uuid4

from wince.domain.audit import ZERO, link
from wince.store import erasing
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.store.plain import dump


def facts(count: int) -> list[Fact]:
    return [Fact(uuid4(), 1, "noted", 1, f"payload {number}") for number in range(count)]


def fill(database: Database, count: int) -> list[Fact]:
    made = facts(count)
    with database.transaction() as tx:
        append(tx, made, 1_700_000_000_000_000)
    return made


def owner_rewrites(database: Database, seq: int, event: str) -> None:
    """What the database's owner can do: switch the trigger off, change a row, compute the whole chain again."""
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("UPDATE audit SET event = %s WHERE seq = %s", (event, seq))
        head = ZERO
        for row in tx.execute("SELECT seq, at_utc, entry, revision, event, attempt, digest FROM audit ORDER BY seq").fetchall():
            made = link(head, *row[:6], bytes(row[6]))
            tx.execute("UPDATE audit SET prev_hash = %s, hash = %s WHERE seq = %s", (head, made, row[0]))
            head = made


def erase(database: Database, entry: UUID) -> int:
    """Erase what the trail says of one thing, as retention does; how many payloads went."""
    with database.transaction() as tx:
        run = uuid4()
        erasing.begin(tx, run, 0, "retention", "n7", "")
        gone = erasing.payloads_of(tx, run, [entry])
        append(tx, [Fact(run, 1, "erasing", 1, dump({"what": "audit", "before_us": 0, "rows": gone}))], 0)
    return gone


def cut(database: Database, seq: int) -> None:
    """Rows behind one are gone, as in an older backup."""
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("DELETE FROM audit WHERE seq > %s", (seq,))
        tx.execute("DELETE FROM audit_payload WHERE place NOT IN (SELECT coalesce(payload, seq) FROM audit)")
