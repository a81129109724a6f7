"""The EHR sandbox of `wince up` knows what an EHR would: whom the hospital admitted, and whose a visit is by now."""

from __future__ import annotations

from pathlib import Path

from tests.contract.census.feed import Feed, pid, pv1
from wince.hospital.site import Site
from wince.serve.up import Up
from wince.settings import Settings
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing.ehr.sandbox import EhrSandbox


def test_a_visit_is_the_patients_whose_it_was_last_said_to_be(database: Database, tmp_path: Path) -> None:
    """Corrected, merged, and corrected back: else all of its entries are dead letters."""
    feed, up = Feed(PostgresCensus(database), Site()), Up(Settings(state_dir=tmp_path))
    up.database = database
    with EhrSandbox(tmp_path / "ehr") as ehr:

        def whose() -> list[str]:
            up._acquaint(ehr)
            patients = {f"Patient/{one['id']}": one["identifier"][0]["value"] for one in ehr.resources("Patient")}
            return [patients[one["subject"]["reference"]] for one in ehr.resources("Encounter")]

        feed.tell("A01", "0800", pid("70001^^^HOSP^MR"), pv1())
        assert whose() == ["70001"]
        feed.tell("A08", "0810", pid("70002^^^HOSP^MR"), pv1())
        assert whose() == ["70002"]
        feed.tell("A40", "0820", pid("70003^^^HOSP^MR"), "MRG|70002^^^HOSP^MR")
        assert whose() == ["70003"]
        feed.tell("A08", "0830", pid("70001^^^HOSP^MR"), pv1())
        assert whose() == ["70001"]
    up.stop()
