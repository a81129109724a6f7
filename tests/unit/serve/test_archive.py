"""One way to the archive: what its settings may not contradict, secrets out of files, the extra that it needs."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.certificates import Authority
from wince.delivery.sr.target import SrTarget
from wince.dicom.scu.client import DicomArchive
from wince.dicom.scu.stow import WebArchive
from wince.domain.entry import Kind
from wince.errors import ConfigError
from wince.serve import archive
from wince.serve.expiry import credentials
from wince.serve.targets import every
from wince.settings import Settings
from wince.store.plain import load

LISTEN = "archive_commitment_listen"


def test_without_a_url_there_is_no_archive() -> None:
    assert "archive" not in [kind.name for kind in every.set_kinds(Settings())]
    assert [kind.name for kind in every.set_kinds(Settings(archive_url="dicom://localhost"))] == ["archive"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"archive_url": "dicom://pacs.example"}, "archive_url"),
        ({"archive_url": "http://pacs.example/dicom-web"}, "archive_url"),
        ({"archive_url": "https://pacs.example/dicom-web", "archive_commitment": True}, "archive_commitment"),
        ({"archive_url": "dicom://localhost", "archive_token_file": "x"}, "archive_token_file or archive_login_file"),
        ({"archive_url": "https://pacs.example", "archive_token_file": "x", "archive_login_file": "y"}, "archive_login_file"),
        ({"archive_url": "dicom://localhost", LISTEN: "127.0.0.1:11113"}, LISTEN),
        ({"archive_url": "dicom://localhost", "archive_commitment": True, LISTEN: "0.0.0.0:11113"}, LISTEN),
        ({"archive_url": "dicoms://localhost", "archive_commitment": True, LISTEN: "0.0.0.0:11113"}, LISTEN),
        ({"archive_url": "dicom://localhost", "archive_commitment": True, LISTEN: "0.0.0.0:0"}, LISTEN),
        ({"archive_url": "dicoms://localhost", "archive_cert_file": "x"}, "archive_cert_file"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        every.check(Settings(**said))
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.parametrize(
    "said",
    [
        {"archive_url": "ftp://localhost"}, {"archive_url": "https://user:word@localhost"}, {"archive_url": "dicom://localhost/PACS"},
        {"archive_url": "dicom://localhost:99999"}, {"archive_called_ae": "A" * 17}, {"archive_called_ae": "A\\B"},
        {"archive_calling_ae": ""}, {"archive_commitment_listen": "11113"},
    ],
)  # fmt: skip
def test_what_is_no_address_or_title_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**said)


def test_an_absent_extra_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "highdicom" else found(name, *rest))
    with pytest.raises(ConfigError, match="highdicom") as caught:
        every.check(Settings(archive_url="dicom://localhost"))
    assert "make imaging" in caught.value.remedy


def test_the_scheme_says_how_it_is_reached(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert isinstance(archive.archive(Settings(archive_url="dicom://localhost"), stack), DicomArchive)
        assert isinstance(archive.archive(Settings(archive_url="https://pacs.example/dicom-web"), stack), WebArchive)
        plain, secure = Settings(archive_url="dicom://localhost"), Settings(archive_url="dicoms://pacs.example")
        assert (archive.peer(plain, archive.check(plain)).port, archive.peer(plain, archive.check(plain)).tls) == (104, None)
        assert (archive.peer(secure, archive.check(secure)).port, archive.peer(secure, archive.check(secure)).tls is None) == (2762, False)


def test_secrets_are_read_again_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in ("", "zwei\nzeilen", "schlüssel"):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            archive.check(Settings(archive_url="https://pacs.example", archive_token_file=path))
        assert not text or text not in caught.value.diagnostics()
    path.write_text("first\n")
    said = archive._authorization(Settings(archive_url="https://pacs.example", archive_token_file=path))
    assert said() == "Bearer first"
    path.write_text("second\n")
    assert said() == "Bearer second"
    path.write_text("no-colon")
    with pytest.raises(ConfigError):
        archive.check(Settings(archive_url="https://pacs.example", archive_login_file=path))


def test_codes_standing_and_site_reach_the_reports() -> None:
    from tests.contract.ehr.samples import PROTOCOLS, entry
    from wince.delivery.sr.report import Report

    codes = [{"protocol": "activity", "system": "urn:oid:1.2", "code": "7"}]
    settings = Settings(archive_url="dicom://localhost", site="north", ehr_codes=codes, ehr_standing={"activity": "final"})
    with ExitStack() as stack:
        [target] = every.targets(settings, PROTOCOLS, stack)
        assert isinstance(target, SrTarget)
        body = target.render(entry(Kind.GRADE))
    assert isinstance(body, str)
    facts = load(Report, body)
    assert (facts.status, facts.values[0].also[0].value) == ("final", "7")


def test_its_certificates_are_watched(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    chain, key = authority.issue("wince")
    settings = Settings(
        archive_url="dicoms://pacs.example", archive_cert_file=chain, archive_cert_key_file=key, archive_ca_file=authority.file
    )
    assert {one.name for one in credentials(settings)} == {"archive_cert_file", "archive_ca_file"}
