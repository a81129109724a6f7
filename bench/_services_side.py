"""Beds without cameras, for bench/services.py: STATE BOOTSTRAP PREFIX BEDS WINDOWS. Signs in as estimate, with its password in STATE.

Publishes in real time what estimate would publish for BEDS cameras of 5 frames a second, on Kafka: estimates of the bundled clip (with
their embeddings), calm ones and ones of pain, so that every window of every bed raises an alert. Cameras are out of step with each
other by a fraction of a frame; windows end everywhere at once, as they do in a hospital. What the generator is late counts as latency
of whoever is measured.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from wince import codec
from wince.bus.kafka import KafkaBus
from wince.bus.topics import ESTIMATES
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.pipeline.capture.file import FileSource
from wince.protocols.loader import load
from wince.serve import broker, chain
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.testing.clips import clip

WINDOW_S, RATE = 5, 5
PAIN = range(8, 22)
"""Which of the 25 frames of a window show pain."""


def templates(path: Path) -> tuple[list[Estimate], list[Estimate]]:
    """Estimates of the clip's calm face, and of its pain."""
    protocol = load("activity")
    front = chain.build(Settings(), [protocol])
    found = [out for message in FileSource(path, "bench", rate_hz=RATE) for out in front(message) if isinstance(out, Estimate)]
    calm = [one for one in found if one.reading is not None and one.reading.score < 1]
    pain = [one for one in found if one.reading is not None and one.reading.score > 5 and one.reading.smile < 0.2]
    if not calm or not pain:
        raise RuntimeError(f"the clip shows {len(calm)} calm frames and {len(pain)} of pain")
    return calm, pain


def play(bus: KafkaBus, prefix: str, beds: int, windows: int, calm: list[Estimate], pain: list[Estimate]) -> None:
    """Publish `windows` windows of all beds."""
    begins_us = (time.time_ns() // 1000 // (WINDOW_S * US) + 1) * WINDOW_S * US
    for number in range(windows * WINDOW_S * RATE):
        for bed in range(beds):
            source, due_us = f"{prefix}-{bed}", begins_us + (number * US + bed * US // beds) // RATE
            time.sleep(max(0.0, due_us / US - time.time()))
            kind = pain if number % (WINDOW_S * RATE) in PAIN else calm
            messages: list[Estimate | Beat] = [replace(kind[number % len(kind)], source=source, sequence=number, time_us=due_us)]
            if number % RATE == 0:
                second_us = begins_us + number // RATE * US
                messages.insert(0, Beat(source, second_us, frames=RATE, dropped=0, corrupt=0))
            _send(bus, source, messages)
    end_us = begins_us + windows * WINDOW_S * US
    time.sleep(max(0.0, end_us / US - time.time()))
    for bed in range(beds):
        _send(bus, f"{prefix}-{bed}", [Beat(f"{prefix}-{bed}", end_us, frames=RATE, dropped=0, corrupt=0, ended=True)])


def _send(bus: KafkaBus, source: str, messages: list[Estimate | Beat]) -> None:
    for message in messages:
        schema, value = codec.encode(message)
        bus.publish(ESTIMATES, source, value, {"schema": schema.encode()})


def main() -> None:
    """From the command line. Says "ready" first, and goes on when it is given a line."""
    state, bootstrap, prefix, beds, windows = sys.argv[1:]
    calm, pain = templates(clip("bed1"))
    settings = Settings(state_dir=Path(state))
    bus = KafkaBus(broker.options(broker.beside(settings, Places.of(settings), bootstrap, "estimate")), "estimate")
    print("ready", flush=True)
    sys.stdin.readline()
    play(bus, prefix, int(beds), int(windows), calm, pain)
    bus.close()


if __name__ == "__main__":
    main()
