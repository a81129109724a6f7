"""What a clinical protocol says about making a site's own model, as data. One class per table below [train] and for the members of
[estimate]; checked like the rest (check_train.py). Nothing here is used to grade.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Member:
    """[[estimate.members]]: one model that a site trains."""

    name: str
    """The trained file's name, such as "icu-resnet34"."""
    backbone: str
    """resnet34, resnet50, vgg16, inceptionv1, cnn (layers in [train]) or bilstm."""
    sees: str = "image"
    """image: one crop; clip: the last `frames` crops."""
    start: str = "imagenet"
    """Weights that training starts from: imagenet, vggface2, fer2013; none: from nothing."""
    frames: int = 0
    """Crops of a clip; 0 for a member that sees one."""
    rate_hz: float = 0.0
    """Crops a second of a clip; 0 for a member that sees one."""


@dataclass(frozen=True, slots=True)
class Augment:
    """[train.augment]: how a crop is varied in training."""

    rotate_degrees: float = 0.0
    """Degrees, at most, either way."""
    flip: bool = False
    """Left and right."""
    crop: float = 0.0
    """Up to this share of the side is cut away, 0-1."""
    translate: float = 0.0
    """Up to this share of the side, 0-1."""


@dataclass(frozen=True, slots=True)
class Search:
    """[train.search]: Bayesian optimization of the optimizer's numbers."""

    trials: int
    """Trials at most."""
    lr: tuple[float, ...]
    """Lowest and highest; searched on a logarithmic scale, as l2 is."""
    momentum: tuple[float, ...]
    """Lowest and highest."""
    l2: tuple[float, ...]
    """Lowest and highest."""


@dataclass(frozen=True, slots=True)
class Task:
    """[[train.tasks]]: one question that is put to the model and validated on its own; a grade may be left out of it."""

    name: str
    """What the question is called."""
    positive: tuple[str, ...] = ()
    """Grades that count as yes; empty with `negative`: every grade is a class of its own."""
    negative: tuple[str, ...] = ()
    """Grades that count as no."""


@dataclass(frozen=True, slots=True)
class TrainRules:
    """[train]: how a site makes its own model for this protocol."""

    method: str
    """Name of the trainer; "none" where nothing is trained."""
    note: str = ""
    """For people."""
    split: str = "patient"
    """patient: held-out patients; leave-one-out: each patient once. Never by image: that leaks patients."""
    frames: str = "all"
    """all sampled frames of a clip, or key: its key frames (domain/keyframes.py)."""
    sets: tuple[str, ...] = ()
    """Data sets kept apart; each trains and each tests."""
    tasks: tuple[Task, ...] = ()
    """Questions that are validated on their own."""
    metrics: tuple[str, ...] = ()
    """Figures that the source reports."""
    head: tuple[int, ...] = ()
    """Sizes of the dense layers behind the backbone, the classes last; empty: the backbone's own, with the classes."""
    dropout: float = 0.0
    """Share of the head's units that are left out in a step."""
    batch_norm: bool = False
    """Batch normalization in the head."""
    layers: tuple[str, ...] = ()
    """Layers of a member with backbone "cnn", in order: "conv SIDE CHANNELS", "pool SIDE", "dense SIZE", "dropout SHARE"."""
    optimizers: tuple[str, ...] = ()
    """The first is used, the others were compared: sgdm, adam, rmsprop."""
    lr: float | None = None
    """Learning rate."""
    momentum: float | None = None
    """Of the optimizer sgdm."""
    l2: float | None = None
    """Weight of the L2 penalty."""
    iterations: int | None = None
    """Steps of training."""
    early_stop: str = "none"
    """validation: on patients who are neither trained nor tested on; none. Never on the test patient."""
    augment: Augment = field(default_factory=Augment)
    """How crops are varied."""
    search: Search | None = None
    """How the optimizer's numbers are searched for; absent: they are not."""
