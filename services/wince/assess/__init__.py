"""Grading a clip, a folder or a picture without a hospital around, and handing over a report."""
