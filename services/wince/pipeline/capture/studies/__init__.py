"""DICOM objects as sources: what they say of patient and time, their pictures, and taking them in. Needs the extra `imaging`."""
