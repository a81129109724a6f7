"""The installation: its version, where it keeps its state, the protocols that are set."""

from __future__ import annotations

from wince.errors import WinceError
from wince.serve import protocols
from wince.serve.status.interface import Figures, Look, Row, State
from wince.version import VERSION


def installation(look: Look) -> list[Row]:
    """A row for Wince itself, one for each protocol."""
    runs = "`wince up` runs" if look.up is not None else "a wince runs" if look.owned else "no wince runs"
    said = f"{VERSION}, site {look.settings.site}, state in {look.places.root}; {runs} on it"
    age_s = None if look.up is None else look.age_s(look.up.since_us)
    pid = look.up.pid if look.up is not None else None
    figures: Figures = {"version": VERSION, "site": look.settings.site, "state_dir": str(look.places.root), "pid": pid}
    return [Row("installation", "wince", State.OK, said, age_s, figures=figures), *_protocols(look)]


def _protocols(look: Look) -> list[Row]:
    try:
        every = protocols.protocol_set(look.settings).every
    except WinceError as error:
        name = f"protocol {look.settings.protocol}"
        return [Row("installation", name, State.BAD, "can't grade", reason=f"{error.field}: {error.message}", remedy=error.remedy)]
    return [
        Row("installation", f"protocol {name}", State.OK, f"rule {rules.rule[:12]}", figures={"rule": rules.rule})
        for name, rules in every.items()
    ]
