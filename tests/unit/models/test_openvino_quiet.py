"""OpenVINO's telemetry package, where an ordinary `pip install` brought it: nobody of ours imports it."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import wince
from tests.support import classifiers
from wince.serving.pack import pack

SOURCES = Path(wince.__file__).parent
FAKE = "import os, pathlib\npathlib.Path(os.environ['TOLD']).touch()\nraise ImportError\n"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The file that a telemetry package, put first on the path of `imports`, makes when it is imported."""
    package = tmp_path / "installed" / "openvino_telemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE)
    return tmp_path / "told"


def imports(told: Path, program: str, *first: Path) -> None:
    """Run `program` in a new interpreter."""
    path = os.pathsep.join(map(str, (*first, told.parent / "installed")))
    environment = os.environ | {"PYTHONPATH": path, "TOLD": str(told)}
    environment.pop("CI", None)
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120, cwd=told.parent)


def test_openvino_alone_would_import_it(told: Path) -> None:
    """Else the tests below prove nothing: a later OpenVINO may ask in another way."""
    imports(told, "import openvino")
    assert told.exists()


def test_what_loads_openvino_does_not(told: Path) -> None:
    imports(told, "import wince.serve.scoring, wince.serving.handler, wince.assess.engine, sys; assert 'openvino' in sys.modules")
    assert not told.exists()


def test_the_archive_for_torchserve_does_not(told: Path, tmp_path: Path) -> None:
    """The worker runs the code out of the archive."""
    member = classifiers.write(tmp_path / "a.onnx", 2, 1)
    archive, _ = pack("quiet", "1.0", {"a": member}, ("no pain", "pain"), tmp_path / "out")
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(archive).extractall(unpacked)
    program = "import wince_handler, sys; assert 'openvino' in sys.modules; assert 'unpacked' in sys.modules['wince'].__file__"
    imports(told, program, unpacked)
    assert not told.exists()


def test_one_module_imports_openvino() -> None:
    """The others take it from there: that module alone knows what must come first."""

    def names(tree: ast.AST) -> set[str]:
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = [node.module or "" if isinstance(node, ast.ImportFrom) else alias.name for node in found for alias in node.names]
        return {name.split(".")[0] for name in modules}

    importing = [path for path in SOURCES.rglob("*.py") if "openvino" in names(ast.parse(path.read_text()))]
    assert [path.name for path in importing] == ["openvino_quiet.py"]
