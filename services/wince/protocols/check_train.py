"""What [estimate] members and [train] of a protocol may not say."""

from __future__ import annotations

import re

from wince.domain.clip import MOST_FRAMES
from wince.protocols.fault import fail
from wince.protocols.rules import ClinicalProtocol
from wince.protocols.train_rules import Member, Search, TrainRules
from wince.toml.shown import shown

_LAYERS = {"conv": 2, "pool": 1, "dense": 1, "dropout": 1}
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def check_train(protocol: ClinicalProtocol) -> None:
    """Raises ProtocolError for the first thing that can't be."""
    _members(protocol)
    _train(protocol)
    _tasks(protocol)
    if protocol.train.search is not None:
        _search(protocol, protocol.train.search)


def _members(protocol: ClinicalProtocol) -> None:
    estimate = protocol.estimate
    names = [member.name for member in estimate.members]
    if len(set(names)) != len(names):
        fail(protocol.path, "estimate.members", "has a name twice", "name every member once")
    for index, member in enumerate(estimate.members):
        where = f"estimate.members[{index}]"
        if member.backbone == "cnn" and not protocol.train.layers:
            fail(protocol.path, "train.layers", "missing", 'a member with backbone "cnn" needs its layers')
        _clip(protocol, where, member)
    if len({(member.frames, member.rate_hz) for member in estimate.members if member.sees == "clip"}) > 1:
        fail(protocol.path, "estimate.members", "see clips of several lengths or rates", "give them one frames and one rate_hz")
    if estimate.members and protocol.train.method == "none":
        fail(protocol.path, "train.method", "is 'none'", "members are trained by the site: name the trainer")


def _clip(protocol: ClinicalProtocol, where: str, member: Member) -> None:
    if member.sees != "clip":
        if member.frames or member.rate_hz:
            fail(protocol.path, where, "sees one crop and has a clip's length", 'remove frames and rate_hz, or set sees = "clip"')
        return
    if not 2 <= member.frames <= MOST_FRAMES:
        fail(protocol.path, f"{where}.frames", f"is {member.frames}", f"crops of a clip, 2 to {MOST_FRAMES}")
    if not 0 < member.rate_hz <= protocol.detect.rate_hz:
        remedy = f"crops a second, above 0 and at most detect.rate_hz = {protocol.detect.rate_hz:g}"
        fail(protocol.path, f"{where}.rate_hz", f"is {member.rate_hz:g}", remedy)
    if member.frames / member.rate_hz > protocol.window.length_s:
        remedy = f"at most window.length_s = {protocol.window.length_s:g}"
        fail(protocol.path, f"{where}.frames", "make a clip longer than a window", remedy)


def _train(protocol: ClinicalProtocol) -> None:
    train: TrainRules = protocol.train
    classes = len(protocol.estimate.classes)
    if train.head and classes and train.head[-1] != classes:
        fail(protocol.path, "train.head", "does not end in one output per class", f"end it with {classes}")
    for index, layer in enumerate(train.layers):
        kind, *numbers = layer.split()
        if len(numbers) != _LAYERS.get(kind) or not all(_NUMBER.fullmatch(number) for number in numbers):
            fail(protocol.path, f"train.layers[{index}]", f"is {shown(layer)}", 'such as "conv 3 32", "pool 2", "dense 128", "dropout 0.5"')


def _tasks(protocol: ClinicalProtocol) -> None:
    grades = tuple(band.name for band in protocol.scale.grades)
    for index, task in enumerate(protocol.train.tasks):
        where = f"train.tasks[{index}]"
        for name in (*task.positive, *task.negative):
            if name not in grades:
                fail(protocol.path, where, f"has {shown(name)}, which is no grade", f"grades of the scale: {', '.join(grades)}")
        if bool(task.positive) != bool(task.negative) or set(task.positive) & set(task.negative):
            fail(protocol.path, where, "has one side only, or a grade on both", "name grades on both sides, or none at all")


def _search(protocol: ClinicalProtocol, search: Search) -> None:
    train = protocol.train
    for key, span, optimum in (("lr", search.lr, train.lr), ("momentum", search.momentum, train.momentum), ("l2", search.l2, train.l2)):
        if len(span) != 2 or not span[0] < span[1]:
            fail(protocol.path, f"train.search.{key}", "is no range", "[lowest, highest], above 0")
        if optimum is not None and not span[0] <= optimum <= span[1]:
            fail(protocol.path, f"train.search.{key}", f"leaves out train.{key} = {optimum:g}", "a range that contains it")
