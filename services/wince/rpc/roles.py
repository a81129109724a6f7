"""What a caller may be."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. Each RPC names the roles that may call it (`rights.RIGHTS`); one of them is enough."""

    READER = "reader"
    """Reads what was found, charted, and who lies where."""
    NURSE = "nurse"
    """Answers questions, sets pauses and patient states."""
    OPERATOR = "operator"
    """Starts and stops cameras, replays dead letters, reads and verifies the audit trail."""
    CAMERA = "camera"
    """Pushes frames of the cameras that it names."""
    STAGE = "stage"
    """Asks detect, estimate and grade with frames of its own. Nothing of that is charted."""
    PUBLISH = "publish"
    """Hands faces to the installation's own stages, which chart them: Wince's capture."""
    ON_BEHALF = "on_behalf"
    """Names the staff for whom it speaks, such as a console that signs nurses in. Without it the author is the caller itself."""
