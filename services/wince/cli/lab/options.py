"""Arguments that several commands of the lab take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Corpus = Annotated[Path, typer.Argument(metavar="CORPUS", help="Folder of `wince lab corpus`.")]
Head = Annotated[Path | None, typer.Option("--head", help="The head's geometry, ict_head.npz; default: WINCE_HEAD_DATA.")]
Work = Annotated[Path, typer.Argument(metavar="WORK", help="Folder for checkpoints: a run that was cut off goes on where it was.")]
