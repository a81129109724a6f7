"""Record: what was found becomes entries in the patient's record, deliveries and an audit trail."""
