"""`wince lab pack`: a site's own models as one archive for TorchServe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json
from wince.errors import ConfigError


def pack(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder: the model store that TorchServe reads.")],
    protocol: Annotated[str, typer.Option("--protocol", help="Whose members; default: WINCE_PROTOCOL.")] = "",
    models: Annotated[Path | None, typer.Option("--models", help="Folder with one ONNX file per member; default: the site's.")] = None,
    version: Annotated[str, typer.Option("--version", help="Of the archive; what is known under a version never changes.")] = "1.0",
    json_: Json = False,
) -> None:
    """Pack a protocol's own models into one archive for TorchServe, with the code that runs them, and its manifest.

    The numbers of a golden inference go into the manifest: a server counts as ready when it gives the same.
    """
    from wince.models.site import site_folder
    from wince.protocols import loader
    from wince.serve import protocols
    from wince.serve.scoring_ensemble import clip_of, member_names
    from wince.serving.pack import pack as archive_of

    loaded = settings()
    if protocol:
        usage.protocol(protocol, loaded)
    rules = loader.load(protocol or loaded.protocol, protocols.folders(loaded))
    if not rules.estimate.members:
        remedy = "a protocol with [[estimate.members]], such as postoperative"
        wrong = usage.UsageError if protocol else ConfigError
        raise wrong(f"{rules.name} has no members of a site's own", field="--protocol", remedy=remedy)
    folder = models or site_folder(loaded.models_dir)
    present = {file.stem: file for file in sorted(folder.glob("*.onnx"))}
    files = {name: folder / f"{name}.onnx" for name in member_names(rules, present)}
    estimate = rules.estimate
    with usage.reading("--version", "version"):
        archive, manifest = archive_of(
            rules.name, version, files, estimate.classes, target, fusion=estimate.fusion, weights=estimate.weights,
            clip=clip_of(rules, list(files)),
        )  # fmt: skip
    if json_:
        table = {"archive": str(archive), "manifest": str(archive.with_suffix(".json")), "sha256": manifest.archive}
        print(to_json(table | {"model_set": manifest.model_set, "members": manifest.members, "bytes": archive.stat().st_size}))
        return
    out.print(f"{archive}: {rules.name} {version}, {len(files)} members, model set {manifest.model_set[:12]}", markup=False)
    out.print(f"manifest: {archive.with_suffix('.json')} (WINCE_SERVING__MANIFEST)", markup=False)
