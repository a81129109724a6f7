"""Several protocols read the same faces: each by its own scorer, each with a state of its own. A fold, as `stage.step`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.pipeline.estimate import stage
from wince.pipeline.estimate.interface import Scorer

States = Mapping[str, stage.State]
"""By protocol; begin with an empty one."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads faces for a protocol."""

    protocol: str
    scorer: Scorer
    max_age_us: int
    """An older face is LATE."""
    rule: str = ""
    """sha256 (hex) of the protocol's canonical rules, written into each estimate: grade takes only those of its own rules."""


def step(
    states: States, batch: Sequence[Face | Beat], now_us: int, readers: Sequence[Reader]
) -> tuple[States, list[list[Estimate | Beat]]]:
    """What comes of each message of a batch, in order: of a face an estimate for each of its protocols, of a beat the beat.

    A face that names no protocol is the first reader's. One whose protocol has no reader gives nothing: grade calls that a gap. Raises
    as `stage.step`; then nothing was done.
    """
    after: dict[str, stage.State] = {}
    out: list[list[Estimate | Beat]] = [[message] if isinstance(message, Beat) else [] for message in batch]
    for reader in readers:
        default = (readers[0].protocol,)
        mine = [at for at, message in enumerate(batch) if isinstance(message, Beat) or reader.protocol in (message.protocols or default)]
        state = states.get(reader.protocol) or stage.State()
        after[reader.protocol], found = stage.step(state, [batch[at] for at in mine], now_us, reader.scorer, reader.max_age_us)
        for at, message in zip(mine, found, strict=True):
            if isinstance(message, Estimate):
                out[at].append(replace(message, protocol=reader.protocol, rule=reader.rule))
    return after, out
