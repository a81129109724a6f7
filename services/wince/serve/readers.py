"""Which services read a setting: the chart mounts its file for them alone, and takes it for no other; they say when a certificate ends."""

from __future__ import annotations

from wince.bus.topics import topics_of
from wince.rpc.ports import PORTS

SERVICES = tuple(PORTS)
KAFKA = tuple(name for name in SERVICES if topics_of(name))
READERS = {
    "cameras.": ("capture",),
    "kafka_": KAFKA,
    "ehr_": ("record", "care", "hospital"),
    "oru_": ("record",),
    "archive_": ("record",),
    "anchor_": ("record",),
    "mllp_": ("hospital",),
    "census_": ("hospital",),
    "dicom_": ("imaging",),
    "stow_": ("imaging",),
    "serving.": ("estimate", "imaging"),
    "oidc.": SERVICES,
    "otlp.": SERVICES,
    "rpc.": SERVICES,
}
"""By how the setting's path begins."""


def readers(path: str) -> tuple[str, ...]:
    """The services that read a setting's file. Raises KeyError where nobody said it.

    >>> readers("mllp_cert_file")
    ('hospital',)
    """
    for begin, services in READERS.items():
        if path.startswith(begin):
            return services
    raise KeyError(f"{path} is a file: say in wince/serve/readers.py which services read it")
