"""Trains one member. A run that was killed goes on at the last whole epoch and ends with the same weights as one that was not.

Every epoch's order, calm stills and dropout come from (seed, epoch) alone; the checkpoint is replaced in one step.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError, ModelFileError, ResourceError
from wince.lab.activity.inputs import Examples
from wince.models.activity import KINDS, OUTPUTS, VERSION
from wince.report.write_whole import unwritable

Array = NDArray[np.float32]
IMPORTANCE = {"pspi": 4.0, "gated": 4.0, "au12": 0.5, "au25": 0.5, "au26": 0.5, "au27": 0.25, "rest": 0.5, "smile": 0.5}
"""Of an output in the loss, where it is not 1."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is; a checkpoint of another is refused."""

    kind: str
    """Of member; see KINDS."""
    seed: int = 1
    epochs: int = 40
    batch: int = 6
    """Persons."""
    rate: float = 2e-3
    decay: float = 0.02
    average: float = 0.998
    """Share of the running average of the weights that stays at each step; the average is what is judged, kept and used."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"unknown kind of member {self.kind!r}", field="member", remedy=", ".join(KINDS))
        if self.epochs < 1 or self.batch < 1 or not 0 <= self.average < 1:
            raise DataError("epochs and batch must be at least 1, average at least 0 and below 1", field="settings")


def torch_module() -> Any:
    """torch, on one thread. Raises DataError where it is not installed."""
    try:
        import torch
    except ImportError:
        raise DataError("training needs torch", field="torch", remedy='in the clone: pip install -e ".[train]"') from None
    torch.set_num_threads(1)
    return torch


def make(work: Path) -> None:
    """The folder for checkpoints, where it is absent. Raises ResourceError."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error, work) from error


def train(
    settings: Settings,
    data: Examples,
    validation: Examples,
    checkpoint: Path,
    progress: Callable[[int, float, float], None] = lambda epoch, free, personal: None,
) -> Any:
    """The trained nets.Member (torch): the running average of its weights at the epoch that is best by the validation error of PSPI,
    free and personal together.

    `progress` hears epoch, and the two validation errors (mean absolute, 0-16). Raises ModelFileError where the checkpoint is of
    another run or can't be read, ResourceError where it can't be written (the one before stays), DataError for data not finite.
    """
    torch = torch_module()
    from wince.lab.activity import nets

    for part in (data, validation):
        if not (np.isfinite(part.x).all() and np.isfinite(part.y).all()):
            raise DataError("examples hold values that are not finite", field=settings.kind, remedy="draw the corpus again")
    mean, spread = _tables(settings.kind, data)
    torch.manual_seed(settings.seed)
    model = nets.Member(settings.kind, torch.from_numpy(mean), torch.from_numpy(spread))
    average = nets.Member(settings.kind, torch.from_numpy(mean), torch.from_numpy(spread))
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.decay)
    run = {"version": VERSION, "outputs": list(OUTPUTS), "persons": len(data.x), **asdict(settings)}
    state = load_checkpoint(checkpoint, run)
    first, best, best_weights = 0, float("inf"), None
    if state:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first, best, best_weights = state["epoch"], state["best"], state["best_weights"]
    importance = torch.tensor([IMPORTANCE.get(name, 1.0) for name in OUTPUTS])
    tensors = [torch.from_numpy(a) for a in (data.x, data.y, data.weight, data.calm)]
    for epoch in range(first, settings.epochs):
        rate = settings.rate * 0.5 * float(1 + np.cos(np.pi * epoch / settings.epochs))
        for group in optimizer.param_groups:
            group["lr"] = rate
        _epoch(torch, nets, model, average, optimizer, tensors, importance, settings, epoch)
        free, personal = errors(average, validation)
        if free + personal < best:
            best = free + personal
            best_weights = {key: value.clone() for key, value in average.state_dict().items()}
        state = {"run": run, "epoch": epoch + 1, "best": best, "best_weights": best_weights}
        weights = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        save_checkpoint(checkpoint, state | weights)
        progress(epoch + 1, free, personal)
    model.load_state_dict(best_weights)
    return model.eval()


