"""From where on pictures are whole again after damage. Pure.

A damaged picture is shown in those that are predicted from it, unmarked, up to the next key picture. Where pictures are reordered, a key
picture from before the damage may come out of the decoder after it: that one heals nothing. So a hole in the stream is healed only by a key
picture whose packet came after the hole.
"""

from __future__ import annotations

from typing import Protocol


class KeyPacket(Protocol):
    """What is needed of a packet."""

    @property
    def is_keyframe(self) -> bool:
        """Whether it holds a key picture."""
        ...

    @property
    def pts(self) -> int | None:
        """Its time of presentation, ticks."""
        ...


class KeyPicture(Protocol):
    """What is needed of a decoded picture."""

    @property
    def key_frame(self) -> bool:
        """Whether it is predicted from no other."""
        ...

    @property
    def is_corrupt(self) -> bool:
        """Whether the decoder says that it is damaged."""
        ...

    @property
    def pts(self) -> int | None:
        """Its time of presentation, ticks: its packet's."""
        ...


class Healing:
    """Follows one stream, packet by packet in order of decoding and picture by picture in order of presentation."""

    def __init__(self) -> None:
        self.hurt = False
        """Whether pictures are damaged now, as far as is known."""
        self._missed = False
        self._keys: set[int | None] = set()

    def packet(self, packet: KeyPacket, *, missing: bool, hurt: bool) -> None:
        """A packet, before its pictures. missing: pictures before it never came. hurt: it is damaged itself."""
        if missing or hurt:
            self.hurt, self._missed = True, self._missed or missing
            self._keys.clear()
        if self.hurt and packet.is_keyframe:
            self._keys.add(packet.pts)

    def undecodable(self) -> None:
        """A packet gave no picture but an error."""
        self.hurt = True

    def damaged(self, picture: KeyPicture) -> bool:
        """Whether this picture must be withheld."""
        heals = picture.key_frame and (not self._missed or picture.pts in self._keys)
        self.hurt = picture.is_corrupt or (self.hurt and not heals)
        if not self.hurt:
            self._missed = False
            self._keys.clear()
        return self.hurt
