"""A run that was cut off, started again under another protocol: it begins anew, as the services do, and both stand in the record."""

from tests.e2e.test_own_protocol import write
from tests.e2e.wince_run import run
from wince.testing import clips


def test_another_protocol_begins_anew(tmp_path, state_dir):
    """The snapshots of the protocol before are no reason to die, and no other protocol's."""
    bed = f"--clip=ICU^101^A={clips.clip('bed1')}"
    state = state_dir / "state"
    first = run(state, bed, kill_at="window")
    assert first.events[-1]["protocol"] == "activity"
    folder = write(tmp_path / "protocols").parent
    second = run(state, bed, WINCE_PROTOCOL_DIR=str(folder), WINCE_PROTOCOL="mustelid")
    assert second.returncode == 0, second.stderr
    windows = [one for one in second.events if one["event"] == "window"]
    assert windows[0]["start_s"] == 0.0
    assert {one["protocol"] for one in windows} == {"mustelid"}
    assert second.result["undelivered"] == 0
