"""A FHIR R4 server as a target: entries become resources, resources become requests."""
