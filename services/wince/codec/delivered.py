"""wince.api.record.v1's deliveries and targets -> domain: a client reads them, nobody writes them."""

from __future__ import annotations

from wince.api.record.v1 import record_pb2 as pb
from wince.codec import checks
from wince.domain.delivered import Delivery, DeliveryState, TargetBacklog, TargetHold
from wince.errors import MessageError

_STATES: dict[int, DeliveryState] = {pb.DeliveryState.Value(f"DELIVERY_STATE_{state.name}"): state for state in DeliveryState}


def delivery_from_message(message: pb.Delivery) -> Delivery:
    """Protobuf to domain; MessageError names the field that is wrong."""
    if message.state not in _STATES:
        raise MessageError("is none that this version knows", field="state", remedy="upgrade this client")
    return Delivery(
        checks.identity(message.entry_id, "entry_id"),
        message.revision,
        message.target,
        _STATES[message.state],
        message.attempts,
        message.detail,
        message.location,
        message.next_us if message.HasField("next_us") else None,
    )


def backlog_from_message(message: pb.TargetBacklog) -> TargetBacklog:
    """Protobuf to domain."""
    hold = message.hold
    held = TargetHold(hold.since_us, hold.detail, hold.remedy, hold.probes, hold.next_probe_us) if message.HasField("hold") else None
    return TargetBacklog(
        target=message.target,
        waiting=message.waiting,
        sending=message.sending,
        held=message.held,
        stuck=message.stuck,
        dead=message.dead,
        off=message.off,
        oldest_s=message.oldest_seconds if message.HasField("oldest_seconds") else None,
        hold=held,
    )
