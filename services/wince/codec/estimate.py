"""Estimate <-> wince.api.estimate.v1.Estimate. On the hot path: once per frame."""

import math
from collections.abc import Iterable

import numpy as np

from wince.api.estimate.v1 import estimate_pb2 as pb
from wince.codec import checks, reason
from wince.codec.detect import pose_from_message, pose_to_message
from wince.domain.estimate import UNITS, Estimate, Reading
from wince.errors import MessageError

MAX_EMBEDDING = 4096
"""Most values of an embedding."""
_TOPS = tuple(1.0 if name == "au43" else 5.0 for name in UNITS)


def units_to_message(units: Iterable[float | None]) -> pb.ActionUnits:
    """Action units in the order of UNITS; None and NaN are not measured and become absent."""
    au4, au6, au7, au9, au10, au43 = (None if value is None or math.isnan(value) else value for value in units)
    return pb.ActionUnits(au4=au4, au6=au6, au7=au7, au9=au9, au10=au10, au43=au43)


def units_from_message(message: pb.ActionUnits, path: str) -> tuple[float | None, ...]:
    """Action units in the order of UNITS; None where absent. MessageError names the unit that is out of range."""
    present = {field.name: value for field, value in message.ListFields()}
    for name, top in zip(UNITS, _TOPS, strict=True):
        if name in present:
            checks.within(present[name], 0, top, f"{path}.{name}")
    return tuple(present.get(name) for name in UNITS)


def estimate_to_message(estimate: Estimate) -> pb.Estimate:
    """Domain to protobuf."""
    reading = estimate.reading
    return pb.Estimate(
        source=estimate.source,
        sequence=estimate.sequence,
        time_us=estimate.time_us,
        reason=reason.to_message(estimate.reason),
        reading=None
        if reading is None
        else pb.Reading(
            score=reading.score,
            confidence=reading.confidence,
            units=units_to_message(reading.units.tolist()),
            smile=reading.smile,
        ),
        probabilities={name: pb.Probabilities(values=values) for name, values in estimate.probabilities.items()},
        embedding=b"" if estimate.embedding is None else estimate.embedding.astype("<f4", copy=False).tobytes(),
        model_set=estimate.model_set,
        pose=None if estimate.pose is None else pose_to_message(estimate.pose),
        protocol=estimate.protocol,
        rule=estimate.rule,
    )


def _reading_from_message(message: pb.Reading) -> Reading:
    units = units_from_message(message.units, "reading.units")
    return Reading(
        score=checks.finite(message.score, "reading.score"),
        confidence=checks.within(message.confidence, 0, 1, "reading.confidence"),
        units=np.array(units, dtype=np.float32),  # None becomes NaN
        smile=checks.within(message.smile, 0, 1, "reading.smile"),
    )


def estimate_from_message(message: pb.Estimate) -> Estimate:
    """Protobuf to domain; MessageError names the field that is wrong. Without a reason there must be a reading."""
    why = reason.from_message(message.reason)
    read = message.HasField("reading")
    if why is None and not read:
        raise MessageError("must be given where there is no reason", field="reading")
    embedding = message.embedding
    if len(embedding) > 4 * MAX_EMBEDDING:
        raise MessageError(f"must have at most {4 * MAX_EMBEDDING} bytes, has {len(embedding)}", field="embedding")
    probabilities = {name: tuple(message.probabilities[name].values) for name in message.probabilities}
    for values in probabilities.values():
        for value in values:
            checks.within(value, 0, 1, "probabilities")
    return Estimate(
        source=checks.source(message.source),
        sequence=message.sequence,
        time_us=checks.moment(message.time_us, "time_us"),
        reason=why,
        reading=_reading_from_message(message.reading) if read else None,
        probabilities=probabilities,
        embedding=checks.floats32(embedding, (len(embedding) // 4,), "embedding") if embedding else None,
        model_set=message.model_set,
        pose=pose_from_message(message.pose) if message.HasField("pose") else None,
        protocol=message.protocol,
        rule=message.rule,
    )
