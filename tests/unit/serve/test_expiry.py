"""What Wince identifies itself with, and when that ends: doctor, status and metrics say it in time."""

from __future__ import annotations

import re
import urllib.request
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.certificates import Authority
from wince.parts import Watched
from wince.rpc.config import RpcSettings
from wince.rpc.ports import PORTS
from wince.serve import expiry, process
from wince.serve.checks import keys
from wince.serve.checks.finding import State as Found
from wince.serve.readers import readers
from wince.serve.state_dir import Places
from wince.serve.status.credentials import credentials
from wince.serve.status.interface import Look, State
from wince.settings import Camera, Settings, catalogue
from wince.telemetry import metrics

URL = "https://ehr.example/fhir"


def key(folder: Path, name: str = "key.pem") -> Path:
    path = folder / name
    path.write_bytes(ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


def looked(settings: Settings, tmp_path: Path) -> dict[str, State]:
    look = Look(settings, Places.of(settings), round(datetime.now(UTC).timestamp() * 1e6))
    return {row.what: row.state for row in credentials(look)}


@pytest.mark.parametrize(("days", "state", "found"), [
    (400, State.OK, Found.OK), (10, State.WARNING, Found.WARNING), (-1, State.BAD, Found.MISSING),
])  # fmt: skip
def test_a_key_that_is_to_be_replaced(tmp_path: Path, days: int, state: State, found: Found) -> None:
    until = date.today() + timedelta(days=days)
    settings = Settings(state_dir=tmp_path / "s", ehr_url=URL, ehr_key_file=key(tmp_path), ehr_key_until=until)
    assert looked(settings, tmp_path) == {"ehr_key_file": state}
    assert {one.what: one.state for one in keys.check(settings)}["ehr_key_until"] is found
    expiry.tell(settings, "record")
    left = metrics.REGISTRY.get_sample_value("wince_credential_seconds_left", {"service": "record", "name": "ehr_key_file"})
    assert left == pytest.approx((days - 0.5) * 86_400, abs=43_300)


def test_a_certificate_that_ends_tomorrow(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, private = authority.issue("wince")
    settings = Settings(state_dir=tmp_path / "s", ehr_cert_file=certificate, ehr_cert_key_file=private, ehr_ca_file=authority.file)
    assert looked(settings, tmp_path) == {"ehr_cert_file": State.WARNING, "ehr_ca_file": State.WARNING}
    assert {one.what: one.state for one in keys.check(settings)}["ehr_cert_file"] is Found.WARNING


def test_every_certificate_and_authority_that_can_be_set_is_watched(tmp_path: Path) -> None:
    """A sender's, the brokers' or the services' authority that ends cuts them off as surely as a certificate of ours does."""
    file = str(Authority(tmp_path).issue("wince")[0])
    paths = [path for path in catalogue.by_path() if path.endswith(("cert_file", "ca_file"))]
    names = [path for path in paths if not path.startswith("cameras.")]
    given: dict[str, Any] = {"state_dir": tmp_path / "s"}
    for name in names:
        section, _, field = name.rpartition(".")
        (given.setdefault(section, {}) if section else given)[field] = file
    settings = Settings(**given)
    assert {one.name for one in expiry.credentials(settings)} == set(names)
    assert len(names) > 15


def test_where_nothing_ends_there_is_one_row(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "s")
    assert expiry.credentials(settings) == []
    assert looked(settings, tmp_path) == {"credentials": State.OK}


@pytest.mark.parametrize(("service", "told"), [
    ("hospital", {"ehr_cert_file", "kafka_ca_file", "mllp_cert_file", "rpc.tls_cert_file"}),
    ("imaging", {"dicom_cert_file", "kafka_ca_file", "rpc.tls_cert_file"}),
    ("capture", {"rpc.tls_cert_file"}),
])  # fmt: skip
def test_each_service_tells_when_those_end_that_it_uses(tmp_path: Path, service: str, told: set[str]) -> None:
    """In its own scrape, from the first second on: each may have certificates of its own, which lie nowhere else."""
    file, key_file = Authority(tmp_path).issue("wince")
    names = ("mllp_cert_file", "dicom_cert_file", "ehr_cert_file", "kafka_ca_file")
    rpc = RpcSettings(tls_cert_file=file, tls_key_file=key_file)
    settings = Settings(state_dir=tmp_path / "s", metrics_port=0, rpc=rpc, **dict.fromkeys(names, file))
    metrics.CREDENTIAL_LEFT.clear()
    watched: list[Watched] = []
    with ExitStack() as stack:
        process.answering(service, settings, stack, watched)
        page = next(one for one in watched if isinstance(one, metrics.MetricsPage))
        with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
    assert set(re.findall(rf'^wince_credential_seconds_left{{name="([^"]+)",service="{service}"}}', text, re.MULTILINE)) == told


def test_of_every_certificate_that_can_be_set_some_service_tells() -> None:
    for path in catalogue.by_path():
        if path.endswith(("cert_file", "ca_file")) and not path.startswith("cameras."):
            assert set(readers(path)) <= set(PORTS), path
    assert readers("ehr_key_file")


def test_of_what_is_believed_of_cameras_the_first_that_ends_is_told(tmp_path: Path) -> None:
    """An authority of all, or a camera's own certificate: capture tells, and nobody else."""
    folders = [tmp_path / "late", tmp_path / "early"]
    for folder in folders:
        folder.mkdir()
    late, early = Authority(folders[0], days=400).file, Authority(folders[1]).file
    beds = (("icu-1", late), ("icu-2", early), ("icu-3", tmp_path / "absent"))
    cameras = tuple(Camera(id=name, bed="ICU^101^A", url=f"rtsps://{name}.example/live", ca_file=file) for name, file in beds)
    settings = Settings(state_dir=tmp_path / "s", cameras=cameras)
    (found,) = expiry.credentials(settings)
    assert (found.name, "icu-2" in found.remedy) == ("cameras.ca_file", True)
    metrics.CREDENTIAL_LEFT.clear()
    for service in PORTS:
        expiry.tell(settings, service)
    (told,) = metrics.CREDENTIAL_LEFT.collect()[0].samples
    assert (told.labels, told.value < 86_400) == ({"service": "capture", "name": "cameras.ca_file"}, True)
