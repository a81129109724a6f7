"""A ward on an ensemble that costs 300 ms a crop: through the real stage, on a clock that only the slow member moves."""

from collections import Counter

import numpy as np
import pytest
import simplejpeg

from wince.domain.clip import Clip
from wince.domain.estimate import Reading
from wince.domain.face import Face
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.scales import ICU
from wince.models.ensemble import Answer
from wince.pipeline.estimate import stage
from wince.pipeline.estimate.ensemble import ClipEnsembleScorer, EnsembleScorer
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.ration import Ration
from wince.runners.estimate import Estimating

CLASSES = ("relaxed", "tense", "grimace")
BEDS, RATE, SECONDS, COST_S, BUDGET_S, AGE_S = 10, 5, 40, 0.3, 3.0, 10
CLIP = Clip(("m",), 4, 5.0)


def jpeg(grey):
    pixels = np.full((224, 224, 3), grey, np.uint8)
    pixels[60:160, 60:160] = 255 - grey
    return simplejpeg.encode_jpeg(pixels, colorspace="RGB")


CALM, CHANGED = jpeg(90), jpeg(200)


class Smiles:
    model_set = ""

    def score(self, faces):
        return [Score(Reading(0.0, 1.0, np.zeros(6, np.float32), 0.0)) for _ in faces]


class Slow:
    """Says "relaxed" of everything, and takes its time, on the clock that is given."""

    fault, hashes, ready = None, {"m": ""}, True

    def __init__(self, clock):
        self.clock = clock

    def answer(self, crops, clips=()):
        count = len(clips) or len(crops)
        self.clock[0] += COST_S * count
        rows = np.tile(np.array([1, 0, 0], np.float32), (count, 1))
        return Answer(np.zeros(count, np.int32), {"m": rows}, rows)


def ward(rates):
    """Faces of beds, by time: each bed's picture changes in one face of ten."""
    faces = []
    for bed, rate in rates.items():
        for at in range(SECONDS * rate):
            crop = CHANGED if at % 10 == 5 else CALM
            faces.append(Face(bed, at, at * US // rate, (640, 480), None, 1, None, None, None, None, None, crop))
    return sorted(faces, key=lambda face: (face.time_us, face.source))


def watched(rates, seers):
    """What comes of a ward, and how far behind its time the stage was at each batch, seconds."""
    clock, faces = [0.0], ward(rates)
    ration = Ration(RATE, BUDGET_S, clock=lambda: clock[0])
    common = (Slow(clock), Smiles(), ICU, CLASSES, "x")
    scorer = ClipEnsembleScorer(*common, CLIP, ration) if seers else EnsembleScorer(*common, ration)
    state, out, behind, at = stage.State(), [], [], 0
    while at < len(faces):
        clock[0] = max(clock[0], faces[at].time_us / US)  # nobody has come yet: wait for the next
        batch = [one for one in faces[at : at + Estimating.batch] if one.time_us <= clock[0] * US]
        behind.append(clock[0] - batch[0].time_us / US)
        state, made = stage.step(state, batch, round(clock[0] * US), scorer, AGE_S * US)
        out += made
        at += len(batch)
    return faces, out, behind


@pytest.mark.parametrize("seers", [False, True], ids=["crops", "clips"])
def test_a_slow_member_can_t_choke_a_ward(seers):
    """Fifty faces a second where three can be asked for: every face has its estimate, at once late or with a number; the stage is never
    further behind than `max_age` and two batches; no bed gets more than another; faces that changed are preferred."""
    faces, out, behind = watched({f"bed{bed}": RATE for bed in range(BEDS)}, seers)
    assert [(one.source, one.time_us) for one in out] == [(one.source, one.time_us) for one in faces]
    assert {one.reason for one in out} <= {None, Reason.LATE, Reason.GAP}
    assert max(behind) <= AGE_S + 2 * BUDGET_S
    scored = [(face, one) for face, one in zip(faces, out, strict=True) if one.reading is not None]
    per_bed = Counter(one.source for _, one in scored)
    assert len(per_bed) == BEDS
    assert min(per_bed.values()) >= 0.7 * max(per_bed.values())  # the last of a batch comes first in the next
    assert len(scored) >= 0.6 * SECONDS / COST_S
    changed = sum(face.crop is CHANGED for face, _ in scored) / len(scored)
    assert changed > 0.2  # one face of ten changed


def test_a_camera_that_floods_takes_nothing_from_the_others():
    """At twenty-five faces a second where five are allowed, beside a bed at its rate and a server that keeps up with both rates."""
    slow = {"bed0": 1, "flood": 25}
    _, out, _ = watched(slow, seers=False)
    per_bed = Counter(one.source for one in out if one.reading is not None)
    assert per_bed["bed0"] >= 0.9 * SECONDS
    assert per_bed["flood"] <= RATE * SECONDS
