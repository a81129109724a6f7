"""The way to the FHIR server that is set: one for `wince run`, the record service, `wince doctor` and `wince config check`."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from urllib.parse import urlsplit

from wince import certificates
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.fhir.client import FhirClient
from wince.fhir.keys import SigningKey, key_set
from wince.fhir.scopes import asked
from wince.fhir.smart import SmartAuth
from wince.serve.setup import read_key
from wince.settings import Settings


def client(settings: Settings, stack: ExitStack, *, timeout_s: float = 20.0, scope: str = "") -> FhirClient:
    """The FHIR server that is set, signed in to as set, for what `scope` allows (empty: writing). `stack` closes the connections. Raises
    ConfigError."""
    trusted, auth = check(settings), None
    assert settings.ehr_url is not None
    if settings.ehr_auth == "smart":
        auth = _smart(settings, trusted, timeout_s, scope or asked(settings.ehr_scopes))
        stack.callback(auth.close)
    return stack.enter_context(FhirClient(settings.ehr_url, auth=auth, timeout_s=timeout_s, verify=trusted))


def check(settings: Settings) -> ssl.SSLContext:
    """Whose certificates are believed there. Raises ConfigError where EHR settings contradict each other, or would send a patient's
    entries readable over the network."""
    if settings.ehr_url is None:
        raise ConfigError("no EHR is set", field="WINCE_EHR_URL", remedy="name its FHIR R4 base URL")
    parts = urlsplit(settings.ehr_url)
    if parts.scheme == "http" and not loopback(parts.hostname or "") and not settings.insecure_ehr_beyond_loopback:
        remedy = "give an https URL, or set insecure_ehr_beyond_loopback"
        raise ConfigError("patients' entries would go beyond loopback without TLS", field="ehr_url", remedy=remedy)
    if settings.ehr_auth == "none" and settings.ehr_key_file is not None:
        raise ConfigError("a key is of no use where nobody signs in", field="ehr_key_file", remedy="remove it, or set ehr_auth to smart")
    token = urlsplit(settings.ehr_token_url)
    if token.scheme == "http" and not loopback(token.hostname or "") and not settings.insecure_ehr_beyond_loopback:
        remedy = "give an https URL, or set insecure_ehr_beyond_loopback"
        raise ConfigError("tokens would come from beyond loopback without TLS", field="ehr_token_url", remedy=remedy)
    made = certificates.context(settings.ehr_ca_file, "ehr_ca_file")
    certificates.show(made, settings.ehr_cert_file, settings.ehr_cert_key_file, "ehr_cert_file")
    return made


def keys(settings: Settings) -> list[SigningKey]:
    """The key that signs Wince in, and the next one where one is set. Raises ConfigError."""
    if settings.ehr_key_file is None:
        remedy = "name the PEM file of the SMART client's private key; for a server without SMART set WINCE_EHR_AUTH to none"
        raise ConfigError("no key to sign in with", field="WINCE_EHR_KEY_FILE", remedy=remedy)
    made = [SigningKey.of(read_key(settings.ehr_key_file), settings.ehr_key_id)]
    if settings.ehr_next_key_file is not None:
        made.append(SigningKey.of(read_key(settings.ehr_next_key_file), settings.ehr_next_key_id))
    key_set(made)
    return made


def _smart(settings: Settings, trusted: ssl.SSLContext, timeout_s: float, scope: str) -> SmartAuth:
    signing = keys(settings)
    assert settings.ehr_url is not None
    assert settings.ehr_key_file is not None
    return SmartAuth(
        settings.ehr_url,
        settings.ehr_client_id,
        read_key(settings.ehr_key_file),
        settings.ehr_key_id,
        scope,
        next_keys=signing[1:],
        key_set_url=settings.ehr_key_set_url,
        token_url=settings.ehr_token_url,
        timeout_s=timeout_s,
        verify=trusted,
    )
