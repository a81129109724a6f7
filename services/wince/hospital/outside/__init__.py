"""The census from outside: a list (CSV, FHIR) of who lies where, compared with what is believed, and taken in where it is safe."""