def _epoch(
    torch: Any, nets: Any, model: Any, average: Any, optimizer: Any, tensors: list[Any], importance: Any, settings: Settings, epoch: int
) -> None:
    from wince.lab.activity.augment import varied

    rng = np.random.default_rng([settings.seed, epoch])
    torch.manual_seed(settings.seed * 10_000 + epoch)
    x, y, weight, calm = tensors
    model.train()
    steps = max(1, len(x) // settings.batch)
    for step, rows in enumerate(np.array_split(rng.permutation(len(x)), steps)):
        people, stills = len(rows), x.shape[1]
        flat = varied(settings.kind, x[rows], model.normalize.spread).flatten(0, 1)
        embedding, free_mean, free_spread = model(flat)
        keep = torch.from_numpy((rng.random((people, stills)) < 0.7).astype(np.float32)) * calm[rows] + 1e-4 * calm[rows]
        shares = keep / keep.sum(dim=1, keepdim=True).clamp(min=1e-9)
        e = embedding.view(people, stills, -1)
        reference = (shares[:, :, None] * e).sum(dim=1, keepdim=True).expand_as(e)
        personal = model.personal(torch.cat([embedding, embedding - reference.flatten(0, 1)], dim=1))
        target, w = y[rows].flatten(0, 1), weight[rows].flatten()
        known = w * (shares.sum(dim=1, keepdim=True) > 0.5).expand(people, stills).flatten()
        total = nets.loss((free_mean, free_spread), target, w, importance) + nets.loss(personal, target, known, importance)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        done = epoch * steps + step
        with torch.no_grad():  # at first the average follows fast
            for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(value, 1 - min(settings.average, (1 + done) / (10 + done)))


def answers(model: Any, data: Examples) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Free and personal: mean and log-variance, (people x stills, outputs) each, in shares."""
    torch = torch_module()
    model.eval()
    with torch.no_grad():
        x = torch.from_numpy(data.x)
        people, stills = x.shape[:2]
        embedding, *free = model(x.flatten(0, 1))
        e = embedding.view(people, stills, -1)
        reference = (torch.from_numpy(data.calm)[:, :, None] * e).sum(dim=1, keepdim=True).expand_as(e).flatten(0, 1)
        personal = model.personal(torch.cat([embedding, embedding - reference], dim=1))
    (a, b), (c, d) = ([part.numpy() for part in reading] for reading in (free, personal))
    return (a, b), (c, d)


def errors(model: Any, data: Examples) -> tuple[float, float]:
    """Mean absolute error of PSPI (0-16), free and personal, over the stills that count and aren't calm."""
    column, truth = OUTPUTS.index("pspi"), data.y.reshape(-1, data.y.shape[-1])
    counts = (data.weight * (data.calm == 0)).reshape(-1) > 0
    out = [16 * float(np.abs(mean[:, column] - truth[:, column])[counts].mean()) for mean, _ in answers(model, data)]
    return out[0], out[1]


def _tables(kind: str, data: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and spread per channel over the stills that count."""
    if kind == "crop":  # its net makes the contrast equal by itself
        return np.zeros((1, 1, 1), np.float32), np.full((1, 1, 1), 64, np.float32)
    total, squares, count = 0.0, 0.0, 0
    for stills, weight in zip(data.x, data.weight, strict=True):  # a person at a time: the whole in double precision is a machine's memory
        rows = stills[weight > 0].astype(np.float64)
        axes = (0, 2, 3) if kind == "maps" else (0,)
        total, squares = total + rows.sum(axis=axes), squares + (rows**2).sum(axis=axes)
        count += rows.size // rows.shape[1]
    mean = np.asarray(total) / count
    spread = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0)) + 1e-4
    shape = (-1, 1, 1) if kind == "maps" else (-1,)
    return mean.reshape(shape).astype(np.float32), spread.reshape(shape).astype(np.float32)


def load_checkpoint(file: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of this run; None: there is none."""
    torch = torch_module()
    if not file.exists():
        return None
    remedy = "name another folder, or delete the checkpoint to start again"
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
        theirs = state["run"]
    except Exception as error:  # torch raises what its unpickler, zip reader and file system raise
        raise ModelFileError(f"the checkpoint can't be read ({type(error).__name__})", field=file.name, remedy=remedy) from error
    if theirs != run:
        changed = ", ".join(sorted(key for key in {*theirs, *run} if theirs.get(key) != run.get(key)))
        raise ModelFileError(f"the checkpoint is of another run ({changed})", field=file.name, remedy=remedy)
    return state


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step."""
    torch = torch_module()
    part = file.with_suffix(".part")
    try:
        torch.save(state, part)
        part.replace(file)
    except (OSError, RuntimeError) as error:  # torch's zip writer reports a full disk as RuntimeError
        part.unlink(missing_ok=True)
        full = getattr(error, "errno", None) == errno.ENOSPC
        what = "the disk is full" if full else f"the checkpoint can't be written ({type(error).__name__})"
        raise ResourceError(what, field=file, remedy="make room and run it again; the last checkpoint stays") from error
