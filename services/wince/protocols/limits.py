"""What a key of a protocol may hold, where that depends on no other key. check.py asks it, reference.py shows it.

Keys are those of the file, with [] for each member of a list: "estimate.members[].frames".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DAY_S = 86_400
MAX_PER_DAY = 40
"""No protocol may chart more entries a day besides alerts."""
MAX_TEXT = 1_000
"""Letters of a text."""
MAX_LIST = 100
"""Members of a list."""
MAX_GRADES = 20


@dataclass(frozen=True, slots=True)
class Span:
    """A number from `low` to `high`."""

    low: float
    high: float
    above: bool = False
    """`low` itself is excluded."""
    below: bool = False
    """`high` itself is excluded."""

    def holds(self, value: float) -> bool:
        """Whether a number lies in it; NaN lies nowhere."""
        return (self.low < value if self.above else self.low <= value) and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        return f"{'above ' if self.above else ''}{low} {'to below' if self.below else 'to'} {high}"


_SHARE, _PART, _DAY = Span(0, 1), Span(0, 1, below=True), Span(0, DAY_S)
_RATE = Span(0, 1e9, above=True)
NUMBERS: Mapping[str, Span] = {
    "detect.rate_hz": Span(0, 60, above=True),
    "detect.min_size_px": Span(8, 2000),
    "detect.min_brightness": Span(0, 254),
    "detect.min_sharpness": Span(0, 1e6),
    "detect.max_yaw": Span(0, 90, above=True),
    "detect.max_pitch": Span(0, 90, above=True),
    "detect.max_roll": Span(0, 180, above=True),
    "detect.max_occlusion": _SHARE,
    "detect.min_presence": _SHARE,
    "detect.search_every_s": Span(0, 60, above=True),
    "detect.dim_share": _SHARE,
    "estimate.weights[]": _RATE,
    "estimate.max_age_s": Span(0, 3600, above=True),
    "window.length_s": Span(1, 3600),
    "window.min_share": Span(0, 1, above=True),
    "grade.min_confidence": _SHARE,
    "grade.alert.stable_s": _DAY,
    "grade.alert.clear_after_s": _DAY,
    "grade.question.after_s": _DAY,
    "grade.question.unassessable_after_s": _DAY,
    "grade.question.repeat_after_s": _DAY,
    "grade.conflict.min_smile": Span(0, 1, above=True),
    "grade.calm.min_frames": Span(1, 1_000_000),
    "chart.every_s": Span(3600, DAY_S),
    "chart.min_gap_s": _DAY,
    "chart.unassessable_after_windows": Span(1, 1_000_000),
    "train.head[]": Span(1, 1_000_000),
    "train.dropout": _PART,
    "train.lr": _RATE,
    "train.momentum": _RATE,
    "train.l2": _RATE,
    "train.iterations": _RATE,
    "train.augment.rotate_degrees": Span(0, 180),
    "train.augment.crop": _PART,
    "train.augment.translate": _PART,
    "train.search.trials": Span(1, 1_000_000),
    "train.search.lr[]": _RATE,
    "train.search.momentum[]": _RATE,
    "train.search.l2[]": _RATE,
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "population.state": ("any", "awake", "sedated"),
    "detect.detector": ("blazeface", "mtcnn"),
    "detect.crop": ("mesh", "points", "padded"),
    "estimate.scorer": ("activity", "ensemble"),
    "estimate.fusion": ("mean", "weighted", "majority"),
    "estimate.members[].backbone": ("resnet34", "resnet50", "vgg16", "inceptionv1", "cnn", "bilstm"),
    "estimate.members[].sees": ("image", "clip"),
    "estimate.members[].start": ("imagenet", "vggface2", "fer2013", "none"),
    "train.split": ("patient", "leave-one-out"),
    "train.frames": ("all", "key"),
    "train.optimizers[]": ("sgdm", "adam", "rmsprop"),
    "train.early_stop": ("none", "validation"),
    "codes.category": (
        "survey", "vital-signs", "exam", "activity", "procedure", "therapy", "imaging", "laboratory", "social-history",
    ),
}  # fmt: skip
"""Words, of which a key holds one."""
