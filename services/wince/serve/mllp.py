"""Where HL7 v2 is listened for: this machine alone, or further by TLS with client certificates, which is MLLP's only way to sign in."""

from __future__ import annotations

import ssl
from typing import TypedDict

from wince.certificates import RenewedContext
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.hl7.charset import CHARSETS
from wince.hl7.limits import Limits
from wince.hospital.listener import AdtListener
from wince.hospital.parking import replay
from wince.hospital.results.taking import Results
from wince.hospital.site import Site
from wince.serve.service import Repeated
from wince.settings import Settings
from wince.store.database import Database
from wince.store.parked import PostgresParking
from wince.store.score_reports import PostgresScores
from wince.store.stays import PostgresCensus

REPLAY_S = 1.0
"""How often it is looked for parked messages whose replay is asked for."""


class Place(TypedDict):
    """Arguments of `hospital.listener.AdtListener`."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    limits: Limits
    charset: str


def place(settings: Settings) -> Place:
    """As set. Raises ConfigError where it would be open to the network, or a file is wrong."""
    certificate, key, authority = settings.mllp_cert_file, settings.mllp_key_file, settings.mllp_client_ca_file
    if (certificate is None) != (key is None):
        raise ConfigError("mllp_cert_file and mllp_key_file belong together", field="mllp_cert_file", remedy="set both, or none")
    if authority is not None and certificate is None:
        raise ConfigError("client certificates need TLS", field="mllp_client_ca_file", remedy="set mllp_cert_file too")
    if not loopback(settings.mllp_host) and not settings.insecure_mllp_beyond_loopback:
        for field, file, what in (("mllp_cert_file", certificate, "TLS"), ("mllp_client_ca_file", authority, "client certificates")):
            if file is None:
                remedy = "set it, listen on 127.0.0.1, or set insecure_mllp_beyond_loopback"
                raise ConfigError(f"HL7 v2 would be taken beyond loopback without {what}", field=field, remedy=remedy)
    charset = settings.mllp_charset.strip().upper()
    if charset not in CHARSETS:
        remedy = "name one of HL7 table 0211: " + ", ".join(sorted(CHARSETS))
        raise ConfigError("no character set that is known", field="mllp_charset", remedy=remedy)
    limits = Limits(
        message_bytes=settings.mllp_message_bytes,
        idle_s=settings.mllp_idle_s,
        connections=settings.mllp_connections,
        per_address=settings.mllp_connections_per_address,
    )
    tls = _context(settings) if certificate is not None else None
    return {"host": settings.mllp_host, "port": settings.mllp_port, "tls": tls, "limits": limits, "charset": charset}


def _context(settings: Settings) -> ssl.SSLContext:
    made = RenewedContext(ssl.PROTOCOL_TLS_SERVER)
    assert settings.mllp_cert_file is not None
    where = f"mllp_cert_file={settings.mllp_cert_file}"
    try:
        made.hold(settings.mllp_cert_file, settings.mllp_key_file)
        if settings.mllp_client_ca_file is not None:
            where = f"mllp_client_ca_file={settings.mllp_client_ca_file}"
            made.hold(settings.mllp_cert_file, settings.mllp_key_file, settings.mllp_client_ca_file)
            made.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError:
        raise ConfigError("holds no certificate, or not the one that belongs to its key", field=where, remedy="give PEM files") from None
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=where, remedy="name readable files") from None
    return made


def parking(settings: Settings, database: Database) -> PostgresParking:
    """Where refused messages are kept."""
    return PostgresParking(database, always=settings.mllp_refused == "park", most_bytes=settings.mllp_parked_bytes)


def results(settings: Settings, database: Database, census: PostgresCensus, ours: Site) -> Results | None:
    """What takes scores out of ORU messages; None where the site lists no codes of scores."""
    if not settings.outranking_codes:
        return None
    kept = PostgresScores(database, ours.window_us, settings.outranking_valid_min * 60_000_000)
    return Results(census, kept, ours, settings.outranking_codes)


def replayer(settings: Settings, database: Database, listener: AdtListener) -> Repeated:
    """The part that takes parked messages again when somebody asks for it."""
    return Repeated("parked", REPLAY_S, lambda: replay(database, listener.take_again, days=settings.mllp_parked_days))
