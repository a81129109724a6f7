"""The probe that says whether a face is covered: what it is fitted on, and how (`wince lab train covers`)."""
