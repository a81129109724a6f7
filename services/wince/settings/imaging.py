"""DICOM in: the storage server, STOW-RS, the watch folder, and how long objects are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from wince.settings.part import Part

GIB = 1 << 30


class Imaging(Part):
    """DICOM in

    Takes videos and pictures of patients as DICOM objects and grades them: by C-STORE, by STOW-RS, from a folder. Each way in is off until
    it is set. `wince serve imaging` runs them; `wince up` starts it where one is set. Needs the extra `imaging`.
    """

    dicom_port: int | None = Field(default=None, ge=0, le=65535, examples=[11112])
    """Port of the storage server (C-ECHO, C-STORE, storage commitment). 0: any free one (it is logged). Not set: there is none."""
    dicom_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address on which it listens. Beyond loopback it needs TLS, client certificates and a list of peers."""
    dicom_title: str = "WINCE"
    """Its AE title. A peer that calls another is rejected."""
    dicom_peers: tuple[str, ...] = Field(default=(), examples=[["ORTHANC@10.0.0.5:4242", "CART-7"]])
    """Who may associate: TITLE, TITLE@HOST, or TITLE@HOST:PORT. With HOST it may call from there only; at HOST:PORT it is told what a
    storage commitment came to, else on the association that asked. Empty: everybody."""
    dicom_cert_file: Path | None = Field(default=None, examples=["/etc/wince/dicom-cert.pem"])
    """Certificate chain (PEM) of the storage server and of STOW-RS. Set: both speak TLS only."""
    dicom_key_file: Path | None = Field(default=None, examples=["/etc/wince/dicom-key.pem"])
    """Private key (PEM) of that certificate."""
    dicom_client_ca_file: Path | None = Field(default=None, examples=["/etc/wince/modalities-ca.pem"])
    """Authority (PEM) of the senders' certificates. Set: a sender without one is turned away."""
    insecure_dicom_beyond_loopback: bool = False
    """Take DICOM beyond loopback although TLS, client certificates or a list of peers is missing. Everybody on the network can
    then read what is sent, and store pictures for any patient."""

    dicom_associations: int = Field(default=16, ge=1, le=1000)
    """Most associations at a time. A further one is rejected for now."""
    dicom_associations_per_address: int = Field(default=8, ge=1, le=1000)
    """Most associations of one address at a time."""
    dicom_associations_per_minute: int = Field(default=240, ge=1, le=100_000)
    """Most associations that one address may begin within a minute."""
    dicom_pdu_bytes: int = Field(default=256 * 1024, ge=4096, le=4 << 20)
    """Longest protocol data unit that is taken; peers are told."""
    dicom_object_bytes: int = Field(default=GIB, ge=1 << 20, le=64 * GIB)
    """Largest object, by every way in. A larger one is refused while it comes (status A700)."""
    dicom_idle_s: float = Field(default=60.0, gt=0, le=3600)
    """Longest silence of a peer, seconds."""
    dicom_floor_bytes: int = Field(default=GIB, ge=0, le=1 << 50)
    """Room that stays free on the disk of the objects: nothing is taken below it (A700)."""
    dicom_folder: Path | None = Field(default=None, examples=["/var/lib/wince/objects"])
    """Folder of the objects until they are deleted. Not set: `imaging` in the state directory."""

    stow_port: int | None = Field(default=None, ge=0, le=65535, examples=[8042])
    """Port of STOW-RS (POST /studies). 0: any free one (it is logged). Not set: there is none."""
    stow_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address on which it listens. Beyond loopback it needs `dicom_cert_file` and `stow_token_file`."""
    stow_token_file: Path | None = Field(default=None, examples=["/etc/wince/tokens"])
    """File of tokens and roles, as that of gRPC (docs/reference/grpc.md): its role `camera` may
    store. Not set: on loopback everybody may."""
    stow_requests: int = Field(default=8, ge=1, le=1000)
    """Most requests of STOW-RS at a time. Further ones are answered 503."""

    dicom_watch_folder: Path | None = Field(default=None, examples=["/srv/dicom-in"])
    """Folder into which others put objects. A file that has not changed for some seconds is taken and deleted there; one that can't be
    taken goes into its folder `refused`."""
    dicom_watch_stable_s: float = Field(default=5.0, gt=0, le=3600)
    """For how many seconds a file there must not have changed."""

    dicom_issuer: str = Field(default="", max_length=200, examples=["HOSP&1.2.276.0.76.4.16&ISO"])
    """Assigning authority of patient ids whose object names no issuer, written as `patient_authority`. Empty: such objects are held."""
    dicom_keep_h: float = Field(default=24.0, ge=0, le=24 * 3660)
    """How many hours an object's file is kept after it was graded."""
    dicom_held_days: int = Field(default=30, ge=1, le=3660)
    """After how many days an object that is still held is dropped, and its file deleted. The audit trail says so."""

    @field_validator("dicom_title")
    @classmethod
    def _title(cls, value: str) -> str:
        if not 0 < len(value.strip()) <= 16 or "\\" in value or not value.isascii() or not value.isprintable():
            raise ValueError("needs 1 to 16 plain characters, without a backslash")
        return value.strip()

    @property
    def takes_dicom(self) -> bool:
        """Whether any way in is set."""
        return self.dicom_port is not None or self.stow_port is not None or self.dicom_watch_folder is not None
