"""Every command: its help, its JSON, its exit codes, and errors that name what is wrong and what to do."""

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.conftest import reachable
from tests.face_models import fetched
from wince import __version__, settings
from wince.cli import config as config_command
from wince.cli.main import COMMANDS
from wince.cli.usage import UsageError
from wince.errors import ConfigError, IntegrityError, ModelFileError, ResourceError, StoreError, Unavailable, WinceError
from wince.local.postgres.opened import open_database
from wince.models import lock
from wince.serve.state_dir import Places


def test_help_lists_every_command(wince):
    """Each with a line of its own, and the exit codes; each has help."""
    done = wince("--help")
    assert done.code == 0
    listed = re.findall(r"^│ ([a-z0-9]+) +\S", done.out, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert {"run", "assess", "audit", "doctor", "config", "models", "protocols", "lab"} <= set(COMMANDS)
    assert "9 broken promise" in " ".join(done.out.split())
    for name in COMMANDS:
        assert wince(name, "--help").code == 0


def test_version(wince):
    assert wince("--version").out == f"wince {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["fly"], ["run", "--wings"], ["audit", "show", "--limit", "0"], ["protocols", "show"], ["audit", "fly"]], ids=" ".join
)
def test_usage_errors(wince, arguments):
    """Exit code 2, on standard error, without a traceback."""
    done = wince(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "Usage" in done.err
    assert "Traceback" not in done.err


def test_models_list(wince):
    """Every model of the lock, with its licence; text and JSON say the same."""
    rows = wince("models", "list", "--json").json()
    assert [row["name"] for row in rows] == list(lock.load())
    assert all(row["licence"] and row["what"] and len(row["sha256"]) == 64 for row in rows)
    text = wince("models", "list")
    assert text.code == 0
    assert "blazeface" in text.out


def test_models_list_of_an_empty_cache(wince, tmp_path, monkeypatch):
    """The folder that is set counts, not the user's cache."""
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path / "none"))
    assert not any(row["cached"] for row in wince("models", "list", "--json").json())


def test_models_fetch_offline(wince, tmp_path, monkeypatch):
    """Where the registry can't be reached it says so and how to do without: exit code 6."""
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path / "none"))
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(name, value)
    done = wince("models", "fetch", "--json")
    assert done.code == Unavailable.exit_code == 6, done.err
    assert "PIP_FIND_LINKS" in done.json()["remedy"]
    assert "No matching distribution found" in done.json()["message"], "pip's own last words"


def test_protocols_list(wince):
    rows = wince("protocols", "list", "--json").json()
    assert "activity" in {row["name"] for row in rows}
    text = wince("protocols", "list")
    assert text.code == 0
    assert all(row["name"] in text.out for row in rows)


def test_protocols_show(wince):
    shown = wince("protocols", "show", "activity", "--json").json()
    assert shown["name"] == "activity"
    assert shown["scale"]["grades"]
    text = wince("protocols", "show", "activity")
    assert text.code == 0
    assert shown["scale"]["name"] in text.out


def test_an_unknown_protocol(wince, monkeypatch):
    """With the names of those that there are: exit code 2 as an argument, 3 as a setting."""
    done = wince("protocols", "show", "wishful")
    assert done.code == 2
    assert "activity" in done.err
    monkeypatch.setenv("WINCE_PROTOCOL", "wishful")
    assert wince("config", "check").code == 3


