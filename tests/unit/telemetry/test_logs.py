"""Nothing about a patient gets into a line, whatever is thrown at it."""

import ast
import importlib
import io
import json
import logging
import re
import subprocess
import sys
import threading
from enum import StrEnum
from pathlib import Path

import pytest

import wince
from wince.errors import StoreError, WinceError
from wince.telemetry import logs

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


@pytest.fixture
def lines():
    hooks = threading.excepthook, sys.excepthook
    stream = io.StringIO()
    logs.configure("debug", json=True, key=b"k" * 32, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.configure()
    threading.excepthook, sys.excepthook = hooks


class Colour(StrEnum):
    RED = "red"


def test_keys_of_the_list_are_written_as_they_are(lines):
    logs.get("wince.x").info("window closed", source="bed-1", grade=None, frames=3, reason=Colour.RED, notes=["late"])
    (line,) = lines()
    expected = {"event": "window closed", "component": "wince.x", "level": "info", "source": "bed-1", "grade": None, "frames": 3}
    assert expected.items() <= line.items()
    assert (line["reason"], line["notes"]) == ("red", ["late"])
    assert "timestamp" in line


def test_other_keys_are_dropped_and_counted(lines):
    before = logs.dropped().get("name", 0)
    logs.get("x").warning("hello", name="Musterfrau", born="19500102", count=1)
    (line,) = lines()
    assert "Musterfrau" not in str(line)
    assert line["dropped_keys"] == 2
    assert logs.dropped()["name"] == before + 1


def test_references_become_keyed_hashes(lines):
    logs.get("x").info("a", patient="MRN-4711", bed="ICU^1^A")
    logs.get("x").info("b", patient="MRN-4711")
    logs.configure("debug", json=True, key=b"l" * 32)
    other = logs.pseudonym("MRN-4711")
    first, second = lines()
    assert first["patient"] == second["patient"] != other
    assert "MRN-4711" not in str(first)
    assert "ICU" not in str(first)


def test_of_a_foreign_exception_only_type_and_place_remain(lines):
    try:
        raise ValueError("Key (encounter)=(Musterfrau) already exists")
    except ValueError as error:
        logs.get("x").error("failed", error=error)
        logs.get("x").exception("failed")
    for line in lines():
        assert line["error"] == "ValueError"
        assert line["at"].startswith("test_logs.py:")
        assert "Musterfrau" not in str(line)


def test_of_our_own_exceptions_code_field_and_message_remain(lines):
    logs.get("x").error("failed", error=StoreError("disk full", field="state_dir"))
    (line,) = lines()
    told = [line[key] for key in ("error", "error_code", "error_field", "error_message")]
    assert told == ["StoreError", "store", "state_dir", "disk full"]


def kinds() -> list[type[WinceError]]:
    """Every class of the error tree, wherever it stands."""
    source = Path(wince.__file__).parent
    for path in sorted(source.rglob("*.py")):
        if re.search(r"^class \w+\((\w*Error|Unavailable|Refused)\):", path.read_text(), re.M):
            importlib.import_module(".".join(["wince", *path.relative_to(source).with_suffix("").parts]))
    found = [WinceError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def test_no_error_of_ours_carries_the_name_of_a_file_into_a_line(lines):
    """People name files after patients. Of an option or a setting its name remains."""
    named = {
        Path("Musterfrau.mp4"): "",
        Path("/clips/Erika Musterfrau 1941.mp4"): "",
        "/clips/Erika Musterfrau 1941.mp4": "",
        "Erika Musterfrau/1.mp4": "",
        "C:\\Musterfrau.mp4": "",
        "--clip ICU^1^A=Musterfrau.mp4": "--clip ",
        "cameras.c1.path=Musterfrau.mp4": "cameras.c1.path=",
        "WINCE_CONFIG=/Musterfrau/wince.toml": "WINCE_CONFIG=",
        "Musterfrau^Erika": "",
    }
    for kind in kinds():
        for field, kept in named.items():
            error = kind.__new__(kind)
            WinceError.__init__(error, "no such file", field=field)
            assert error.field == str(field)
            assert str(field) in error.diagnostics()
            log = logs.get("x")
            log.error("camera can't be started", source="cam-1", file=str(field), field=str(field), error=error)
            line = lines()[-1]
            assert "Musterfrau" not in str(line), (kind, field)
            assert line["error_field"].startswith(kept)
            if isinstance(field, Path):
                assert line["error_field"] == line["file"]


def test_of_a_field_names_of_ours_remain(lines):
    names = (
        "WINCE_KAFKA_BOOTSTRAP", "rpc.token_file", "PID-3", "PV1-3.1", "audit row 7", "cameras.0.url", "127.0.0.1:9092,[::1]:9093",
        "wince.assessments.v1", "wince.api.grade.v1.Assessment", "Observation.value[0]", "max_records, max_bytes",
        "7d9e0c3a-0000-5000-8000-000000000000/2", "--to",
    )  # fmt: skip
    for name in names:
        logs.get("x").error("failed", error=StoreError("no", field=name))
        assert lines()[-1]["error_field"] == name


def test_errors_about_patients_files_are_given_paths():
    """`field=str(path)` would look like a name of ours."""
    said = []
    for folder in ("pipeline/capture", "assess", "report", "lab", "demo"):
        for path in (Path(wince.__file__).parent / folder).rglob("*.py"):
            said += [f"{path.name}: {match[0]}" for match in re.finditer(r"field=str\(.*", path.read_text())]
    assert said == []


def test_a_cause_is_not_told(lines):
    try:
        try:
            raise ValueError("Musterfrau")
        except ValueError as error:
            raise StoreError("failed") from error
    except StoreError as error:
        logs.get("x").error("failed", error=error)
    assert "Musterfrau" not in str(lines())


def test_objects_and_long_or_broken_text_are_reduced(lines):
    class Patient:
        def __repr__(self):
            return "Musterfrau"

    logs.get("x").info("a", state=Patient(), detail_code="x" * 500, reason="a\nb\x1b[31m", notes={"k": Patient()}, error="Musterfrau")
    (line,) = lines()
    assert "Musterfrau" not in str(line)
    assert line["state"] == "Patient"
    assert line["detail_code"] == "x" * 200 + "..."
    assert line["reason"] == "a?b?[31m"


def test_a_library_that_logs_the_same_again_and_again_is_heard_once_a_minute(lines, monkeypatch):
    for _ in range(5):
        logging.getLogger("kafka.net").error("can't reach it")
    logging.getLogger("kafka.net").warning("another level")
    logging.getLogger("psycopg.pool").error("another library")
    assert [line["component"] for line in lines()] == ["kafka.net", "kafka.net", "psycopg.pool"]
    monkeypatch.setattr(logs, "FOREIGN_S", 0.0)
    logging.getLogger("kafka.net").error("can't reach it")
    assert [line["component"] for line in lines()][3:] == ["kafka.net"]


def test_foreign_libraries_are_reduced_to_their_name(lines):
    logging.getLogger("httpx").warning("GET /Patient?identifier=%s", "MRN-4711")
    try:
        raise KeyError("Musterfrau")
    except KeyError:
        logging.getLogger("asyncio").exception("Musterfrau")
    first, second = lines()
    assert (first["component"], first["level"]) == ("httpx", "warning")
    assert (second["component"], second["error"]) == ("asyncio", "KeyError")
    assert "MRN-4711" not in str(first)
    assert "Musterfrau" not in str(second)


def test_a_thread_that_dies_is_told_without_its_text(lines):
    def die():
        raise ValueError("Musterfrau")

    thread = threading.Thread(target=die, name="front-1")
    hook, threading.excepthook = threading.excepthook, logs._thread_ended
    thread.start()
    thread.join()
    threading.excepthook = hook
    (line,) = lines()
    assert (line["thread"], line["error"]) == ("front-1", "ValueError")


def test_levels_filter_and_unconfigured_logging_is_safe():
    program = (
        "from wince.telemetry import logs\nlog = logs.get('x')\nlog.info('quiet')\n"
        "log.warning('loud', name='Musterfrau', patient='MRN-4711')\n"
        "logs.configure('error')\nlog.warning('quiet too')\nraise ValueError('Musterfrau')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 2
    assert "loud" in done.stderr
    assert "error=ValueError" in done.stderr
    assert "Musterfrau" not in done.stderr
    assert "MRN-4711" not in done.stderr


def _calls():
    for path in sorted(Path(wince.__file__).parent.rglob("*.py")):
        if "api" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in ("log", "_log", "logger")
            ):
                yield f"{path.name}:{node.lineno}", node


def test_every_logging_call_has_a_literal_event_and_known_keys():
    """What varies goes into keywords of the list; an f-string as event could carry anything."""
    known = logs.PLAIN | logs.REFERENCES | {"error", "exc_info"}
    seen = 0
    for place, call in _calls():
        seen += 1
        assert len(call.args) == 1, place
        assert isinstance(call.args[0], ast.Constant), place
        assert {keyword.arg for keyword in call.keywords} <= known, place
    assert seen > 5


@pytest.mark.usefixtures("lines")
def test_a_line_that_cannot_be_written_ends_nobody_s_work() -> None:
    """The disk of the logs is full (/dev/full says so at each write), or who read them is gone: the camera whose line it is goes on."""
    with io.TextIOWrapper(open("/dev/full", "wb", buffering=0), line_buffering=True) as stream:
        with pytest.raises(OSError, match="No space"):
            stream.write("x\n")
        logs.configure("debug", stream=stream)
        for method in ("debug", "info", "warning", "error", "critical"):
            getattr(logs.get("wince.x"), method)("camera silent", source="bed-1")
    logs.get("wince.x").warning("camera silent", source="bed-1")  # the stream is closed
    program = "from wince.telemetry import logs; logs.configure('info'); logs.get('x').error('camera silent'); print('went on')"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", program], stderr=full, stdout=subprocess.PIPE, text=True, check=False)
    assert done.stdout == "went on\n"
