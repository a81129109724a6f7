"""Settings come from arguments, environment, secret files and a TOML file; unknown keys are refused."""

import pytest

from wince import settings
from wince.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("WINCE_"):
            monkeypatch.delenv(name)


def test_order(monkeypatch, tmp_path):
    """Arguments beat the environment, which beats the file."""
    file = tmp_path / "wince.toml"
    file.write_text('site = "file"\nprotocol = "file"\nehr_client_id = "file"\n[[cameras]]\nid = "c1"\nbed = "W^1^A"\npath = "a.mp4"\n')
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    monkeypatch.setenv("WINCE_SITE", "env")
    monkeypatch.setenv("WINCE_PROTOCOL", "env")
    got = settings.load(site="argument", mllp_port=None)
    assert (got.site, got.protocol, got.ehr_client_id) == ("argument", "env", "file")
    assert got.cameras[0].bed == "W^1^A"


def test_secret_from_file(monkeypatch, tmp_path):
    """WINCE_PG_DSN_FILE gives the DSN, and it is never shown."""
    (tmp_path / "dsn").write_text("host=db password=geheim\n")
    monkeypatch.setenv("WINCE_PG_DSN_FILE", str(tmp_path / "dsn"))
    got = settings.load()
    assert got.pg_dsn is not None
    assert got.pg_dsn.get_secret_value() == "host=db password=geheim"
    assert "geheim" not in repr(got)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("WINCE_SIET", "x", "WINCE_SIET"),
        ("WINCE_MLLP_PORT", "70000", "mllp_port"),
        ("WINCE_LOG_LEVEL", "loud", "log_level"),
        ("WINCE_CONFIG", "/nowhere/wince.toml", "WINCE_CONFIG"),
        ("WINCE_PG_DSN_FILE", "/nowhere/dsn", "WINCE_PG_DSN_FILE"),
        ("WINCE_CAMERAS", '[{"id": "a", "bed": "b^1^1", "path": "x", "region": [0.5, 0, 0.2, 1]}]', "cameras.0.region"),
        ("WINCE_CAMERAS", '[{"id": "a", "bed": "b^1^1", "path": "x"}, {"id": "a", "bed": "c^1^1", "path": "x"}]', "cameras"),
    ],
)
def test_wrong_values_name_the_key(monkeypatch, name, value, field):
    """A wrong value stops with the key and a remedy."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        settings.load()
    assert field in caught.value.field
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["site = ", "sites = 'x'", "x" * (1 << 21)])
def test_wrong_files(monkeypatch, tmp_path, text):
    """A file that is no TOML, has an unknown key or is huge is refused."""
    file = tmp_path / "wince.toml"
    file.write_text(text)
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    with pytest.raises(ConfigError):
        settings.load()


@pytest.mark.parametrize("url", ["nonsense", "ftp://ehr/fhir", "http://"])
def test_ehr_url(monkeypatch, url):
    """What is no http URL is refused at the start, not found out at the first delivery."""
    monkeypatch.setenv("WINCE_EHR_URL", url)
    with pytest.raises(ConfigError) as caught:
        settings.load()
    assert caught.value.field == "ehr_url (WINCE_EHR_URL)"
    assert caught.value.exit_code == 4


def test_section_from_the_environment(monkeypatch):
    """A section's key has two underscores; an unknown one is refused by name."""
    monkeypatch.setenv("WINCE_RPC__PORT", "5001")
    assert settings.load().rpc.port == 5001
    monkeypatch.setenv("WINCE_RPC__PRT", "5001")
    with pytest.raises(ConfigError) as caught:
        settings.load()
    assert caught.value.field == "rpc.prt (WINCE_RPC__PRT)"
    assert caught.value.remedy == "did you mean port?"


@pytest.mark.parametrize("text", ["\\u0000", "a\\u001b[2J", "\\u0085"])
def test_a_control_character_in_any_text_is_named_with_its_place(monkeypatch, tmp_path, text):
    file = tmp_path / "wince.toml"
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    for content, key in (
        (f'site = "{text}"', "site"),
        (f'[[cameras]]\nid = "c1"\nbed = "W^1^A{text}"\npath = "a.mp4"', "cameras.0.bed"),
    ):
        file.write_text(content)
        with pytest.raises(ConfigError) as caught:
            settings.load()
        assert caught.value.field.startswith(f"{key} ("), caught.value.field
        assert "wince.toml" in caught.value.field