def test_config_check(wince):
    assert wince("config", "check", "--json").json()["ok"] is True
    assert "sound" in wince("config", "check").out


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('sites = "x"', "sites"),
        ("mllp_port = 70000", "mllp_port"),
        ("mllp_port = ", "wince.toml"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\npath = "/nowhere.mp4"', "cameras.a.path"),
        ('[[cameras]]\nid = "a b"\nbed = "B^1^1"\npath = "x"', "cameras.0.id"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\npath = "x"\nregion = [0.5, 0, 0.2, 1]', "cameras.0.region"),
        ('ehr_key_file = "/nowhere.pem"', "ehr_key_file"),
        ('rpc = { host = "0.0.0.0" }', "rpc.tls_cert_file"),
        ('rpc = { token_file = "/nowhere" }', "rpc.token_file"),
        ('rpc = { tls_cert_file = "/nowhere", tls_key_file = "/nowhere" }', "rpc.tls_key_file"),
        ('rpc = { ca_file = "/nowhere" }', "rpc.ca_file"),
        ('mllp_host = "0.0.0.0"', "mllp_cert_file"),
        ('mllp_client_ca_file = "/nowhere"', "mllp_client_ca_file"),
        ('traces = "otlp"\notlp = { endpoint = "http://collector.example:4317" }', "otlp.endpoint"),
        ('kafka_bootstrap = "kafka.example:9092"', "kafka_security"),
        ('kafka_bootstrap = "kafka.example:9092"\nkafka_security = "tls"\nkafka_ca_file = "/nowhere"', "kafka_ca_file"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\nurl = "rtsps://c.example/2"\nca_file = "/nowhere"', "cameras.a.ca_file"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\nurl = "rtsp://c.example/2"\nca_file = "/nowhere"', "cameras.a.url"),
    ],
)
def test_config_check_of_a_bad_file(wince, tmp_path, monkeypatch, text, field):
    """The key that is wrong is named; exit code 4."""
    file = tmp_path / "wince.toml"
    file.write_text(text)
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    done = wince("config", "check", "--json")
    assert done.code == ConfigError.exit_code == 4, done.err
    assert field in done.json()["field"]
    assert done.json()["remedy"]
    assert f"remedy: {done.json()['remedy']}" in done.err


def test_config_check_of_the_environment(wince, monkeypatch):
    """A setting that there is not, and a file that is not there."""
    monkeypatch.setenv("WINCE_STATEDIR", "x")
    assert "WINCE_STATEDIR" in wince("config", "check").err
    monkeypatch.delenv("WINCE_STATEDIR")
    monkeypatch.setenv("WINCE_CONFIG", "/nowhere.toml")
    done = wince("config", "check")
    assert done.code == 4
    assert "/nowhere.toml" in done.err


def test_config_show_keeps_secrets(wince, tmp_path, monkeypatch):
    """Every setting, cameras as they are, the password of the database not, nor one inside an address."""
    monkeypatch.setenv("WINCE_PG_DSN", "postgresql://wince:hush@127.0.0.1:1/wince")
    monkeypatch.setenv("WINCE_KAFKA_PASSWORD", "hush")
    monkeypatch.setenv("WINCE_OTLP__ENDPOINT", "https://me:hush@collector:4317")
    monkeypatch.setenv("WINCE_CAMERAS", '[{"id": "a", "bed": "B^1^1", "path": "x.mp4"}]')
    shown = wince("config", "show", "--json")
    assert shown.json()["state_dir"]["value"] == str(tmp_path / "state")
    assert shown.json()["cameras.0"]["value"]["bed"] == "B^1^1"
    assert "mllp_port" in wince("config", "show").out
    assert "[[routing]]" in " ".join(wince("config", "show").out.split()), "brackets are text"
    assert "hush" not in shown.out + wince("config", "show").out


def test_config_show_says_where_from(wince, tmp_path, monkeypatch):
    """A variable, a secret's file, a line of the TOML file, or the default; and what it means."""
    file, secret = tmp_path / "wince.toml", tmp_path / "dsn"
    file.write_text('site = "clinic"\nprotocol = "hip"\n[rpc]\n# here\nport = 5000\n[[cameras]]\nid = "a"\nbed = "B^1^1"\npush = true\n')
    secret.write_text("postgresql://db/wince")
    for name, value in {"CONFIG": file, "PG_DSN_FILE": secret, "PROTOCOL": "icu", "RPC__HOST": "::1"}.items():
        monkeypatch.setenv(f"WINCE_{name}", str(value))
    shown = wince("config", "show", "--json").json()
    assert {name: shown[name]["from"] for name in ("site", "protocol", "pg_dsn", "rpc.host", "rpc.port", "rpc.drain_s", "cameras.0")} == {
        "site": f"{file} line 1",
        "protocol": "WINCE_PROTOCOL",
        "pg_dsn": f"WINCE_PG_DSN_FILE={secret}",
        "rpc.host": "WINCE_RPC__HOST",
        "rpc.port": f"{file} line 5",
        "rpc.drain_s": "default",
        "cameras.0": f"{file} line 6",
    }
    assert shown["rpc.drain_s"]["meaning"] == "How long calls in flight may finish after SIGTERM."


