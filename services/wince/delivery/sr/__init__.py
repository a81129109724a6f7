"""What is charted, as DICOM Structured Reports (TID 1500), and an image archive that takes them as a target."""
