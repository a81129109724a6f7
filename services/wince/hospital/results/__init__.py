"""Scores that the hospital sends: patients' own words and nurses' own numbers, in ORU messages."""
