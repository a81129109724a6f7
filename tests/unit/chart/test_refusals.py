"""The chart refuses what can't work, and names value and remedy."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.kube.tools import HELMS
from tests.unit.chart.rendered import CHART, facts, helm, values_file
from wince.settings.catalogue import by_path

OPEN = "{insecure_listen_beyond_loopback: true}"
CASES = [
    # set, what is changed, the value that is named, words of the remedy
    ("minimal", "settings.site=null", "settings.site", "name"),
    ("minimal", "secrets.auditKey.existingSecret=", "secrets.auditKey.existingSecret", "openssl genpkey"),
    ("minimal", "secrets.logsKey.existingSecret=", "secrets.logsKey.existingSecret", "32 random bytes"),
    ("minimal", "secrets.database.existingSecret=", "secrets.database.existingSecret", "sslmode"),
    ("operators", "secrets.database.existingSecret=x", "secrets.database.existingSecret", "leave one"),
    ("minimal", "settings.pg_dsn=x", "settings.pg_dsn", "secrets.database.existingSecret"),
    ("minimal", "settings.kafka_password=x", "settings.kafka_password", "secrets.kafka.existingSecret"),
    ("minimal", "components.record.settings.rpc.port=1", "components.record.settings.rpc.port", "ports.md"),
    ("minimal", "components.grade.settings.ehr_url=https://x", "components.grade.settings.ehr_url", "for record, care, hospital"),
    ("minimal", "components.grade.env=[{name: WINCE_SITE!value: x}]", "components.grade.env (WINCE_SITE)", "components.grade.settings"),
    ("minimal", "settings.ehr_key_file=/x", "settings.ehr_key_file", "files"),
    ("minimal", "components.grade.settings.site=x", "components.grade.settings.site", "settings.site"),
    ("minimal", "components.grade.settings.kafka_prefix=a-", "components.grade", "settings.kafka_prefix"),
    ("high-availability", "files.ehr_key_file.configMap=x,files.ehr_key_file.secret=null", "files.ehr_key_file", "Secret"),
    ("minimal", "rpc.tls.enabled=false", "rpc.tls.enabled", "insecure_listen_beyond_loopback"),
    ("minimal", f"rpc.tls.enabled=false,components.grade.settings.rpc={OPEN}", "rpc.tls", "detect, estimate, hospital"),
    ("minimal", "rpc.tls.existingSecret=", "rpc.tls.existingSecret", "certManager.enabled"),
    ("minimal", "rpc.tokens.existingSecret=", "rpc.tokens.existingSecret", "tokens"),
    ("minimal", "rpc.captureToken.existingSecret=", "rpc.captureToken.existingSecret", "publish"),
    ("one-bed", "rpc.tls.mutual=true", "rpc.tls.mutual", "rpc.tls.enabled"),
    ("own-ca", "settings.oidc.audience=null", "settings.oidc.audience", "issuer"),
    ("own-ca", "settings.oidc.jwks=http://x", "settings.oidc.jwks", "https"),
    ("minimal", "settings.kafka_bootstrap=null", "settings.kafka_bootstrap", "HOST:PORT"),
    ("minimal", "settings.kafka_bootstrap=kafka", "settings.kafka_bootstrap", "kafka-1.example:9093"),
    ("minimal", "settings.kafka_security=plaintext", "settings.kafka_security", "scram or tls"),
    ("minimal", "secrets.kafka.existingSecret=", "secrets.kafka.existingSecret", "wince-{component}"),
    ("mtls", "files.kafka_key_file=null", "files.kafka_key_file", "kafka_cert_file"),
    ("minimal", "settings.time_zone=null", "settings.time_zone", "Europe/Berlin"),
    ("minimal", "mllp.tls.enabled=false", "mllp.tls.enabled", "insecure_mllp_beyond_loopback"),
    ("minimal", "mllp.tls.existingSecret=", "mllp.tls.existingSecret", "ca.crt"),
    ("minimal", "components.detect.enabled=false", "components.detect.enabled", "components.capture.enabled"),
    ("minimal", "dicom.enabled=true", "components.imaging.enabled", "dicom.enabled"),
    ("own-ca", "dicom.enabled=false,stow.enabled=false,ingress.enabled=false", "components.imaging.enabled", "dicom_watch_folder"),
    ("own-ca", "dicom.tls.enabled=false", "dicom.tls.enabled", "insecure_dicom_beyond_loopback"),
    ("own-ca", "dicom.tls.existingSecret=", "dicom.tls.existingSecret", "certManager.enabled"),
    ("own-ca", "settings.dicom_peers=null", "settings.dicom_peers", "TITLE@HOST"),
    ("own-ca", "files.stow_token_file=null,settings.oidc=null", "files.stow_token_file", "tokens"),
    ("minimal", "secrets.cameras.existingSecret=", "secrets.cameras.existingSecret", "icu-101-a"),
    ("minimal", "settings.cameras.0.login_file=/x", "settings.cameras (icu-101-a).login_file", "/etc/wince/secrets/cameras/KEY"),
    ("high-availability", "settings.ehr_url=http://ehr.example", "settings.ehr_url", "https"),
    ("high-availability", "files.ehr_key_file=null", "files.ehr_key_file", "ehr_auth is smart"),
    ("mtls", "files.ehr_cert_key_file=null", "files.ehr_cert_file", "files.ehr_cert_key_file"),
    ("own-ca", "settings.archive_url=dicom://pacs.example", "settings.archive_url", "dicoms"),
    ("own-ca", "settings.archive_url=https://pacs.example/dicom-web", "settings.archive_commitment", "dicoms"),
    ("own-ca", "files.archive_token_file.secret=a,files.archive_token_file.key=b", "files.archive_token_file", "STOW-RS"),
    ("own-ca", "settings.archive_commitment=false", "archiveCommitment.port", "settings.archive_commitment"),
    ("own-ca", "settings.oru_tls=false", "settings.oru_tls", "insecure_oru_beyond_loopback"),
    ("own-ca", "files.anchor_tsa_ca_file=null", "files.anchor_tsa_ca_file", "anchor_tsa_url"),
    ("high-availability", "settings.anchor_file=/mnt/x", "settings.anchor_file", "anchor_bucket"),
    ("own-ca", "settings.otlp.endpoint=http://c.example:4317", "settings.otlp.endpoint", "https"),
    ("own-ca", "settings.otlp.endpoint=null", "settings.otlp.endpoint", "https"),
    ("gpu", "models.sha256=null", "models.sha256", "models.existingClaim"),
    ("gpu", "models.existingClaim=", "models.existingClaim", "TorchServe"),
    ("gpu", "models.sha256.store/infant-1|0|mar=null", "models.sha256", "lab pack"),
    ("own-ca", "torchserve={enabled: true}", "torchserve.enabled", "torchserve.external"),
    ("gpu", "torchserve.external=a.example:7070", "torchserve.external", "leave one"),
    ("gpu", "files.serving|manifest=null", "serving.manifest", "lab pack"),
    ("gpu", "torchserve.enabled=false,torchserve.external=a.example:7070", "serving.ca_file", "insecure_target_beyond_loopback"),
    ("high-availability", "components.estimate.hpa.enabled=true", "components.estimate.hpa.enabled", "turn one off"),
    ("high-availability", "components.grade.keda.minReplicas=7", "components.grade.keda.minReplicas", "above maxReplicas"),
    ("high-availability", "components.estimate.keda.maxReplicas=13", "components.estimate.keda.maxReplicas", "12 partitions"),
    ("minimal", "components.record.replicas=13", "components.record.replicas", "12 partitions"),
    ("minimal", "components.estimate.hpa={enabled: true!maxReplicas: 20}", "components.estimate.hpa.maxReplicas", "12 at most"),
    ("operators", "keda.existingSecret=", "keda.existingSecret", "wince-status"),
    ("minimal", "networkPolicy.database.peers=null", "networkPolicy.database.peers", "cidr"),
    ("minimal", "networkPolicy.cameras.peers=null", "networkPolicy.cameras.peers", "capture"),
    ("minimal", "networkPolicy.mllpSenders.peers=null", "networkPolicy.mllpSenders.peers", "hospital"),
    ("high-availability", "networkPolicy.ehr.peers=null", "networkPolicy.ehr.peers", "connects to it"),
    ("high-availability", "networkPolicy.prometheus.peers=null", "networkPolicy.prometheus.peers", "metrics"),
    ("own-ca", "networkPolicy.oru.peers=null,networkPolicy.traces.peers=null", "networkPolicy.oru.peers", "record"),
    ("minimal", "networkPolicy.database.ports=[]", "networkPolicy.database.ports", "every port"),
    ("minimal", "metrics.port=7420", "metrics.port", "taken by health.port"),
    ("minimal", "health.port=7424", "health.port", "gRPC in grade"),
    ("minimal", "mllp.port=9400", "mllp.port", "taken by metrics.port"),
    ("own-ca", "dicom.port=8042", "stow.port", "taken by dicom.port"),
    ("gpu", "metrics.port=7070", "metrics.port", "taken by TorchServe"),
    ("own-ca", "archiveCommitment.port=9400", "metrics.port", "taken by archiveCommitment.port"),
    ("high-availability", "metrics.enabled=false", "metrics.enabled", "serviceMonitor"),
    ("mtls", "certManager.issuerRef.name=", "certManager.issuerRef.name", "Issuer"),
    ("operators", "strimzi.cluster=", "strimzi.cluster", "Kafka cluster"),
    ("operators", "settings.kafka_security=insecure-plaintext", "settings.kafka_security", "scram or tls"),
    ("operators", "strimzi.minInsyncReplicas=4", "strimzi.minInsyncReplicas", "nothing could be written"),
    ("operators", "gateway.parentRefs=null", "gateway.parentRefs", "Gateway"),
    ("operators", "rpc.tls.mutual=true", "gateway.grpc", "client certificate"),
    ("operators", "gateway.caConfigMap=", "gateway.caConfigMap", "authority"),
    ("operators", "components.care.enabled=false", "gateway.grpc.care", "not enabled"),
    ("operators", "stow.enabled=false", "stow.enabled", "a route leads there"),
    ("own-ca", "ingress.host=", "ingress.host", "host name"),
]  # fmt: skip


def changed(values: str, change: str) -> dict[str, Any]:
    """A value set of ci/ with "path=value,path=value"; null takes a key out, and ! in a value is a comma."""
    found: dict[str, Any] = yaml.safe_load(values_file(values).read_text())
    for one in change.split(","):
        path, _, value = one.partition("=")
        *parts, last = [int(part) if part.isdigit() else part.replace("|", ".") for part in path.split(".")]
        here: Any = found
        for part in parts:
            here = here[part] if isinstance(part, int) else here.setdefault(part, {})
        if value == "null":
            here.pop(last)
        else:
            here[last] = yaml.safe_load(value.replace("!", ", ")) if value else ""
    return found


def refused(values: dict[str, Any], folder: Path) -> str:
    """What Helm says where the chart refuses these values."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("helm4").run("template", "icu", CHART, "--values", file, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(("values", "change", "value", "remedy"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_what_can_not_work_is_refused_by_name(values: str, change: str, value: str, remedy: str, tmp_path: Path) -> None:
    said = refused(changed(values, change), tmp_path)
    lines = [line for line in said.splitlines() if line.startswith("- ") and value in line]
    assert lines, said
    assert any(remedy in line for line in lines), lines


