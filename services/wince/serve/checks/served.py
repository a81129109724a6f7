"""The server of a site's own models: it must have the version of the manifest, and give its golden inference."""

from __future__ import annotations

from collections.abc import Iterator

from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """The server that is set; nothing where the models run in the process."""
    serving = settings.serving
    if serving.target is None:
        return
    if serving.manifest is None:
        yield missing("serving", "serving.manifest is not set", "name the JSON file that `wince lab pack` wrote")
        return
    from wince.serve.scoring_ensemble import client  # the models' engine takes a second to import
    from wince.serving import manifest as manifests
    from wince.serving import ready

    packed = manifests.read(serving.manifest)
    with client(serving) as asked:
        ready.check(asked, packed)
    yield ok("serving", f"{serving.target}: {packed.name} {packed.version}, golden inference as packed")
