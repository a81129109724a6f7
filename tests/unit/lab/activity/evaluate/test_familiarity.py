"""How far a face lies from training's, and whether that tells wrong scores."""

import numpy as np

from wince.lab.activity.evaluate import familiarity


def test_distance_is_small_at_home_and_grows_by_direction() -> None:
    rng = np.random.default_rng(5)
    reference = rng.normal(3, (1.0, 10.0), (4000, 2))
    near, along, across = familiarity.distance(reference, np.array([[3.0, 3.0], [3.0, 33.0], [33.0, 3.0]]))
    assert near < 0.1
    assert across > 1.5 * along > 1.5
