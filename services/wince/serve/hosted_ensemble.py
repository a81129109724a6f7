"""TorchServe for `wince up`: packs the members of the protocol that is set, starts it, and starts it again where it dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wince.errors import ConfigError, ModelFileError, Unavailable
from wince.local.torchserve import TorchServe
from wince.models.site import site_folder, site_models
from wince.protocols.rules import ClinicalProtocol
from wince.serve.scoring_ensemble import clip_of, member_names
from wince.serving import ready
from wince.serving.client import OipClient
from wince.serving.manifest import Manifest
from wince.serving.pack import pack
from wince.settings import Settings

PYTHON = Path(".venv-serving/bin/python")
"""Where `make serving` puts TorchServe, below the working folder."""


def python(settings: Settings) -> Path:
    """Python of the environment that holds TorchServe."""
    return settings.serving.python or PYTHON.absolute()


class HostedEnsemble:
    """The protocol's ensemble on a TorchServe of this machine."""

    def __init__(self, settings: Settings, protocol: ClinicalProtocol, folder: Path) -> None:
        """Packs it into `folder`. Raises ConfigError where TorchServe can't be started here (then the ensemble runs in the processes),
        ModelFileError or ProtocolError for members that can't be used."""
        estimate, present = protocol.estimate, site_models(settings.models_dir)
        files = {name: present.get(name, site_folder(settings.models_dir) / f"{name}.onnx") for name in member_names(protocol, present)}
        # A folder per content: what an earlier start packed is never another's version.
        archive, self.manifest = pack(
            protocol.name, "1.0", files, estimate.classes, folder / "new", fusion=estimate.fusion, weights=estimate.weights,
            clip=clip_of(protocol, list(files)),
        )  # fmt: skip
        store = folder / self.manifest.archive[:16]
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in (archive, archive.with_suffix(".json")):
            file.replace(store / file.name)
        self.file = store / f"{archive.stem}.json"
        """The manifest."""
        self.server = TorchServe([store / archive.name], folder / "run", python=python(settings))

    def start(self, wait_s: float = 120.0) -> dict[str, str]:
        """Start and wait until the golden inference is right; gives what the services must be told. Raises ResourceError, and what
        readiness raises."""
        target = self.server.start(wait_s)
        come_ready(target, self.manifest, wait_s, self.ensure)
        return {"WINCE_SERVING__TARGET": target, "WINCE_SERVING__MANIFEST": str(self.file)}

    def ensure(self) -> bool:
        """Start it again, at its address, where it has died; True where it had."""
        return self.server.ensure()


def come_ready(target: str, manifest: Manifest, wait_s: float = 120.0, ensure: Callable[[], object] = lambda: None) -> None:
    """Wait until a server serves what was packed; `ensure` is called meanwhile. Raises the last of what kept it from that."""
    end = time.monotonic() + wait_s
    with OipClient(target) as client:
        while True:
            try:
                ready.check(client, manifest)
                return
            except (ModelFileError, Unavailable):
                if time.monotonic() > end:
                    raise
                ensure()
                time.sleep(0.3)


def hosted(settings: Settings, protocols: Sequence[ClinicalProtocol], folder: Path) -> HostedEnsemble | None:
    """The ensemble to host here; None where no protocol has members, or a server is set. Raises as `HostedEnsemble` does, and ConfigError
    where several have: a server holds one protocol's."""
    ensembles = [protocol for protocol in protocols if protocol.estimate.scorer == "ensemble"]
    if not ensembles or settings.serving.target is not None:
        return None
    if len(ensembles) > 1:
        remedy = "route to one of them where their members must run on a server"
        names = ", ".join(protocol.name for protocol in ensembles)
        raise ConfigError(f"several protocols have members: {names}", field="routing", remedy=remedy)
    if not python(settings).exists():
        remedy = "make serving, or WINCE_SERVING__PYTHON, or WINCE_SERVING__TARGET of a server that runs"
        raise ConfigError("TorchServe is not installed here", field=f"serving.python={python(settings)}", remedy=remedy)
    return HostedEnsemble(settings, ensembles[0], folder)
