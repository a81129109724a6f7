"""How long a delivery that failed waits."""

import random

from wince.delivery.outbox import backoff_s


def test_backoff_grows_to_its_cap_and_never_undercuts_what_was_asked() -> None:
    jitter = random.Random(1)
    waits = [[backoff_s(attempt, None, jitter) for _ in range(300)] for attempt in (1, 5, 30)]
    assert max(waits[0]) <= 1 < max(waits[1]) <= 16 < max(waits[2]) <= 300
    assert min(backoff_s(1, 20.0, jitter) for _ in range(20)) >= 20.0
    assert backoff_s(1, 1e9, jitter) == 3600.0
