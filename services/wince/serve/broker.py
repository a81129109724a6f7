"""How the installation's Kafka is reached: by its settings, or with the passwords of a broker that `wince up` started. One place, so that
services, checks and status agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from wince.bus.access import PRINCIPALS, STATUS, principal
from wince.bus.names import Names
from wince.serve.state_dir import Places, secret
from wince.settings import Settings

if TYPE_CHECKING:
    from wince.bus.kafka_options import KafkaOptions


def options(settings: Settings, *, connect_s: float = 10.0) -> KafkaOptions:
    """Connection options of the Kafka that is set. Raises ConfigError for values that contradict each other."""
    from wince.bus.kafka_options import KafkaOptions  # the client takes half a second to import

    return KafkaOptions(
        settings.kafka_bootstrap,
        settings.kafka_security,
        settings.kafka_user,
        settings.kafka_password.get_secret_value() if settings.kafka_password else "",
        settings.kafka_ca_file,
        settings.kafka_cert_file,
        settings.kafka_key_file,
        settings.kafka_replication,
        connect_s,
        settings.kafka_mechanism,
        Names(settings.kafka_prefix),
    )


def admit(places: Places, administrator: KafkaOptions, prefix: str = "") -> None:
    """Let every service into a broker that was started here, and keep its password where only this user can read it. `prefix`: before the
    names of topics and groups.

    Raises Unavailable, Refused, OSError.
    """
    from wince.local.kafka_users import admit as admitted

    for service, password in admitted(replace(administrator, names=Names(prefix))).items():
        secret(_password_file(places, service), password)


def environment(places: Places, service: str) -> dict[str, str]:
    """What a service is told to sign in at that broker; nothing for one that does not speak over Kafka."""
    if service not in PRINCIPALS:
        return {}
    user, file = principal(service).removeprefix("User:"), str(_password_file(places, service))
    return {"WINCE_KAFKA_SECURITY": "scram-plaintext", "WINCE_KAFKA_USER": user, "WINCE_KAFKA_PASSWORD_FILE": file}


def beside(settings: Settings, places: Places, bootstrap: str, service: str = STATUS) -> Settings:
    """Settings by which a command beside a `wince up` reaches the broker that it started. Raises OSError where that has no passwords."""
    known: dict[str, object] = {"kafka_bootstrap": bootstrap, "kafka_security": "scram-plaintext", "kafka_mechanism": "SCRAM-SHA-512"}
    known["kafka_user"] = principal(service).removeprefix("User:")
    known["kafka_password"] = SecretStr(_password_file(places, service).read_text())
    return settings.model_copy(update=known)


def _password_file(places: Places, service: str) -> Path:
    return places.root / "run" / f"kafka-{service}"
