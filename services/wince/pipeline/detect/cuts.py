"""What protocols that look at one source want of its faces: searched once, judged and cut for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wince.errors import ConfigError
from wince.pipeline.detect.interface import Cut
from wince.protocols.rules import DetectLimits


def cuts(protocols: Mapping[str, DetectLimits]) -> tuple[Cut, ...]:
    """Protocols with the same limits and crop share a cut. In the order of `protocols`, at least one.

    Raises ConfigError where two of them look for faces differently: neither search would serve the other.
    """
    first, *_ = protocols
    found: dict[DetectLimits, tuple[str, ...]] = {}
    for name, limits in protocols.items():
        if key := protocols[first].apart(limits):
            raise ConfigError(
                f"protocols {first!r} and {name!r} can't look at one camera: {getattr(protocols[first], key)!r} here,"
                f" {getattr(limits, key)!r} there",
                field=f"detect.{key}",
                remedy="give both the same value in a protocol of the site's own, or route them to different beds",
            )
        same = replace(limits, filming="", dim_share=0.0)
        found[same] = (*found.get(same, ()), name)
    return tuple(Cut(limits, names) for limits, names in found.items())
