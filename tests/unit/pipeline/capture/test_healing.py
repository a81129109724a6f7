"""What is whole again after damage: never a picture that something damaged may be part of, and not later than need be."""

from dataclasses import dataclass

from wince.pipeline.capture.healing import Healing


@dataclass(frozen=True)
class Packet:
    """One packet; a picture that is decoded from it has its time."""

    pts: int
    is_keyframe: bool = False


@dataclass(frozen=True)
class Picture:
    """One decoded picture."""

    pts: int
    key_frame: bool = False
    is_corrupt: bool = False


def test_a_key_picture_from_before_the_hole_that_comes_out_after_it_heals_nothing() -> None:
    healing = Healing()
    healing.packet(Packet(0, is_keyframe=True), missing=False, hurt=False)
    healing.packet(Packet(2), missing=True, hurt=False)
    assert healing.damaged(Picture(0, key_frame=True))
    assert healing.damaged(Picture(2))
    healing.packet(Packet(3, is_keyframe=True), missing=False, hurt=False)
    assert not healing.damaged(Picture(3, key_frame=True))
    assert not healing.damaged(Picture(4))


def test_if_the_key_picture_after_the_hole_is_itself_damaged_the_one_after_it_heals() -> None:
    """Before, nothing more of a file was ever whole."""
    healing = Healing()
    healing.packet(Packet(2), missing=True, hurt=False)
    healing.packet(Packet(10, is_keyframe=True), missing=False, hurt=False)
    assert healing.damaged(Picture(10, key_frame=True, is_corrupt=True))
    assert healing.damaged(Picture(11))
    healing.packet(Packet(20, is_keyframe=True), missing=False, hurt=False)
    assert not healing.damaged(Picture(20, key_frame=True))


def test_a_second_hole_begins_the_wait_again() -> None:
    healing = Healing()
    healing.packet(Packet(2), missing=True, hurt=False)
    healing.packet(Packet(10, is_keyframe=True), missing=False, hurt=False)
    healing.packet(Packet(12), missing=True, hurt=False)
    assert healing.damaged(Picture(10, key_frame=True))
    healing.packet(Packet(20, is_keyframe=True), missing=False, hurt=False)
    assert not healing.damaged(Picture(20, key_frame=True))


def test_where_nothing_is_missing_any_key_picture_heals() -> None:
    """A damaged packet is shown by its own picture, in its place; so what comes out after it came after it."""
    healing = Healing()
    healing.undecodable()
    assert healing.damaged(Picture(1))
    assert not healing.damaged(Picture(2, key_frame=True))
