"""What an installation sets: environment variables `WINCE_*`, a TOML file, secrets from files.

Order, strongest first: arguments, environment, files named by `WINCE_<NAME>_FILE` (secrets), the TOML file in `WINCE_CONFIG`,
defaults. Unknown keys are refused, in the file and in the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from wince.errors import ConfigError
from wince.pipeline.capture.address import check
from wince.pipeline.capture.trust import Trust
from wince.rpc.config import RpcSettings
from wince.serving.config import ServingSettings
from wince.telemetry.otlp_config import OtlpSettings

SECRETS = ("pg_dsn", "kafka_password")
"""Settings that may come from a file named by `WINCE_<NAME>_FILE`."""
OUTSIDE = ("WINCE_CONFIG", "WINCE_HEAD_DATA", "WINCE_SHARED", "WINCE_PEERS_DIR", "WINCE_LOG_COLOUR")
"""Variables with the prefix that are not settings."""
MAX_FILE = 1 << 20
"""Bytes; a configuration file above this is refused."""


class Camera(BaseModel):
    """One camera of the list `[[cameras]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    """Source of everything that this camera gives."""
    bed: str = Field(min_length=1, max_length=64)
    """The hospital's bed as in PV1-3: POINTOFCARE^ROOM^BED."""
    path: Path | None = None
    """Video file that is played as the bedside camera. Each camera has one of path, url and push."""
    url: str = ""
    """Network camera: rtsp, rtsps, or MPEG-TS over udp, tcp, http, https; without user name and password."""
    push: bool = False
    """Its pictures are pushed over gRPC (`wince push`)."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How an RTSP camera sends: tcp gets through firewalls and loses nothing; udp where the camera has no tcp."""
    login_file: Path | None = None
    """File of one line, user:password, for `url`; read anew at each attempt to connect."""
    login_env: str = Field(default="", max_length=128)
    """Instead of login_file: the environment variable that holds it."""
    ca_file: Path | None = None
    """rtsps, https: authorities of the camera's certificate, or that certificate itself, PEM; absent: the system's authorities."""
    certificate_name: str = Field(default="", max_length=253)
    """Name in the certificate, where it is another than the address' host."""
    unchecked_certificate: bool = False
    """Take any certificate: nothing then proves that it is this camera, and whoever answers is told its login."""
    since: AwareDatetime | None = None
    """When the camera came to this bed (with an offset, such as 2026-11-21T14:00:00Z); absent: when this entry is first seen."""
    region: tuple[float, float, float, float] | None = None
    """The bed's region in the picture, x0, y0, x1, y1 as shares 0-1; absent: the whole picture."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise that turn the picture upright."""

    @field_validator("bed")
    @classmethod
    def _bed(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s^|~\\&][^^|~\\&]*(\^[^^|~\\&]*){2}", value):
            raise ValueError("must be POINTOFCARE^ROOM^BED as in PV1-3, such as ICU^101^A, without | ~ \\ &")
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if value is not None and not (0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1):
            raise ValueError("needs 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Camera:
        if sum((self.path is not None, bool(self.url), self.push)) != 1:
            raise ValueError("needs exactly one of path, url and push")
        if self.url:
            check(self.url, f"cameras.{self.id}.url")
        self.trust.check(self.url, f"cameras.{self.id}.url")
        if (self.login_file or self.login_env) and not self.url:
            raise ValueError("a login is for url only")
        if self.login_file and self.login_env:
            raise ValueError("needs login_file or login_env, not both")
        if self.push and self.rotation:
            raise ValueError("who pushes turns the pictures: `wince push --rotation`")
        return self

    @property
    def trust(self) -> Trust:
        """What of its certificate is believed."""
        return Trust(self.ca_file, self.certificate_name, self.unchecked_certificate)

    @property
    def clip(self) -> Path:
        """The file that is played. Raises ConfigError where the camera is no file."""
        if self.path is None:
            remedy = "live cameras are read by `wince serve capture`"
            raise ConfigError("is a live camera, not a file", field=f"cameras.{self.id}", remedy=remedy)
        return self.path


class Settings(BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="WINCE_", env_ignore_empty=True, env_nested_delimiter="__"
    )

    site: str = Field(default="wince-demo", min_length=1, max_length=64)
    """Names the installation; part of every id."""
    state_dir: Path = Field(default_factory=lambda: platformdirs.user_state_path("wince"))
    """Embedded Postgres, EHR sandbox, audit key and checkpoints lie here."""
    models_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("wince") / "models")
    """Cache of the face models."""
    protocol: str = "activity"
    """The protocol that grades."""
    protocol_dir: Path | None = None
    """A folder with further protocol files."""
    pg_dsn: SecretStr | None = None
    """A PostgreSQL server instead of the embedded one."""
    audit_key_file: Path | None = None
    """Ed25519 private key (PEM) that signs audit checkpoints; default: made in state_dir/keys at the first start."""
    checkpoint_file: Path | None = None
    """Where signed checkpoints are appended; default: state_dir/audit-checkpoints.jsonl. Keep a copy on another host."""
    ehr_url: str | None = None
    """FHIR R4 base URL; absent: the EHR sandbox is started."""
    ehr_client_id: str = "wince"
    """SMART Backend Services client id."""
    ehr_key_id: str = "1"
    """`kid` of that key, as registered at the EHR."""
    ehr_key_file: Path | None = None
    """Private key (PEM, P-384 or RSA) that signs the client assertion."""
    mllp_port: int = Field(default=0, ge=0, le=65535)
    """Port of the HL7 v2 listener; 0: any free one."""
    mllp_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Its address. Beyond loopback it needs TLS and client certificates."""
    mllp_cert_file: Path | None = None
    """Its certificate chain, PEM: then it speaks TLS only."""
    mllp_key_file: Path | None = None
    """Its private key, PEM."""
    mllp_client_ca_file: Path | None = None
    """Only senders with a certificate of this authority (PEM) are let in."""
    insecure_mllp_beyond_loopback: bool = False
    """Take HL7 v2 beyond loopback although TLS or client certificates are missing. Everybody on the network can then admit patients."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_json: bool = False
    """Logs as JSON lines instead of text."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Services answer Prometheus at http://127.0.0.1:PORT/metrics; absent: not at all; 0: any free port (it is logged). Several
    may run on one machine, so each adds its place: capture 0, detect 1, estimate 2, grade 3, record 4, care 5, hospital 6."""
    traces: Literal["off", "console", "otlp"] = "off"
    """Services: OpenTelemetry spans, one trace for each assessment; console: as JSON on standard error; otlp: to a collector."""
    otlp: OtlpSettings = OtlpSettings()
    """Which collector, such as WINCE_OTLP__ENDPOINT."""
    cameras: tuple[Camera, ...] = ()
    """What `wince run` watches instead of the bundled clips."""
    kafka_bootstrap: str = ""
    """Services: Kafka's brokers, HOST:PORT with commas between."""
    kafka_security: Literal["plaintext", "insecure-plaintext", "tls", "scram"] = "plaintext"
    """plaintext: only to this machine; insecure-plaintext: to anywhere, readable on the wire; tls; scram: TLS and SCRAM-SHA-512."""
    kafka_user: str = ""
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    """Certificates that are trusted; absent: those of the system."""
    kafka_cert_file: Path | None = None
    """Own certificate, where the broker asks for one."""
    kafka_key_file: Path | None = None
    kafka_replication: int | None = Field(default=None, ge=1)
    """Copies of each topic that is created; absent: as the broker has it."""
    detect: str = Field(default="127.0.0.1:7422", min_length=1)
    """Where capture finds detect: HOST:PORT, several with commas between, or dns:///NAME:PORT, over whose addresses streams are spread."""
    replay_at: str | None = None
    """Services only: clips are played as if they had begun then (ISO 8601, whole minute), as fast as the road takes them; media time is
    the clock, nothing is late, nothing is dropped. For rehearsals and tests; capture, estimate, grade and hospital need the same value."""
    lease_s: float = Field(default=120.0, ge=5, le=3600)
    """How long a delivery belongs to the record replica that took it; after a kill it is tried again when that is over."""
    serving: ServingSettings = ServingSettings()
    """Where the members of a site's ensemble are asked, such as WINCE_SERVING__TARGET; by default they run in the process."""
    rpc: RpcSettings = RpcSettings()
    """gRPC: TLS, tokens, limits. In the environment WINCE_RPC__<KEY>, such as WINCE_RPC__TOKEN_FILE."""

    @field_validator("ehr_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("needs to be an http or https URL, such as https://ehr.example/fhir")
        return value

    @field_validator("cameras")
    @classmethod
    def _distinct(cls, value: tuple[Camera, ...]) -> tuple[Camera, ...]:
        ids = [camera.id for camera in value]
        if len(ids) != len(set(ids)):
            raise ValueError("camera ids must be distinct")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, secrets from files, the TOML file."""
        sources = [init_settings, env_settings, _SecretFiles(settings_cls)]
        if path := os.environ.get("WINCE_CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, _checked(Path(path))))
        return tuple(sources)


class _SecretFiles(PydanticBaseSettingsSource):
    """`WINCE_PG_DSN_FILE=/run/secrets/dsn` sets pg_dsn."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        name = f"WINCE_{field_name.upper()}_FILE"
        path = os.environ.get(name) if field_name in SECRETS else None
        try:
            return (Path(path).read_text("utf-8").strip() if path else None), field_name, False
        except OSError as error:
            raise ConfigError(error.strerror or "can't be read", field=f"{name}={path}", remedy="name a readable file") from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def load(**arguments: Any) -> Settings:
    """Read settings; arguments that are None don't count. Raises ConfigError naming the key and what to do."""
    known = {f"WINCE_{name.upper()}" for name in Settings.model_fields} | {f"WINCE_{name.upper()}_FILE" for name in SECRETS}
    for name in os.environ:
        if name.startswith("WINCE_") and name.split("__", 1)[0] not in known and name not in OUTSIDE:
            raise ConfigError("unknown setting", field=name, remedy="remove it, or correct its name; `wince config show` lists them")
    try:
        return Settings(**{key: value for key, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(said, field=key, remedy="correct or remove it; `wince config show` lists every setting") from None
    except SettingsError as error:
        raise ConfigError(str(error).splitlines()[0], field="WINCE_*", remedy="lists are written as JSON in the environment") from None


def _checked(path: Path) -> Path:
    """The TOML file, readable and of a sane size; the library would silently ignore an absent one."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"larger than {MAX_FILE} bytes", field=str(path), remedy="name a TOML file of settings")
        tomllib.loads(path.read_text("utf-8"))
        return path
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"WINCE_CONFIG={path}", remedy="name a readable TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not TOML: {error}", field=str(path), remedy="correct the line that is named") from None
