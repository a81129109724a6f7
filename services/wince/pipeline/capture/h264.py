"""Which pictures of an H.264 stream never came: FFmpeg fills the hole with what it has, unmarked (measured: a lost packet left the next
13 pictures wrong up to the key picture, none of them marked).

ITU-T H.264 7.4.3, frame_num: a picture's is that of the reference picture before it plus one, modulo MaxFrameNum; 0 at an IDR picture.
Where a sequence may leave numbers out (gaps_in_frame_num_value_allowed_flag: temporal layers) nothing can be said. HEVC needs no such
help: its decoder is told to fail (`err_detect`), and does.
"""

from __future__ import annotations

from collections.abc import Iterator

from av.video.codeccontext import VideoCodecContext

_SLICE, _IDR, _SPS = 1, 5, 7
_HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""profile_idc whose sequence parameter set says the chroma format (7.3.2.1.1)."""


class FrameNumbers:
    """Follows frame_num of one stream in Annex B form, packet by packet in order of decoding."""

    def __init__(self) -> None:
        self._bits = 0
        self._planes = False
        self._gaps = True
        self._last: int | None = None

    def lost(self, packet: bytes) -> bool:
        """True where a reference picture before this packet's picture is missing. What can't be parsed says nothing: False."""
        try:
            return self._lost(packet)
        except IndexError:
            return False

    def _lost(self, packet: bytes) -> bool:
        for begin in _units(packet):
            kind, reference = packet[begin] & 31, packet[begin] >> 5 & 3
            if kind == _SPS:
                self._parameters(packet[begin + 1 : begin + 256])
            elif kind in (_SLICE, _IDR) and self._bits:
                number = self._number(packet[begin + 1 : begin + 48])
                many, last = 1 << self._bits, self._last
                # What follows a picture that nothing is predicted from has its number, not one more.
                self._last = number if reference else (number - 1) % many
                if kind == _IDR or last is None or self._gaps:
                    return False
                return number not in (last, (last + 1) % many)
        return False

    def _number(self, data: bytes) -> int:
        bits = _Bits(data)
        for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
            bits.ue()
        if self._planes:
            bits.u(2)
        return bits.u(self._bits)

    def _parameters(self, data: bytes) -> None:
        bits = _Bits(data)
        profile = bits.u(8)
        bits.u(16)
        bits.ue()
        self._planes = False
        if profile in _HIGH:
            chroma = bits.ue()
            self._planes = bool(chroma == 3 and bits.u(1))
            bits.ue(), bits.ue(), bits.u(1)
            if bits.u(1):
                for index in range(12 if chroma == 3 else 8):
                    if bits.u(1):
                        _skip_scaling(bits, 16 if index < 6 else 64)
        self._bits = min(16, bits.ue() + 4)
        order = bits.ue()
        if order == 0:
            bits.ue()
        elif order == 1:
            bits.u(1), bits.ue(), bits.ue()
            for _ in range(min(255, bits.ue())):
                bits.ue()
        bits.ue()  # max_num_ref_frames
        self._gaps = bool(bits.u(1))


def annex_b(context: VideoCodecContext) -> FrameNumbers | None:
    """For a stream in Annex B form (transport streams, RTSP); None for another codec, and for mp4 and Matroska, which give lengths."""
    extra = bytes(context.extradata or b"")
    if context.name != "h264" or extra[:1] == b"\1":
        return None
    numbers = FrameNumbers()
    if extra:
        numbers.lost(extra)
    return numbers


def _units(packet: bytes) -> Iterator[int]:
    """Where each unit's header byte lies, after its start code."""
    at = packet.find(b"\0\0\1")
    while 0 <= at < len(packet) - 3:
        yield at + 3
        at = packet.find(b"\0\0\1", at + 3)


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.ue()
            following = (last + ((code + 1) // 2 if code & 1 else -(code // 2)) + 256) % 256
        last = following or last


class _Bits:
    """Reads bits; emulation prevention bytes are taken out. Past the end: IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data.replace(b"\0\0\3", b"\0\0"), 0

    def u(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)
