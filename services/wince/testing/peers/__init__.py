"""Real peers for tests, fetched by Maven and started here: a HAPI FHIR server and HAPI's offline R4 validator."""

from wince.testing.peers.hapi import HapiPeer
from wince.testing.peers.maven import available
from wince.testing.peers.validator import Issue, JavaValidator

__all__ = ["HapiPeer", "Issue", "JavaValidator", "available"]
