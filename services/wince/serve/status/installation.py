"""The installation: its version, where it keeps its state, the protocol that grades."""

from __future__ import annotations

from wince.errors import WinceError
from wince.serve import protocols
from wince.serve.status.interface import Figures, Look, Row, State
from wince.version import VERSION


def installation(look: Look) -> list[Row]:
    """A row for Wince itself, one for the protocol."""
    runs = "`wince up` runs" if look.up is not None else "a wince runs" if look.owned else "no wince runs"
    said = f"{VERSION}, site {look.settings.site}, state in {look.places.root}; {runs} on it"
    age_s = None if look.up is None else look.age_s(look.up.since_us)
    pid = look.up.pid if look.up is not None else None
    figures: Figures = {"version": VERSION, "site": look.settings.site, "state_dir": str(look.places.root), "pid": pid}
    return [Row("installation", "wince", State.OK, said, age_s, figures=figures), _protocol(look)]


def _protocol(look: Look) -> Row:
    name = look.settings.protocol
    try:
        rules = protocols.default(look.settings)
    except WinceError as error:
        return Row("installation", f"protocol {name}", State.BAD, "can't grade", reason=error.message, remedy=error.remedy)
    return Row("installation", f"protocol {name}", State.OK, f"rule {rules.rule[:12]}", figures={"rule": rules.rule})
