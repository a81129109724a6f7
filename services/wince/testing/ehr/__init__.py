"""The EHR sandbox: a FHIR R4 server on this machine that signs clients in, keeps what it is given, and fails on demand.

    ehr = EhrSandbox(directory)
    base_url = ehr.start()                      # http://127.0.0.1:<free port>/fhir
    ehr.seed([mrn], [(visit, mrn)])             # patients, encounters, by their identifiers
    credentials = ehr.new_client()              # a registered SMART client with its private key
    ehr.faults.add("status", on="create", status=429, retry_after_s=1, count=3)
    ehr.faults.add("commit_then_timeout", on="create", rate=0.1, seconds=5)
    ehr.resources("Observation")                # what stands in the record
    ehr.stop()

The same faults over HTTP: POST /admin/faults with {"effect": "status", "on": "create", "status": 429, "count": 3}; GET lists them
with their hits, DELETE clears them.
"""

from wince.testing.ehr.faults import Fault, Faults
from wince.testing.ehr.sandbox import Credentials, EhrSandbox

__all__ = ["Credentials", "EhrSandbox", "Fault", "Faults"]
