"""Faces in frames: who is the patient, can the face be assessed, and what is seen of it."""
