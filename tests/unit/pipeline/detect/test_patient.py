"""Which face is the patient's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.pipeline.detect.patient import ALONE_US, FORGET_IN_REGION_US, FORGET_US, Memory, choose

SIZE = (400, 300)


def box(x: float, side: float = 80.0, y: float = 150.0) -> np.ndarray:
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)


def test_one_much_larger_is_the_patient() -> None:
    assert choose([box(100, 50), box(300, 90)], Memory(), None, SIZE, 0).index == 1
    assert choose([box(100, 80), box(300, 90)], Memory(), None, SIZE, 0).reason is Reason.SEVERAL


def test_the_memory_of_the_patient_ends_sooner_where_a_region_vouches() -> None:
    memory = Memory(box(100), 0)
    elsewhere = [box(300)]
    assert choose(elsewhere, memory, None, SIZE, FORGET_US - 1).reason is Reason.NOT_PATIENT
    assert choose(elsewhere, memory, None, SIZE, FORGET_US).index == 0
    assert choose(elsewhere, memory, (0, 0, 1, 1), SIZE, FORGET_IN_REGION_US - 1).reason is Reason.NOT_PATIENT
    assert choose(elsewhere, memory, (0, 0, 1, 1), SIZE, FORGET_IN_REGION_US).index == 0


def test_a_face_of_another_size_in_the_same_place_is_not_the_patient() -> None:
    assert choose([box(100, 160)], Memory(box(100, 80), 0), None, SIZE, US).reason is Reason.NOT_PATIENT


def test_who_remains_of_several_is_believed_only_after_a_while() -> None:
    memory = choose([box(100), box(300)], Memory(), None, SIZE, 0).memory
    assert choose([box(300)], memory, None, SIZE, ALONE_US - 1).reason is Reason.SEVERAL
    assert choose([box(300)], memory, None, SIZE, ALONE_US).index == 0


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(20, 150)), max_size=4), st.integers(0, 20), st.booleans())
def test_a_known_patient_is_never_swapped_for_a_face_elsewhere(faces: list[tuple[float, float]], seconds: int, region: bool) -> None:
    patient = box(100)
    boxes = [box(x, side) for x, side in faces]
    chosen = choose(boxes, Memory(patient, 0), (0, 0, 1, 1) if region else None, SIZE, min(seconds, 9) * US)
    assert (chosen.index is None) == (chosen.reason is not None)
    if chosen.index is not None:
        x, side = faces[chosen.index]
        assert abs(x - 100) <= max(side, 80) + 1e-3
        assert side <= 80 * 1.71
