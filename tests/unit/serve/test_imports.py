"""What a service imports it pays for at every start, and a recovery is a start."""

import subprocess
import sys
import tempfile

from PIL import Image

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


def test_a_clip_waits_for_no_network_client():
    """What `wince assess` imports until its first result: no gRPC, no metrics page, no database, no decoder of odd pictures."""
    check = """
import sys
from pathlib import Path
import wince.cli.main, wince.cli.assess, wince.assess.batch, wince.cli.assess_show
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.still import read_still
read_still(Path(sys.argv[1]), MediaLimits())
print(*sorted({"grpc", "google.protobuf", "prometheus_client", "psycopg", "httpx", "fhir", "PIL.FitsImagePlugin"} & set(sys.modules)))
"""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (8, 8)).save(f"{folder}/picture.png")
        command = [sys.executable, "-c", check, f"{folder}/picture.png"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == ""
