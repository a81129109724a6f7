"""The recipe of the corpus and of the test, as data. Fixed before any training: a change needs another VERSION.

The test reads as the aim asks: half of the stills are plain (near frontal, free, sharp), every distractor occurs, and less than a
quarter are mixtures of units drawn independently of each other.
"""

VERSION = 1
"""Stands in every file; a file of another version is refused."""
TRAIN = range(40000, 40870)
VALIDATION = range(44000, 44030)
"""For stopping and for thresholds."""
LOOKS = range(41000, 41560)
"""More persons to train on, each of a look of their own (looks.py)."""
LOOKS_VALIDATION = range(44100, 44124)
"""Persons of such looks for stopping, confidence and thresholds; expressions and poses as in the test."""
TEST = range(45000, 45060)
"""Persons (seeds). No part shares one, and none appears in a clip (seeds below 1000) or another lab's corpus."""
PARTS = {"test": TEST, "validation": VALIDATION, "train": TRAIN, "looks-validation": LOOKS_VALIDATION, "looks": LOOKS}
STILLS = 20
"""Per person, the calm ones among them."""
CALM = 4
"""The first stills of each person: neutral, nearly frontal, free. Only the source of the calm face, never scored in a table."""

KINDS = {
    "pain": 0.34, "mixture": 0.18, "neutral": 0.08, "smile": 0.06, "laugh": 0.05, "smile_squint": 0.02, "speech": 0.05, "blink": 0.02,
    "sleep": 0.03, "yawn": 0.03, "surprise": 0.03, "sadness": 0.02, "anger": 0.02, "disgust": 0.02, "squint": 0.01, "crying": 0.02,
    "chewing": 0.02,
}  # fmt: skip
"""Share of each kind of expression among the stills that aren't calm."""
KINDS_OF_LOOKS = KINDS | {
    "pain": 0.28, "mixture": 0.13, "neutral": 0.11, "smile": 0.06, "laugh": 0.07, "smile_squint": 0.05, "speech": 0.05, "blink": 0.04,
    "sleep": 0.05, "yawn": 0.03,
}  # fmt: skip
"""The same for LOOKS: what was told from pain worst occurs more often."""
CONDITIONS = {"plain": 0.50, "turned": 0.20, "degraded": 0.18, "occluded": 0.08, "extreme": 0.04}
"""How the face is shown: turned up to 45 degrees of yaw; blurred, noisy, compressed or dim; covered; turned 45 to 60 degrees."""
NO_PAIN = (
    *("neutral", "smile", "laugh", "smile_squint", "speech", "blink", "sleep", "yawn", "surprise", "sadness", "crying", "chewing"),
    "calm",
)
"""Kinds on which the gated activity is 0 by definition. Disgust, anger and squint share pain's units: there it is their PSPI."""
DISTRACTORS = ("smile", "laugh", "smile_squint", "speech", "blink", "sleep", "yawn", "surprise", "neutral")
"""Kinds that the table compares with pain one by one."""
APART = ("disgust", "anger", "squint")
"""Kinds that are reported apart."""
COVERS = ("mask", "tube", "hand", "bandage", "pillow")
TWO_FACES = 0.05
"""Share of persons who have a second face beside them."""
UNITS = ("au4", "au6", "au7", "au9", "au10", "au43", "au12", "au25", "au26", "au27")
"""Truth of each still; AU43 0-1, else 0-5."""
