"""Wince: grades pain from a patient's face on video, and writes it into the record with a trail that proves it.

Research use, not validated, adjunct to a nurse's judgement.
"""

__version__ = "0.1.0"
