"""The colours of pages, figures and sheets of paper, each with its twin on a dark screen.

A page names them as CSS variables (`var(--ink)`), so one figure serves light screens, dark screens and print; a PDF takes `light`.
Text has a contrast of at least 4.5 on `PAPER` and `SHADE`, lines and fills that carry meaning one of at least 3 or an outline (WCAG 2.2,
1.4.3 and 1.4.11); a test computes both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour by its purpose."""

    name: str
    """Of the CSS variable."""
    light: str
    """On paper and on a light screen, #rrggbb."""
    dark: str
    """On a dark screen, #rrggbb."""


PAPER = Colour("paper", "#ffffff", "#14181d")
SHADE = Colour("shade", "#f3f5f7", "#1f252c")
"""Behind what is set apart: a form, a stretch without scores."""
INK = Colour("ink", "#1c2430", "#e8ecf1")
"""Text and the data's line."""
SOFT = Colour("soft", "#56606e", "#a9b4c0")
"""Axes' text and captions."""
RULE = Colour("rule", "#c9d0d8", "#3d4650")
"""Grid lines."""
HATCH = Colour("hatch", "#8a94a1", "#6f7a86")
LINK = Colour("link", "#1d4f91", "#8fbcf5")
ALERT = Colour("alert", "#a3150f", "#ff8f86")
TINT = Colour("tint", "#fbe9e7", "#3a2020")
"""Behind the stretch of an alert."""
OVER = Colour("over", "#ffffff", "#ffffff")
"""On a photograph, which is the same by day and night: light lines."""
UNDER = Colour("under", "#0b4f6c", "#0b4f6c")
"""On a photograph: dark lines."""

TONES = (
    Colour("tone-1", "#d5e3ea", "#3b5560"),
    Colour("tone-2", "#d8bf66", "#7d7040"),
    Colour("tone-3", "#d9953a", "#d9953a"),
    Colour("tone-4", "#b0507a", "#eeb3cc"),
    Colour("tone-5", "#4a2a6b", "#e9dcff"),
)
"""Fills of grades from the lowest to the highest. They keep their order in grey: darker on paper, lighter on a dark screen."""
TONE_TEXTS = (
    Colour("on-tone-1", "#1c2430", "#ffffff"),
    Colour("on-tone-2", "#1c2430", "#ffffff"),
    Colour("on-tone-3", "#1c2430", "#14181d"),
    Colour("on-tone-4", "#ffffff", "#14181d"),
    Colour("on-tone-5", "#ffffff", "#14181d"),
)
"""Text on each of them."""

PENS = (
    Colour("pen-1", "#1b5e91", "#7cbcf0"),
    Colour("pen-2", "#b3541e", "#f0a070"),
    Colour("pen-3", "#2e7d4f", "#79cf9d"),
    Colour("pen-4", "#7a4ca0", "#c9a4ec"),
    Colour("pen-5", "#7d6d00", "#d8c64f"),
    Colour("pen-6", "#56606e", "#a9b4c0"),
)
"""Lines of a chart."""

PALETTE = (PAPER, SHADE, INK, SOFT, RULE, HATCH, LINK, ALERT, TINT, OVER, UNDER, *TONES, *TONE_TEXTS, *PENS)
"""All of them."""
