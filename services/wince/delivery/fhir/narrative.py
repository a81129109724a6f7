"""Narrative (Resource.text): what the resource says, as a few lines of XHTML for people. It holds what the resource holds, no more."""

from __future__ import annotations

from html import escape

from wince.fhir.invariants import Resource


def narrative(*lines: str) -> Resource:
    """A Narrative of paragraphs; every character that means something in XHTML is escaped, control characters are left out.

    >>> narrative("1 < 2")["div"]
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>1 &lt; 2</p></div>'
    """
    shown = [escape("".join(c for c in line if c.isprintable())) for line in lines if line.strip()]
    return {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">' + "".join(f"<p>{line}</p>" for line in shown) + "</div>",
    }
