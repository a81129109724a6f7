"""Where a successor must begin to read."""

from wince.bus.interface import Partition, Record
from wince.runners.positions import Uncovered

TOPIC = "t"


def record(offset: int, partition: int = 0) -> Record:
    return Record(TOPIC, "k", b"", partition=partition, offset=offset)


def test_the_oldest_record_that_no_snapshot_covers():
    """Of whichever source; everything covered: after the last."""
    known = Uncovered()
    for offset, source, until in ((0, "a", 10), (1, "b", 10), (2, "a", 20)):
        known.handled(record(offset), source, until, 0.0)
    assert known.positions() == {Partition(TOPIC, 0): 0}
    known.covered({"a": 10}, 0.0)
    assert known.positions() == {Partition(TOPIC, 0): 1}
    known.covered({"a": 20, "b": 9}, 0.0)
    assert known.positions() == {Partition(TOPIC, 0): 1}
    known.covered({"b": 10}, 0.0)
    assert known.positions() == {Partition(TOPIC, 0): 3}
    assert known.sources() == set()


def test_a_record_that_comes_again_changes_nothing():
    """A batch whose handler failed after it was counted."""
    known = Uncovered()
    known.handled(record(5), "a", 10, 0.0)
    known.covered({"a": 10}, 0.0)
    known.handled(record(5), "a", 10, 0.0)
    assert known.positions() == {Partition(TOPIC, 0): 6}


def test_partitions_that_went_are_forgotten():
    """And when they come back, from an earlier offset even (a broker that forgot), they count anew."""
    known = Uncovered()
    known.handled(record(5), "a", 10, 0.0)
    known.handled(record(1, 1), "b", 10, 0.0)
    known.drop([Partition(TOPIC, 0)])
    assert known.positions() == {Partition(TOPIC, 1): 1}
    known.handled(record(0), "a", 10, 0.0)
    assert known.positions()[Partition(TOPIC, 0)] == 0


def test_a_source_that_fell_silent_holds_nobody_back():
    """Its topic has forgotten its open window by then."""
    known = Uncovered(keep_s=900)
    known.handled(record(0), "dead", 10, 0.0)
    known.handled(record(1), "a", 10, 1000.0)
    known.covered({}, 899.0)
    assert known.positions() == {Partition(TOPIC, 0): 0}
    known.covered({}, 1000.0)
    assert known.positions() == {Partition(TOPIC, 0): 1}
