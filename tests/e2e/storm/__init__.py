"""An ADT storm: a model of a hospital, the messages its interface engine would send, and what must stand in the record.

`hospital.py` knows the truth, `feed.py` writes it as HL7 v2 as real senders do, `oracle.py` compares. None of them knows `wince.hospital`.
"""
