"""DICOM on the wire, free of meaning: who may connect, what may be sent, how large. Needs the extra `imaging`, but for the tables."""
