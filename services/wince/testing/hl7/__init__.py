"""An HL7 v2 sender for demonstrations and tests: makes ADT and ORU messages and sends them over MLLP."""

from wince.testing.hl7.message import Person, adt, oru
from wince.testing.hl7.send import code, send

__all__ = ["Person", "adt", "code", "oru", "send"]
