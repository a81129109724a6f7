"""DICOM objects made of clips and pictures, for tests, demonstrations and `wince dicom send`. Needs the extra `imaging`."""
