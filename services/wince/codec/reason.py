"""Reason <-> wince.api.reason.v1.Reason. REASON_UNSPECIFIED stands for None."""

from wince.api.reason.v1 import reason_pb2
from wince.domain.reason import Reason
from wince.errors import MessageError

_TO = {reason: reason_pb2.Reason.Value(f"REASON_{reason.name}") for reason in Reason}
_FROM: dict[int, Reason] = {number: reason for reason, number in _TO.items()}


def to_message(reason: Reason | None) -> reason_pb2.Reason.ValueType:
    """Enum number of a reason; 0 for None."""
    return reason_pb2.REASON_UNSPECIFIED if reason is None else _TO[reason]


def from_message(number: int, field: str = "reason") -> Reason | None:
    """Reason of an enum number; None for 0. Raises MessageError for a number that is not known here."""
    if number == 0:
        return None
    reason = _FROM.get(number)
    if reason is None:
        raise MessageError(f"{number} is no reason that this version knows", field=field, remedy="upgrade this service")
    return reason


def required(number: int, field: str = "reason") -> Reason:
    """Reason of an enum number that must not be 0."""
    reason = from_message(number, field)
    if reason is None:
        raise MessageError("must be given", field=field)
    return reason