@pytest.mark.parametrize("peer", HELMS)
def test_everything_that_is_missing_is_named_at_once(peer: str) -> None:
    said = helm(peer).run("template", "icu", CHART, check=False).stderr
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("- ")] == [
        "- settings.site", "- secrets.auditKey.existingSecret", "- secrets.logsKey.existingSecret", "- secrets.database.existingSecret",
        "- rpc.tls.existingSecret", "- rpc.tokens.existingSecret", "- settings.kafka_bootstrap", "- settings.kafka_security",
        "- settings.time_zone", "- mllp.tls.existingSecret", "- networkPolicy.database.peers", "- networkPolicy.kafka.peers",
        "- networkPolicy.mllpSenders.peers",
    ]  # fmt: skip


def test_components_may_listen_in_the_clear_one_by_one(tmp_path: Path) -> None:
    """What is said for each component is as good as what is said for all."""
    values = changed("minimal", "rpc.tls.enabled=false,rpc.tokens.existingSecret=,rpc.captureToken.existingSecret=")
    for name in facts()["components"]:
        if name != "imaging":
            values.setdefault("components", {}).setdefault(name, {})["settings"] = {"rpc": {"insecure_listen_beyond_loopback": True}}
    assert refused(values, tmp_path) == ""


def test_every_setting_that_belongs_elsewhere_is_refused(tmp_path: Path) -> None:
    known = by_path()
    values = changed("minimal", "settings.site=x")
    for path in facts()["refused"]:
        table, _, key = path.rpartition(".")
        holder = values["settings"].setdefault(table, {}) if table else values["settings"]
        holder[key] = known[path].example
    said = refused(values, tmp_path)
    assert [path for path in facts()["refused"] if f"- settings.{path}: " not in said] == []


def test_a_set_that_was_not_changed_is_taken(tmp_path: Path) -> None:
    """What these tests change is what is refused."""
    assert refused(changed("minimal", "settings.site=x"), tmp_path) == ""
