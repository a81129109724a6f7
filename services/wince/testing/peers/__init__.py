"""Real peers for tests, fetched by Maven and started here: HAPI FHIR, HAPI's offline R4 validator, Apache Kafka."""

from wince.local.kafka import KafkaPeer
from wince.local.maven import available
from wince.testing.peers.hapi import HapiPeer
from wince.testing.peers.validator import Issue, JavaValidator

__all__ = ["HapiPeer", "Issue", "JavaValidator", "KafkaPeer", "available"]
