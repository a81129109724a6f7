"""SMART Backend Services scopes that Wince asks for (SMART App Launch 2, scopes of a system)."""

WRITER_SCOPE = (
    "system/Observation.crus system/Task.crus system/Provenance.crus system/AuditEvent.crus system/Device.crus "
    "system/Patient.rs system/Encounter.rs"
)
"""What Wince's writer needs."""
