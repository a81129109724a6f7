"""Where DICOM is listened for: this machine alone, or further with TLS, client certificates and a list of peers."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wince.certificates import RenewedContext
from wince.dicom.scp.interface import Keeper
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.peers import Peer, peer, title
from wince.dicom.scp.server import StorageServer
from wince.dicom.spool import Room, Spool
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.parts import Part
from wince.pipeline.capture.studies.interface import Shelf
from wince.rpc.auth import Callers
from wince.rpc.errors import Unauthenticated
from wince.rpc.roles import Role
from wince.serve.process import sign_in
from wince.serve.service import Repeated
from wince.settings import Settings
from wince.store.database import Database
from wince.telemetry import imaging_metrics

FOLDER_S, TELL_S = 1.0, 0.5
"""How often the watch folder is looked at, and whether a peer is to be told of a storage commitment."""


@dataclass
class Listening:
    """The ways in that are set."""

    parts: list[Part] = field(default_factory=list)
    """In order of start."""
    storage: StorageServer | None = None
    stow: StowServerLike | None = None


class StowServerLike(Part, Protocol):
    """What is asked of `wince.dicom.stow.server.StowServer`, which brings the extra."""

    @property
    def port(self) -> int:
        """Where it listens, after `start`."""
        ...


def check(settings: Settings) -> None:
    """Raises ConfigError where DICOM would be open to the network, or settings don't fit each other."""
    title(settings.dicom_title, "dicom_title")
    peers(settings)
    if (settings.dicom_cert_file is None) != (settings.dicom_key_file is None):
        raise ConfigError("dicom_cert_file and dicom_key_file belong together", field="dicom_cert_file", remedy="set both, or none")
    if settings.dicom_client_ca_file is not None and settings.dicom_cert_file is None:
        raise ConfigError("client certificates need TLS", field="dicom_client_ca_file", remedy="set dicom_cert_file too")
    if settings.insecure_dicom_beyond_loopback:
        return
    certificate, authority = settings.dicom_cert_file is not None, settings.dicom_client_ca_file is not None
    open_dicom = settings.dicom_port is not None and not loopback(settings.dicom_host)
    open_stow = settings.stow_port is not None and not loopback(settings.stow_host)
    for open_, there, name, what in (
        (open_dicom or open_stow, certificate, "dicom_cert_file", "TLS"),
        (open_dicom, authority, "dicom_client_ca_file", "client certificates"),
        (open_dicom, bool(settings.dicom_peers), "dicom_peers", "a list of peers"),
        (open_stow, settings.stow_token_file is not None or bool(settings.oidc.issuer), "stow_token_file", "tokens or a sign-in"),
    ):
        if open_ and not there:
            remedy = "set it, listen on 127.0.0.1, or set insecure_dicom_beyond_loopback"
            raise ConfigError(f"DICOM would be taken beyond loopback without {what}", field=name, remedy=remedy)


def peers(settings: Settings) -> list[Peer]:
    """Who may associate. Raises ConfigError naming the entry that is wrong."""
    return [peer(text) for text in settings.dicom_peers]


def listen(settings: Settings, keeper: Keeper, shelf: Shelf, database: Database) -> Listening:
    """The servers that are set. Raises ConfigError."""
    from wince.pipeline.capture.studies.commitments import CommitmentReporter

    made, room = Listening(), Room(shelf.folder, settings.dicom_object_bytes, settings.dicom_floor_bytes)
    if settings.dicom_port is not None:
        tls = None if settings.dicom_cert_file is None else lambda: _calling(settings)
        reporter = CommitmentReporter(database, shelf.place, peers(settings), settings.dicom_title, tls)
        made.storage = StorageServer(
            keeper, room, title=settings.dicom_title, host=settings.dicom_host, port=settings.dicom_port, peers=peers(settings),
            tls=None if settings.dicom_cert_file is None else _context(settings), limits=limits(settings), reporter=reporter,
            told=imaging_metrics.associated,
        )  # fmt: skip
        made.parts += [Repeated("commitment", TELL_S, reporter.look), made.storage]
    if settings.stow_port is not None:
        made.stow = _stow(settings, keeper, room)
        made.parts.append(made.stow)
    if settings.dicom_watch_folder is not None:
        from wince.pipeline.capture.studies.folder import WatchFolder

        watched = WatchFolder(settings.dicom_watch_folder, keeper, room, describe, settings.dicom_watch_stable_s)
        made.parts.append(Repeated("watch-folder", FOLDER_S, watched.look))
    return made


def limits(settings: Settings) -> Limits:
    """As set."""
    return Limits(
        associations=settings.dicom_associations,
        per_address=settings.dicom_associations_per_address,
        per_minute=settings.dicom_associations_per_minute,
        pdu_bytes=settings.dicom_pdu_bytes,
        object_bytes=settings.dicom_object_bytes,
        idle_s=settings.dicom_idle_s,
    )


def describe(spool: Spool) -> tuple[str, str, str, str]:
    """See `dicom.stow.app.Describe`."""
    from wince.pipeline.capture.studies import header

    return header.named(spool.path)


def _stow(settings: Settings, keeper: Keeper, room: Room) -> StowServerLike:
    from wince.dicom.stow.app import Stow
    from wince.dicom.stow.server import StowServer

    callers = Callers(settings.stow_token_file, sign_in(settings))

    async def authenticate(headers: Sequence[str]) -> str:
        try:
            caller = await callers.of(headers, ())
        except Unauthenticated:
            raise LookupError from None
        if Role.CAMERA not in caller.roles or not caller.bounds.everything:  # who is bound to a camera stores no pictures of others
            raise PermissionError
        return caller.name

    app = Stow(
        keeper, room, authenticate, describe, requests=settings.stow_requests, idle_s=settings.dicom_idle_s, told=imaging_metrics.associated
    )
    server: StowServerLike = StowServer(
        app, host=settings.stow_host, port=settings.stow_port or 0, certificate=settings.dicom_cert_file, key=settings.dicom_key_file,
        authority=settings.dicom_client_ca_file,
    )  # fmt: skip
    return server


def _context(settings: Settings) -> ssl.SSLContext:
    made = RenewedContext(ssl.PROTOCOL_TLS_SERVER)
    _load(made, settings)
    if settings.dicom_client_ca_file is not None:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def _calling(settings: Settings) -> ssl.SSLContext:
    """As a client of peers: our own certificate, and theirs by the same authority."""
    made = RenewedContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(made, settings)
    return made


def _load(made: RenewedContext, settings: Settings) -> None:
    assert settings.dicom_cert_file is not None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    where = f"dicom_cert_file={settings.dicom_cert_file}"
    try:
        made.hold(settings.dicom_cert_file, settings.dicom_key_file)
        if settings.dicom_client_ca_file is not None:
            where = f"dicom_client_ca_file={settings.dicom_client_ca_file}"
            made.hold(settings.dicom_cert_file, settings.dicom_key_file, settings.dicom_client_ca_file)
    except ssl.SSLError:
        raise ConfigError("holds no certificate, or not the one that belongs to its key", field=where, remedy="give PEM files") from None
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=where, remedy="name readable files") from None