@pytest.mark.parametrize(
    ("text", "variables", "field", "remedy"),
    [
        ('site = "a"\nehr_ulr = "x"\n', {}, "ehr_ulr ({file} line 2)", "did you mean ehr_url?"),
        ("[rpc]\n\nprt = 1\n", {}, "rpc.prt ({file} line 3)", "did you mean port?"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\nulr = "x"\n', {}, "cameras.0.ulr ({file} line 4)", "did you mean url?"),
        ("[rpc]\nport = 70000\n", {}, "rpc.port ({file} line 2)", "correct or remove it"),
        ('[[cameras]]\nid = "a"\npush = true\n', {}, "cameras.0.bed ({file} line 1)", "correct or remove it"),
        ('[[cameras]]\nid = "a"\nbed = "B^1^1"\nurl = "http://u:p@c/"\n', {}, "cameras.a.url ({file} line 4)", "login_file"),
        ("", {"WINCE_EHR_ULR": "x"}, "WINCE_EHR_ULR", "did you mean WINCE_EHR_URL?"),
        ("", {"WINCE_RPC_PORT": "1"}, "WINCE_RPC_PORT", "did you mean WINCE_RPC__PORT?"),
        ("", {"WINCE_RPC__PRT": "1"}, "rpc.prt (WINCE_RPC__PRT)", "did you mean port?"),
        ("", {"WINCE_EHR_URL": "https://me:hush@ehr/fhir"}, "ehr_url (WINCE_EHR_URL)", "correct or remove it"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(wince, tmp_path, monkeypatch, text, variables, field, remedy):
    """File and line, or the variable; and the nearest right name."""
    file = tmp_path / "wince.toml"
    file.write_text(text)
    for name, value in {"WINCE_CONFIG": str(file), **variables}.items():
        monkeypatch.setenv(name, value)
    done = wince("config", "check")
    assert done.code == 4
    assert done.err.startswith(f"wince: {field.format(file=file)}: ")
    assert f"remedy: {remedy}" in done.err.replace("put user:password into a file, name it as ", "")
    assert "hush" not in done.err


def test_doctor(wince, monkeypatch):
    """Where everything is there, every line is ok and the exit code 0."""
    fetched()
    monkeypatch.setenv("WINCE_TIME_ZONE", "Europe/Berlin")
    done = wince("doctor", "--json")
    assert done.code == 0, done.out
    said = [one["what"] for one in done.json()]
    assert said == ["python", "protocol", "face models", "disk", "models' disk", "time zone", "audit key", "database"]
    assert all(one["state"] == "ok" for one in done.json())
    assert wince("doctor").out.count("ok ") == 8


@pytest.mark.parametrize("text", ["grade", "grade=host", "nobody=host:7420", "grade=:7420", "grade=host:x"])
def test_doctor_asks_no_service_at_what_is_no_place(wince, text):
    done = wince("doctor", "--health", text)
    assert done.code == 2
    assert f"--health {text}" in done.err
    assert "NAME is one of capture" in done.err


def test_doctor_without_models(wince, tmp_path, monkeypatch):
    """A cache that is empty or not there: exit code 1, and the command that fills it; what `activity` doesn't need isn't missed."""
    for folder in (tmp_path / "none", tmp_path):
        monkeypatch.setenv("WINCE_MODELS_DIR", str(folder))
        done = wince("doctor", "--json")
        assert done.code == 1
        (bad,) = [one for one in done.json() if one["state"] == "missing"]
        assert bad["what"] == "face models"
        assert "wince models fetch" in bad["remedy"]
        assert "landmarker_task" not in bad["found"]
        assert "mtcnn" not in bad["found"]
    assert "wince models fetch" in wince("doctor").out


def test_doctor_with_a_bad_protocol_and_database(wince, monkeypatch):
    """Each thing that is wrong is a line of its own; the others are looked at all the same."""
    monkeypatch.setenv("WINCE_PROTOCOL", "wishful")
    monkeypatch.setenv("WINCE_PG_DSN", "postgresql://wince@127.0.0.1:1/wince")
    done = wince("doctor", "--json")
    assert done.code == 1
    bad = [one for one in done.json() if one["state"] == "missing"]
    assert {"protocol", "database"} <= {one["what"] for one in bad}
    assert all(one["remedy"] for one in bad)


def test_audit_of_a_new_installation(wince, monkeypatch):
    """Nothing has happened: nothing is verified, and the exit code says so; an empty trail is shown, a wrong id is refused."""
    with reachable() as directory:
        monkeypatch.setenv("WINCE_STATE_DIR", str(directory / "state"))
        Places.of(settings.load()).make()
        open_database(None, directory / "state" / "postgres").close()
        done = wince("audit", "verify", "--json")
        assert done.code == 1, done.err
        assert done.json() | {"verified": False, "rows": 0} == done.json()
        said = wince("audit", "verify")
        assert (said.code, "verified (" in said.out, "empty" in said.out) == (1, False, True)
        shown = wince("audit", "show", "--json")
        assert shown.code == 0, shown.err
        assert shown.out == ""
        assert wince("audit", "show").code == 0
        wrong = wince("audit", "show", "--entry", "seven", "--json")
        assert wrong.code == 2
        assert wrong.json()["field"] == "--entry=seven"
        assert wrong.json()["remedy"]
        assert wince("audit", "verify", "--key", "seven").code == 2
        assert list((directory / "state" / "keys").iterdir()) == []


LOOKS = [["audit", "verify"], ["audit", "show"], ["outbox", "list"], ["outbox", "replay", str(UUID(int=7))]]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_mistyped_state_directory(wince, tmp_path, command):
    """What only looks makes nothing: exit code 4, the setting and what to do."""
    done = wince(*command)
    assert done.code == 4
    assert "WINCE_STATE_DIR" in done.err
    assert "remedy" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_state_directory_that_can_not_be_made(wince, tmp_path, monkeypatch):
    """A file lies where the folder should be: exit code 7, and for what only looks 4: there is none."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "file" / "state"))
    for command, code in ((["audit", "verify"], 4), (["outbox", "list"], 4), (["run"], 7)):
        done = wince(*command, "--json")
        assert done.code == code, done.err
        assert "WINCE_STATE_DIR" in json.loads(done.out.splitlines()[-1])["field"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WinceError, 1),
        (UsageError, 2),
        (ConfigError, 4),
        (ModelFileError, 5),
        (Unavailable, 6),
        (ResourceError, 7),
        (StoreError, 8),
        (IntegrityError, 9),
        (KeyboardInterrupt, 130),
    ],
)
def test_exit_codes(wince, monkeypatch, error, code):
    """Every kind of error ends with the code that the help says; an interrupt with 130."""

    def fail(**_):
        raise error("went wrong", field="there", remedy="do that") if issubclass(error, WinceError) else error

    monkeypatch.setattr(config_command, "settings", fail)
    done = wince("config", "check", "--json")
    assert done.code == code
    if issubclass(error, WinceError):
        assert done.json() == {"error": error.code, "message": "went wrong", "field": "there", "remedy": "do that"}
        assert done.err == "wince: there: went wrong\n  remedy: do that\n"


def test_a_command_imports_what_it_needs(wince):
    """`config` and `models list` start without the models' engine."""
    check = """
import sys
from wince.cli.main import main
sys.argv = ["wince", "config", "show", "--json"]
try:
    main()
except SystemExit:
    print("openvino" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parent)
    assert done.stderr.strip() == "False"
    assert json.loads(done.stdout)["protocol"]
