"""The way to the HL7 receiver that is set: one for the record service, `wince run`, `wince doctor` and `wince config check`."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import partial
from zoneinfo import ZoneInfo

from wince import certificates
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.profiles import profile
from wince.delivery.oru.profiles.profile import OruProfile, Writing
from wince.delivery.site_code import SiteCode
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.hospital.site import parts, system
from wince.protocols.rules import ClinicalProtocol
from wince.serve.sheet import sheet
from wince.settings import Settings
from wince.version import VERSION


def channel(settings: Settings, *, timeout_s: float | None = None) -> Channel:
    """Connections to the receiver that is set. Raises ConfigError; nothing is connected to."""
    host, _, port = settings.oru_address.rpartition(":")
    return Channel(
        host.strip("[]"),
        int(port),
        tls=check(settings),
        server_name=settings.oru_server_name,
        timeout_s=timeout_s or settings.oru_timeout_s,
        at_once=settings.oru_connections,
    )


def check(settings: Settings) -> ssl.SSLContext | None:
    """Whose certificates are believed there; None: no TLS. Raises ConfigError where the settings of the receiver contradict each other, or
    would send a patient's results readable over the network."""
    host = settings.oru_address.rpartition(":")[0]
    chosen(settings)
    if not settings.oru_tls:
        if not loopback(host) and not settings.insecure_oru_beyond_loopback:
            remedy = "set oru_tls, or insecure_oru_beyond_loopback"
            raise ConfigError("patients' results would go beyond loopback without TLS", field="oru_tls", remedy=remedy)
        for name in ("oru_ca_file", "oru_cert_file", "oru_cert_key_file"):
            if getattr(settings, name) is not None:
                raise ConfigError("a certificate is of no use without TLS", field=name, remedy="remove it, or set oru_tls")
        return None
    made = certificates.context(settings.oru_ca_file, "oru_ca_file")
    certificates.show(made, settings.oru_cert_file, settings.oru_cert_key_file, "oru_cert_file")
    return made


def chosen(settings: Settings) -> OruProfile:
    """The write profile that is set. Raises ConfigError."""
    own = settings.oru_profile_file
    return profile.read(own) if own is not None else profile.load(settings.oru_profile)


def writing(settings: Settings, protocols: Mapping[str, ClinicalProtocol] | None) -> Writing:
    """How entries are written there. `protocols`: what is loaded; None or empty: nothing is checked against them. Raises ConfigError."""
    made, zone = chosen(settings), ZoneInfo(settings.time_zone or "UTC")
    for code in settings.oru_codes:
        if protocols and code.protocol not in protocols:
            remedy = f"one of: {', '.join(sorted(protocols))}"
            raise ConfigError(f"no protocol {code.protocol!r} is loaded", field="oru_codes", remedy=remedy)
    return Writing(
        made,
        version=VERSION,
        sender=(settings.oru_sending_application, settings.oru_sending_facility),
        receiver=(settings.oru_receiving_application, settings.oru_receiving_facility),
        production=settings.production_site,
        zone=zone,
        standing=settings.ehr_standing,
        codes=tuple(SiteCode(one.protocol, one.system, one.code, one.text) for one in settings.oru_codes),
        authorities=_authorities(settings),
        patient_type=settings.patient_id_types[0],
        account=settings.visit_number == "PID-18",
        sheet=partial(sheet, zone=zone) if made.sheet else None,
    )


def _authorities(settings: Settings) -> dict[str, str]:
    """From our identifier systems to the names that the receiver knows."""
    named = [text for text in (settings.patient_authority, *settings.oru_authorities) if "&" in text]
    return {system(parts(text)): "&".join((one.namespace, one.universal, one.kind)) for text in named for one in [parts(text)]}
