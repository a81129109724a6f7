"""FHIR R4 on the wire, free of meaning: invariants of resources, a bounded client, SMART Backend Services."""
