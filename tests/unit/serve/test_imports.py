"""What a service imports it pays for at every start, and a recovery is a start."""

import subprocess
import sys

CHECK = """
import sys
import wince.cli.main, wince.serve.process, wince.serve.{name}
print(*sorted({{"wince.serve.embedded", "openvino", "cv2", "av", "httpx"}} & set(sys.modules)))
"""


def imported(name: str) -> str:
    done = subprocess.run([sys.executable, "-c", CHECK.format(name=name)], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def test_a_service_takes_what_it_needs():
    """Care needs no model, no camera, no EHR; record only the way to the EHR."""
    assert imported("care") == ""
    assert imported("record") == "httpx"
