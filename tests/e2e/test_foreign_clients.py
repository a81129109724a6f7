"""A foreign integrator's whole path against services as a user starts them, with TLS and a token: in Python by the script of
docs/how-to/client.md, and in TypeScript by stubs made here from protos/. The numbers are those of `wince assess`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google.rpc
import pytest

import wince
from tests.conftest import reachable
from tests.e2e.services_world import World, up
from tests.face_models import fetched
from tests.support.certificates import Authority
from tests.support.docs import PYTHON, ROOT, blocks
from wince.assess.result.clip_result import ClipResult
from wince.domain.frame import Frame
from wince.local import maven, npm
from wince.pipeline.capture.file import FileSource
from wince.protocols import loader
from wince.rpc import token_edit
from wince.testing import hl7
from wince.testing.clips import clip
from wince.testing.peers import grpc_client

PAGE = "docs/how-to/client.md"
CLIP, PROTOCOL = "bed3", "bedside"
"""Calm, then dark for twelve seconds: nothing can be assessed then, and a nurse is asked."""
CHANGED = {
    'name = "activity"': f'name = "{PROTOCOL}"',
    "unassessable_after_s = 1800": "unassessable_after_s = 3",
    "repeat_after_s = 900": "repeat_after_s = 1",
}
SECONDS, RATE_HZ = 15, 5
BEDS = {"python": ("ICU^1^A", "cam-1"), "typescript": ("ICU^2^A", "cam-2")}
SCORE_TOLERANCE = 0.15
"""As in test_services_equal.py: what the JPEG between capture and detect moves."""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started"),
]


@dataclass
class Site:
    """A running installation, and what its integrator was told."""

    world: World
    folder: Path
    authority: Path
    token: str

    def told(self, who: str) -> dict[str, Any]:
        """What stands in a client's site.json."""
        bed, camera = BEDS[who]
        person = hl7.Person(f"M-{who}", "Probst", "Kuno", "19500101", "M")
        admission = hl7.adt("A01", person, bed, f"V-{who}", time.time_ns() // 1000 - 60_000_000, control_id=f"{who}A01")
        ports = {name: f"127.0.0.1:{port}" for name, port in self.world.ports.items() if name not in ("mllp", "imaging")}
        return {
            "addresses": ports, "ca": str(self.authority), "token": self.token, "mllp": self.world.ports["mllp"], "bed": bed,
            "camera": camera, "admission": admission, "clip": str(clip(CLIP)),
        }  # fmt: skip


@pytest.fixture(scope="module")
def expected() -> Iterator[ClipResult]:
    """`wince assess` of the clip, by a protocol that asks after three seconds."""
    fetched()
    text = (loader.SHIPPED / "activity.toml").read_text("utf-8")
    for old, new in CHANGED.items():
        assert old in text
        text = text.replace(old, new, 1)
    with reachable() as folder, pytest.MonkeyPatch.context() as environment:
        (folder / f"{PROTOCOL}.toml").write_text(text)
        environment.setenv("WINCE_PROTOCOL_DIR", str(folder))
        environment.setenv("WINCE_STATE_DIR", str(folder / "state"))
        yield wince.assess(clip(CLIP), protocol=PROTOCOL)


@pytest.fixture(scope="module")
def site(expected: ClipResult) -> Iterator[Site]:
    """Started as a user does, with TLS and a file of tokens; two beds whose pictures are pushed."""
    with reachable() as folder:
        authority = Authority(folder)
        chain, key = authority.issue("wince", "127.0.0.1", "localhost")
        tokens, own = folder / "tokens", folder / "own-token"
        own.write_text(token_edit.make(tokens, "capture", "publish", [], ""))
        own.chmod(0o600)
        token = token_edit.make(tokens, "foreign", "reader,nurse,operator,camera,stage", [("sources", ["*"])], "")
        files = {"TLS_CERT_FILE": chain, "TLS_KEY_FILE": key, "CA_FILE": authority.file, "TOKEN_FILE": tokens, "CLIENT_TOKEN_FILE": own}
        settings = {f"WINCE_RPC__{name}": str(path) for name, path in files.items()} | {"WINCE_PROTOCOL": PROTOCOL}
        settings |= {"WINCE_PROTOCOL_DIR": os.environ["WINCE_PROTOCOL_DIR"]}
        cameras = "".join(f'[[cameras]]\nid = "{camera}"\nbed = "{bed}"\npush = true\n' for bed, camera in BEDS.values())
        with up(folder, at=None, toml=f"{cameras}", **settings) as world:
            yield Site(world, folder, authority.file, token)


def near(said: list[tuple[int | None, float | None]], expected: ClipResult) -> bool:
    """Whether windows of a pushed clip are those of the file: same grades, scores within the tolerance."""
    wanted = [(one.grade, one.median) for one in expected.assessments[: len(said)]]
    return all(
        grade == other and (score is None) == (true is None) and abs((score or 0) - (true or 0)) < SCORE_TOLERANCE
        for (grade, score), (other, true) in zip(said, wanted, strict=True)
    )


def test_the_script_of_the_page_runs_to_its_end(site: Site, expected: ClipResult) -> None:
    """It says what the page promises; the windows are those of `wince assess`."""
    told, folder = site.told("python"), site.folder / "python"
    folder.mkdir()
    (folder / "site.json").write_text(json.dumps(told))
    script = next(block.text for block in blocks(PAGE) if block.language == PYTHON)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr + site.world.said()
    lines = [line.split() for line in done.stdout.splitlines()]
    said = {words[0]: words for words in lines}
    assert (said["server"][1], said["admitted"][1], said["in"][3]) == (wince.__version__, "AA", "V-python")
    assert said["asked"] == ["asked", "dark", "answered", "by", "foreign"]
    first = next(index for index, words in enumerate(lines) if words[0] == "recorded" and words[4] == "0")
    windows = [words[4:] for words in lines[first:] if words[0] == "recorded"]
    assert near(
        [(int(grade) if grade != "None" else None, float(score) if score != "None" else None) for grade, score in windows], expected
    )
    assert len(windows) >= 2
    assert int(said["trail"][1]) > 10


@pytest.mark.skipif(bool(npm.available()), reason=npm.available() or "Node.js is there")
def test_a_client_in_typescript_runs_the_whole_path(site: Site, expected: ClipResult) -> None:
    googleapis = Path(next(iter(google.rpc.__path__))).parents[1]
    script = grpc_client.compiled(ROOT / "protos", googleapis, site.folder / "typescript")
    pictures = [one for one in FileSource(clip(CLIP), "mine", rate_hz=RATE_HZ) if isinstance(one, Frame)][: SECONDS * RATE_HZ]
    file = site.folder / "pictures.rgb"
    file.write_bytes(b"".join(one.pixels.tobytes() for one in pictures))
    height, width = pictures[0].pixels.shape[:2]
    films = {"file": str(file), "width": width, "height": height, "frames": len(pictures), "rate": RATE_HZ}
    said = grpc_client.walk(script, site.told("typescript") | {"protocol": PROTOCOL, "clip": films})

    assert (said["info"]["version"], said["info"]["protocols"]) == (wince.__version__, [PROTOCOL])
    assert PROTOCOL in said["protocols"]["names"]
    assert said["protocols"]["pages"] == len(said["protocols"]["names"])
    alone = [(one.get("grade"), one.get("median")) for one in said["alone"]]
    assert alone == [(one.grade, one.median) for one in expected.assessments[: len(alone)]], "raw pictures give exactly the same numbers"
    assert len(alone) == SECONDS // 5

    assert said["acknowledged"] == "AA"
    assert [(one["bed"], one["encounter"]["value"]) for one in said["stays"]] == [("ICU^2^A", "V-typescript")]
    assert {"source": "cam-2", "bed": "ICU^2^A", "encounter": "V-typescript"} in said["cameras"]
    assert said["pushed"] == {"accepted": len(pictures), "dropped": 0}

    listed = said["listed"]["windows"]
    first = next(index for index, one in enumerate(listed) if one.get("grade") == 0)
    assert near([(one.get("grade"), one.get("median")) for one in listed[first : first + SECONDS // 5]], expected)
    assert said["listed"]["pages"] == len(listed)
    assert said["listed"]["got"] == listed[0]["id"]
    ids = said["watched"]["ids"]
    assert said["watched"]["streams"] == 2
    assert len(ids) == len(set(ids)) >= 3
    begun = [one["id"] for one in listed].index(ids[0])
    assert [one["id"] for one in listed][begun : begun + len(ids)] == ids, "nothing was lost where the stream was cut, nothing doubled"

    verdict = said["verdict"]
    assert verdict["given"] == verdict["again"]
    assert (verdict["given"]["nurse"], verdict["of"]) == ("foreign", verdict["given"]["id"])
    assert (verdict["state"], verdict["reason"]) == (2, said["alone"][2]["reason"]), "answered; dark, as the pictures are"
    sequences = said["trail"]["sequences"]
    assert sequences == list(range(1, len(sequences) + 1))
    assert said["trail"]["pages"] == -(-len(sequences) // 20)
    assert said["verified"]["verified"]
    unknown, wrong, unnamed = said["refused"]
    assert (unknown["status"], unknown["reason"]) == ("NOT_FOUND", "ERROR_REASON_INVALID_INPUT")
    assert (wrong["status"], wrong["field"], wrong["violations"]) == ("INVALID_ARGUMENT", "id", ["id"])
    assert (unnamed["status"], unnamed["reason"]) == ("UNAUTHENTICATED", "ERROR_REASON_REFUSED")
