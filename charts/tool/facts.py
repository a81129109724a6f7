"""What templates need to know of the code: ports, partitions, rights on Kafka, which setting goes where. Written to files/wince.json."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from wince.bus import access
from wince.bus.topics import PARTITIONS, TOPICS
from wince.rpc.ports import PORTS
from wince.serve.readers import KAFKA, READERS, readers
from wince.settings.catalogue import Setting, by_path

FILE = Path("files/wince.json")
COMPONENTS = tuple(PORTS)
WITHOUT_DATABASE = ("detect", "estimate")
ON_DISK = ("record", "imaging")
"""Components of which each replica has files of its own: record its signed checkpoints, imaging the objects that came in."""

MODELS = tuple(name for name in COMPONENTS if name != "hospital")
"""Components that look whether the models of the site's protocols are there."""

ELSEWHERE = "a secret stands in no values: put it into a Secret and name that in {}"
CHART_SETS = "the chart sets it{}"
REFUSED = {
    "pg_dsn": ELSEWHERE.format("secrets.database.existingSecret"),
    "kafka_password": ELSEWHERE.format("secrets.kafka.existingSecret"),
    "audit_key_file": ELSEWHERE.format("secrets.auditKey.existingSecret"),
    "logs_key_file": ELSEWHERE.format("secrets.logsKey.existingSecret"),
    "checkpoint_file": CHART_SETS.format(
        ": each replica of record keeps its checkpoints on its own volume (components.record.persistence)"
    ),
    "state_dir": CHART_SETS.format(""),
    "models_dir": CHART_SETS.format(": models lie in the image, or on the volume of models.existingClaim"),
    "protocol_dir": CHART_SETS.format(": put protocol files into protocols.files or protocols.existingConfigMap"),
    "detect": CHART_SETS.format(": capture finds detect by its Service"),
    "schema_at_start": CHART_SETS.format(": the migration Job changes the schema, services wait for it"),
    "metrics_host": CHART_SETS.format("; metrics.port is the port"),
    "metrics_port": CHART_SETS.format(": use metrics.port"),
    "insecure_metrics_beyond_loopback": CHART_SETS.format(
        ": metrics.enabled answers them in the pod network, networkPolicy.prometheus says to whom"
    ),
    "health_host": CHART_SETS.format("; health.port is the port"),
    "health_port": CHART_SETS.format(": use health.port"),
    "rpc.host": CHART_SETS.format(""),
    "rpc.port": CHART_SETS.format(": each component has its own, as docs/reference/ports.md lists them"),
    "rpc.tls_cert_file": CHART_SETS.format(": use rpc.tls.existingSecret"),
    "rpc.tls_key_file": CHART_SETS.format(": use rpc.tls.existingSecret"),
    "rpc.tls_client_ca_file": CHART_SETS.format(": use rpc.tls.mutual"),
    "rpc.token_file": ELSEWHERE.format("rpc.tokens.existingSecret"),
    "rpc.ca_file": CHART_SETS.format(": it is ca.crt of rpc.tls.existingSecret"),
    "rpc.client_cert_file": CHART_SETS.format(": use rpc.tls.mutual"),
    "rpc.client_key_file": CHART_SETS.format(": use rpc.tls.mutual"),
    "rpc.client_token_file": ELSEWHERE.format("rpc.captureToken.existingSecret"),
    "mllp_host": CHART_SETS.format(""),
    "mllp_port": CHART_SETS.format(": use mllp.port"),
    "mllp_cert_file": CHART_SETS.format(": use mllp.tls.existingSecret"),
    "mllp_key_file": CHART_SETS.format(": use mllp.tls.existingSecret"),
    "mllp_client_ca_file": CHART_SETS.format(": it is ca.crt of mllp.tls.existingSecret"),
    "dicom_host": CHART_SETS.format(""),
    "dicom_port": CHART_SETS.format(": use dicom.port"),
    "dicom_cert_file": CHART_SETS.format(": use dicom.tls.existingSecret"),
    "dicom_key_file": CHART_SETS.format(": use dicom.tls.existingSecret"),
    "dicom_client_ca_file": CHART_SETS.format(": it is ca.crt of dicom.tls.existingSecret"),
    "dicom_folder": CHART_SETS.format(": objects lie on components.imaging.persistence"),
    "stow_host": CHART_SETS.format(""),
    "stow_port": CHART_SETS.format(": use stow.port"),
    "archive_commitment_listen": CHART_SETS.format(": use archiveCommitment.port"),
    "serving.target": CHART_SETS.format(": use torchserve.enabled, or torchserve.external"),
    "serving.python": CHART_SETS.format(": only `wince up` reads it"),
    "log_json": CHART_SETS.format(": a pod's logs are JSON lines"),
}
"""Settings that stand in no `settings:`, and where the same is said instead."""
OWN_PATHS = ("anchor_file", "anchor_tsa_file", "census_file", "dicom_watch_folder")
"""Paths on volumes of the site's own (extraVolumes): they stand in `settings:` as they are."""


PRIVATE = ("key_file", "token_file", "login_file", "credentials_file", "headers_file")
"""How settings end whose files hold a secret."""
SAME = (
    "site", "cameras", "protocol", "routing", "consent_required", "outranking_codes", "replay_at", "kafka_bootstrap", "kafka_security",
    "kafka_prefix", "kafka_mechanism", "oidc", "traces", "otlp", "clock_ahead_s",
)  # fmt: skip
"""Settings that all components share."""


def facts() -> dict[str, Any]:
    """Everything, as JSON."""
    return {
        "components": {name: _component(name) for name in COMPONENTS},
        "partitions": PARTITIONS,
        "refused": {**{path: words for path, words in REFUSED.items() if _known(path)}, **{one.path: _as_file(one) for one in files()}},
        "files": {setting.path: list(readers(setting.path)) for setting in files()},
        "readers": {begin: list(who) for begin, who in READERS.items() if begin.endswith("_")},
        "private": [setting.path for setting in files() if setting.path.endswith(PRIVATE)],
        "same": [name for name in SAME if _known(name) or name in _TABLES],
        "topics": [{"name": topic.name, "config": topic.configs()} for topic in TOPICS.values()],
        "users": {who.removeprefix("User:"): _acls(needed) for who, needed in access.services_rights().items()},
    }


@cache
def known() -> dict[str, Setting]:
    """Every setting by its path."""
    return by_path()


@cache
def files() -> list[Setting]:
    """Settings that name a file to be mounted, and aren't the chart's own."""
    return [
        one for one in known().values() if one.kind == "path" and one.variable and one.path not in REFUSED and one.path not in OWN_PATHS
    ]


def _as_file(one: Setting) -> str:
    return f"the chart mounts the file: name the Secret or ConfigMap that holds it in files, under {one.path}"


_TABLES = ("cameras", "routing", "oidc", "otlp")


def _known(path: str) -> bool:
    return path in known()


def _component(name: str) -> dict[str, Any]:
    return {
        "port": PORTS[name],
        "database": name not in WITHOUT_DATABASE,
        "kafka": name in KAFKA,
        "disk": name in ON_DISK,
        "models": name in MODELS,
        "consumes": [topic.name for topic in TOPICS.values() if name in topic.readers],
    }


def _acls(needed: tuple[access.Right, ...]) -> list[dict[str, Any]]:
    by_resource: dict[tuple[str, str], list[str]] = {}
    for right in needed:
        by_resource.setdefault((right.kind, right.name), []).append(right.operation)
    return [{"type": kind, "name": name, "operations": operations} for (kind, name), operations in by_resource.items()]
