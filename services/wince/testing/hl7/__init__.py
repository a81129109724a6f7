"""An HL7 v2 sender for demonstrations and tests: makes ADT messages and sends them over MLLP."""

from wince.testing.hl7.message import Person, adt
from wince.testing.hl7.send import code, send

__all__ = ["Person", "adt", "code", "send"]
