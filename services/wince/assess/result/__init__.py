"""What an input comes to, and how it is said: on the screen, in JSON and CSV, in a notebook, aloud."""

from wince.assess.result.clip_result import ClipResult
from wince.assess.result.values import FrameRow, Headline, Held, KeyFrame, Reading

__all__ = ["ClipResult", "FrameRow", "Headline", "Held", "KeyFrame", "Reading"]
