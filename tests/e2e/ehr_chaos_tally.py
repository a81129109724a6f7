"""What an EHR holds after the chaos, against what was to be delivered."""

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

from wince.domain.ids import related_id
from wince.store.database import Database


def compare(database: Database, file: Path) -> tuple[int, int]:
    """(what the EHR lacks, what it has too often), by the outbox and every version that the EHR holds."""
    with database.transaction() as tx:
        found = tx.execute("SELECT body FROM outbox ORDER BY effective, revision, made").fetchall()
    bodies = [json.loads(body) for (body,) in found]
    mains: dict[str, list[str]] = {}
    beside: set[str] = set()
    for bundle in bodies:
        entries = bundle["entry"]
        main = entries[0]["resource"]
        entry, _, revision = bundle["identifier"]["value"].partition("|")
        beside.add(f"AuditEvent/{related_id(UUID(entry), int(revision), 'audit')}")
        mains.setdefault(main["identifier"][0]["value"], []).append(main["status"])
        beside |= {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries[1:]}
    held: dict[str, list[list[str]]] = {}
    there: Counter[str] = Counter()
    with sqlite3.connect(file) as db:
        for kind, identity, body in db.execute("SELECT type, id, body FROM version ORDER BY type, id, version"):
            resource = json.loads(body)
            if kind in ("Observation", "Task"):
                name = resource["identifier"][0]["value"]
                versions = held.setdefault(name, [])
                if resource["meta"]["versionId"] == "1":
                    versions.append([])
                versions[-1].append(resource["status"])
            elif kind == "AuditEvent" and not _of_a_write(resource):
                continue  # of a search or a failure: one for each
            elif kind in ("Provenance", "AuditEvent", "Device"):
                there[f"{kind}/{identity}"] += 1
    lost = sum(held.get(name, [[]])[0][-1:] != wanted[-1:] for name, wanted in mains.items())
    lost += sum(name not in there for name in beside)
    doubled = sum(len(found) - 1 + sum(len(one) - len(set(one)) for one in found) for found in held.values())
    doubled += len(held.keys() - mains.keys()) + len(there.keys() - beside)
    return lost, doubled


def _of_a_write(event: dict[str, Any]) -> bool:
    return event["outcome"] == "0" and event["subtype"][0]["code"] in ("create", "update")
