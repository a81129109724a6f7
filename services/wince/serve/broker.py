"""How the installation's Kafka is reached, by its settings. One place, so that services, checks and status agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    )
