"""Fakes that ship: an EHR with faults, an HL7 sender, real peers for tests."""
