"""The error tree as gRPC statuses, and back: code, text, and in the details what field is wrong and what to do.

A status carries wince.api.errors.v1.Error always, google.rpc.BadRequest where a field is wrong, google.rpc.RetryInfo where it is said
when to try again. Of an error that nobody raised on purpose nothing but "internal error" goes out.
"""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from wince import errors
from wince.api.errors.v1 import errors_pb2
from wince.rpc import errors as rpc

INTERNAL = "internal error"

_CODES: tuple[tuple[type[errors.WinceError], grpc.StatusCode], ...] = (
    (rpc.NotFound, grpc.StatusCode.NOT_FOUND),
    (rpc.OutOfRange, grpc.StatusCode.OUT_OF_RANGE),
    (rpc.TooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (rpc.TimedOut, grpc.StatusCode.DEADLINE_EXCEEDED),
    (rpc.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (rpc.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (rpc.Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (errors.ConfigError, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.ModelFileError, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.InputError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.PeerError, grpc.StatusCode.UNAVAILABLE),
    (errors.ResourceError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.StoreError, grpc.StatusCode.UNAVAILABLE),
    (errors.IntegrityError, grpc.StatusCode.DATA_LOSS),
)
"""First match counts."""

_REASONS = {value.name.removeprefix("ERROR_REASON_").lower(): value.number for value in errors_pb2.ErrorReason.DESCRIPTOR.values}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The status code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str, status_pb2.Status]:
    """(code, text, rich status) of an error. What is not of our tree, or is its bare root, is told as INTERNAL without its text."""
    code = code_of(error)
    if code is grpc.StatusCode.INTERNAL or not isinstance(error, errors.WinceError):
        return _packed(grpc.StatusCode.INTERNAL, errors_pb2.Error(reason=errors_pb2.ERROR_REASON_INTERNAL, message=INTERNAL), [])
    wait_s = error.retry_after_s if isinstance(error, errors.Unavailable) else None
    said = errors_pb2.Error(
        reason=errors_pb2.ErrorReason.ValueType(_REASONS.get(error.code, errors_pb2.ERROR_REASON_INVALID_INPUT)),
        field=error.field,
        message=error.message,
        remedy=error.remedy,
        retry_after_s=wait_s,
    )
    details: list[error_details_pb2.BadRequest | error_details_pb2.RetryInfo] = []
    if isinstance(error, errors.InputError) and error.field:
        text = f"{error.message}; {error.remedy}" if error.remedy else error.message
        wrong = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=text)
        details.append(error_details_pb2.BadRequest(field_violations=[wrong]))
    if wait_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(wait_s * 1000))
        details.append(retry)
    return _packed(code, said, details)


def _packed(
    code: grpc.StatusCode, said: errors_pb2.Error, details: list[error_details_pb2.BadRequest | error_details_pb2.RetryInfo]
) -> tuple[grpc.StatusCode, str, status_pb2.Status]:
    text = f"{said.field}: {said.message}" if said.field else said.message
    status = status_pb2.Status(code=code.value[0], message=text)
    for detail in (said, *details):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return code, text, status


_KINDS: dict[grpc.StatusCode, type[errors.WinceError]] = {
    grpc.StatusCode.NOT_FOUND: rpc.NotFound,
    grpc.StatusCode.INVALID_ARGUMENT: errors.MessageError,
    grpc.StatusCode.OUT_OF_RANGE: rpc.OutOfRange,
    grpc.StatusCode.ALREADY_EXISTS: rpc.AlreadyExists,
    grpc.StatusCode.UNAUTHENTICATED: rpc.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: rpc.Forbidden,
    grpc.StatusCode.FAILED_PRECONDITION: errors.Refused,
    grpc.StatusCode.UNIMPLEMENTED: errors.Refused,
    grpc.StatusCode.DATA_LOSS: errors.IntegrityError,
}


def error_of(failure: grpc.aio.AioRpcError) -> errors.WinceError:
    """What a call of ours came back with, as an error of the tree. A server that is not Wince is understood by its code alone, and
    its text, which might hold anything, is left out. What may pass (all other codes) is Unavailable."""
    code, said = failure.code(), _said(failure)
    kind = _KINDS.get(code)
    message = said.message if said is not None else f"the service answered {code.name}"
    field, remedy = (said.field, said.remedy) if said is not None else ("", "")
    if kind is None:
        wait_s = said.retry_after_s if said is not None and said.HasField("retry_after_s") else None
        return errors.Unavailable(message, field=field, remedy=remedy, retry_after_s=wait_s)
    return kind(message, field=field, remedy=remedy)


def trailers(status: status_pb2.Status) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carries a rich status."""
    sent: tuple[tuple[str, bytes], ...] = rpc_status.to_status(status).trailing_metadata
    return sent


def _said(failure: grpc.aio.AioRpcError) -> errors_pb2.Error | None:
    """Our part of the rich status; None where there is none, or it is not of the call's code and text."""
    try:
        status = rpc_status.from_call(failure)
        for detail in status.details if status is not None else ():
            said = errors_pb2.Error()
            if detail.Unpack(said):
                return said
    except Exception:
        return None
    return None
