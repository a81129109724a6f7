"""What dies while records flow: each broker in turn, one frozen, one that forgets, all of it. Nothing acknowledged is lost.

One that is really cut off, and runs: test_kafka_cut.py."""

import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kafka_world import Load, eventually, in_sync, kafka
from wince.testing.peers import KafkaPeer, available

pytestmark = [pytest.mark.peer, pytest.mark.timeout(900)]
ROUNDS = int(os.environ.get("ROUNDS", "20"))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaPeer]:
    with kafka(tmp_path_factory.mktemp("three"), 3) as peer:
        yield peer


@pytest.fixture
def load(three: KafkaPeer) -> Iterator[Load]:
    made = Load(three, f"test.{uuid.uuid4().hex[:12]}.v1")
    yield made
    made.close()


def settle(load: Load) -> None:
    load.end()
    assert not load.refused
    assert load.lost == set()
    assert load.in_order()


def test_each_of_three_brokers_killed_in_turn(three: KafkaPeer, load: Load) -> None:
    """kill -9 of one, records go on through the other two; it comes back; then the next."""
    load.wait_for_more()
    for node in range(3):
        three.kill(node)
        load.wait_for_more()
        three.restart(node)
        load.wait_for_more()
    settle(load)


def test_a_broker_of_three_that_forgets(three: KafkaPeer, load: Load) -> None:
    """Killed, its data wiped, started again empty: the others have everything, and it takes part again."""
    load.wait_for_more()
    three.wipe(0)
    load.wait_for_more()
    three.restart(0)
    load.wait_for_more()
    settle(load)


@pytest.mark.slow
def test_a_broker_frozen_for_20_s(three: KafkaPeer, load: Load) -> None:
    """It holds its connections and says nothing; clients turn to the others; when it wakes it has nothing to say that counts."""
    load.wait_for_more()
    three.freeze(1)
    try:
        frozen = time.monotonic()
        load.wait_for_more(timeout_s=60)
        time.sleep(max(0.0, 20 - (time.monotonic() - frozen)))
    finally:
        three.thaw(1)
    load.wait_for_more()
    settle(load)


def test_the_only_broker_killed_and_started_again(tmp_path: Path) -> None:
    """Publishers wait, nothing fails, order holds."""
    with kafka(tmp_path, 1) as peer:
        load = Load(peer, "test.one.v1")
        try:
            load.wait_for_more()
            peer.kill()
            time.sleep(1)
            peer.restart()
            load.wait_for_more()
            settle(load)
        finally:
            load.close()


def test_a_broker_killed_while_it_starts(tmp_path: Path) -> None:
    """It is started again; who waits for it sees nothing of that."""
    if reason := available():
        pytest.skip(reason)
    peer = KafkaPeer(tmp_path)
    starts = threading.Thread(target=peer.start)
    starts.start()
    try:
        assert eventually(lambda: peer.pid(0) is not None)
        before = peer.pid(0)
        peer.kill(0)
        starts.join(120)
        assert peer.pid(0) not in (None, before)
    finally:
        starts.join(120)
        peer.stop()


def test_the_only_broker_forgets_everything(tmp_path: Path) -> None:
    """Topics, groups, producers' identities, records: all gone. The topic is made anew, publishers and consumers go on by themselves;
    what had been handled stays handled, what was unacknowledged is sent again, order holds."""
    with kafka(tmp_path, 1) as peer:
        load = Load(peer, "test.one.v1")
        try:
            load.wait_for_more()
            handled = set(load.came)
            peer.wipe()
            wiped_at = set(load.acknowledged)
            peer.restart()
            load.wait_for_more(timeout_s=90)
            load.end(but=wiped_at)
            assert not load.refused
            assert handled <= set(load.came)
            assert load.lost <= wiped_at, "what was acknowledged after the loss must come"
            assert load.in_order()
        finally:
            load.close()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(0)
def test_long(three: KafkaPeer) -> None:
    """ROUNDS rounds: kill, wipe or freeze a broker of three, at random."""
    dice = random.Random(7)
    load = Load(three, f"test.{uuid.uuid4().hex[:12]}.v1")
    try:
        for number in range(ROUNDS):
            node, what = dice.randrange(3), dice.choice(["kill", "wipe", "freeze", "terminate"])
            getattr(three, what)(node)
            time.sleep(dice.uniform(0, 20 if what == "freeze" else 3))
            load.wait_for_more(50)
            three.thaw(node) if what == "freeze" else three.restart(node)
            load.wait_for_more(50)
            print(f"round {number + 1}: {what} {node}, {len(load.acknowledged)} acknowledged, {load.doubled} twice", flush=True)
            eventually(lambda: in_sync(three, load.topic), 60)
        settle(load)
        print(f"chaos-kafka: {ROUNDS} rounds, {len(load.acknowledged)} acknowledged, lost {len(load.lost)}, came twice {load.doubled}")
    finally:
        load.close()
