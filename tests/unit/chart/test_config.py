"""The rendered wince.toml is one that the program reads, and names no file that isn't mounted."""

from pathlib import Path

import pytest

from tests.unit.chart.rendered import NAME, NAMESPACE, Manifest, named, of_kind, pod, pods, services, settings, texts
from wince.settings import load

Made = tuple[Manifest, ...]


def test_the_program_reads_its_settings(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in services(made):
        file = tmp_path / one.component
        file.write_text(named(made, "ConfigMap", f"{NAME}-{one.component}")["data"]["wince.toml"])
        monkeypatch.setenv("WINCE_CONFIG", str(file))
        loaded = load()
        assert str(loaded.state_dir) == "/var/lib/wince"
        assert loaded.schema_at_start == "expect"
        assert loaded.site != "wince-demo"
        assert loaded.rpc.port in {port["containerPort"] for port in one.main["ports"]}


def test_every_file_that_is_named_is_mounted(made: Made) -> None:
    for one in services(made):
        own = settings(made, one.component)
        environment = [variable["value"] for variable in one.main["env"] if "value" in variable]
        words = " ".join([*texts(own), *environment]).replace("=", " ").split()
        named_files = {word for word in words if word.startswith("/etc/wince/")}
        assert named_files - {"/etc/wince/wince.toml"} <= one.files(), one.component
        assert "/etc/wince/wince.toml" in one.files()


def test_a_secret_goes_only_where_it_is_read(made: Made) -> None:
    for one in pods(made):
        folders = {file.split("/")[4] for file in one.files() if file.startswith("/etc/wince/secrets/")}
        assert ("audit-key" in folders) == (one.component in ("record", "test"))  # the test looks with record's own files
        assert ("database" in folders) == (one.component not in ("detect", "estimate"))
        assert "kafka" not in folders or one.component not in ("capture", "migrate", "retention")
        assert "cameras" not in folders or one.component == "capture"
        assert "ehr-key-file" not in folders or one.component in ("record", "care", "hospital", "test")
        if one.component in ("migrate", "retention"):
            assert folders == {"database"}
        else:
            assert "logs-key" in folders


def test_no_secret_stands_in_a_manifest(made: Made) -> None:
    assert of_kind(made, "Secret") == []
    for one in pods(made):
        for container in one.containers:
            for variable in container.get("env", ()):
                assert "value" not in variable or not variable["name"].endswith(("PASSWORD", "TOKEN", "KEY"))
    for one in of_kind(made, "ConfigMap"):
        assert "PRIVATE KEY" not in str(one)


def test_gRPC_beyond_loopback_has_tls_and_knows_its_callers(made: Made) -> None:
    for one in services(made):
        rpc = settings(made, one.component)["rpc"]
        assert rpc["host"] == "0.0.0.0"
        if not rpc.get("insecure_listen_beyond_loopback"):
            assert {"tls_cert_file", "tls_key_file", "ca_file"} <= rpc.keys()
            assert "token_file" in rpc or settings(made, one.component)["oidc"]["issuer"]


def test_capture_finds_every_replica_of_detect(made: Made) -> None:
    """Over the addresses of a Service without one of its own, by a name that detect's certificate holds."""
    address = settings(made, "capture")["detect"]
    assert address == f"dns:///{NAME}-detect-streams.{NAMESPACE}.svc:7422"
    streams = named(made, "Service", f"{NAME}-detect-streams")["spec"]
    assert streams["clusterIP"] == "None"
    assert streams["selector"].items() <= pod(made, "detect").labels.items()
    for one in of_kind(made, "Certificate"):
        if one["metadata"]["name"] == f"{NAME}-detect":
            assert f"{NAME}-detect-streams.{NAMESPACE}.svc" in one["spec"]["dnsNames"]
