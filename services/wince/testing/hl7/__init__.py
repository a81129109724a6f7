"""An HL7 v2 sender for demonstrations and tests: makes ADT messages and sends them over MLLP."""
