"""The clips that ship with Wince, played as bedside cameras: NAME.mp4, NAME.csv (the truth) and index.json. See NOTICE."""

from pathlib import Path

NAMES = ("bed1", "bed2", "bed3")
"""calm, pain, calm; calm, speech, smile (no pain); calm, dark, calm."""


def clip(name: str) -> Path:
    """Path of a bundled clip's mp4; its truth lies beside it as NAME.csv.

    >>> clip("bed1").name
    'bed1.mp4'
    """
    return Path(__file__).parent / f"{name}.mp4"


def truth(name: str) -> Path:
    """Path of a bundled clip's truth table, columns as in wince.lab.synthesize.scene.TRUTH_COLUMNS."""
    return clip(name).with_suffix(".csv")
