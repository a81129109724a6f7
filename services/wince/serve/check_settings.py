"""What `wince config check` looks at beyond each key for itself: files that settings name, and what does not go together. Nothing listens,
nothing is connected to."""

from __future__ import annotations

from wince.rpc import config as limits
from wince.rpc import jwks, oidc_config, tls
from wince.rpc.auth import Callers
from wince.serve import anchors, broker, imaging, metrics_page, mllp
from wince.serve.targets import every
from wince.settings import Settings


def check(settings: Settings) -> None:
    """Raises ConfigError for the first thing that services would refuse at their start."""
    rpc = settings.rpc
    oidc_config.check(settings.oidc)
    limits.check(rpc, signs_in=bool(settings.oidc.issuer))
    Callers(rpc.token_file)
    if settings.oidc.issuer and not jwks.is_url(settings.oidc.jwks):
        jwks.fetcher(settings.oidc.jwks, None)()
    tls.credentials(rpc)
    for name in ("ca_file", "client_cert_file", "client_key_file", "client_token_file"):
        if (path := getattr(rpc, name)) is not None:
            limits.read(path, f"rpc.{name}")
    mllp.place(settings)
    metrics_page.check(settings)
    every.check(settings)
    if settings.takes_dicom:
        imaging.check(settings)
    anchors.places(settings)
    for camera in settings.cameras:
        camera.trust.options(camera.url, f"cameras.{camera.id}")
    if settings.kafka_bootstrap:
        broker.options(settings)
    if settings.traces == "otlp":
        from wince.telemetry.otlp import collector

        collector(**{name: getattr(settings.otlp, name) for name in type(settings.otlp).model_fields}).shutdown()
