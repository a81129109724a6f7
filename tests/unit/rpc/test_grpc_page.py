"""docs/reference/grpc.md says what is: its tables against descriptors, the error tree, the protos, settings and constants."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.rpc import error_details_pb2

from protos import statuses
from tests.unit.codec.test_rules import kinds
from wince import errors
from wince.api.buf.validate import validate_pb2
from wince.api.errors.v1 import errors_pb2
from wince.api.estimate.v1.estimate_service_pb2 import EstimateFacesRequest
from wince.codec import checks
from wince.pipeline.capture import servicer as capture
from wince.pipeline.detect import servicer as detect
from wince.pipeline.estimate import servicer as estimate
from wince.pipeline.grade import servicer as grade
from wince.rpc import errors as rpc
from wince.rpc import guard, inbound, requests, status
from wince.rpc.config import RpcSettings
from wince.rpc.server import Registration

ROOT = Path(__file__).resolve().parents[3]
_FACES = EstimateFacesRequest.DESCRIPTOR.fields_by_name["faces"]
MOST = _FACES.GetOptions().Extensions[validate_pb2.field].repeated.max_items
PAGE = (ROOT / "docs/reference/grpc.md").read_text("utf-8")


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first line begins so."""
    table = PAGE.split(f"\n{head}", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def fields() -> Iterator[Any]:
    return (field for kind in kinds() for field in kind.fields)


def type_of(field: Any) -> str:
    if field.message_type is not None:
        return field.message_type.name
    return next(
        name.removeprefix("TYPE_").lower()
        for name, number in vars(FieldDescriptor).items()
        if name.startswith("TYPE_") and number == field.type
    )


def test_a_field_has_the_type_that_its_name_has_on_the_page():
    table = rows("| field | type | form |")
    met = dict.fromkeys((name for cells in table for name in quoted(cells[0])), 0)
    for field in fields():
        pattern = next((one for one in met if fnmatch.fnmatchcase(field.name, one)), None)
        if pattern is None or field.GetOptions().deprecated:
            continue
        (wanted,) = next(quoted(cells[1]) for cells in table if pattern in quoted(cells[0]))
        assert type_of(field) == wanted, field.full_name
        met[pattern] += 1
    assert [name for name, times in met.items() if not times] == []


def test_the_form_of_a_value_is_its_rule():
    """A source's pattern, the UUID of ids, the bounds of shares and pages: where a rule stands, it is the page's."""
    (source,) = [quoted(cells[2])[0] for cells in rows("| field | type | form |") if quoted(cells[0]) == ["source"]]
    for field in fields():
        rules = field.GetOptions().Extensions[validate_pb2.field]
        if field.name == "source" and rules.HasField("string"):
            assert rules.string.pattern == source, field.full_name
        if fnmatch.fnmatchcase(field.name, "*_id") and rules.HasField("string"):
            assert rules.string.uuid, field.full_name
        if field.name in ("confidence", "assessable_share") and rules.HasField("double"):
            assert (rules.double.gte, rules.double.lte) == (0, 1), field.full_name
        if field.name == "page_size" and rules.HasField("uint32"):
            assert rules.uint32.lte == requests.LARGEST_PAGE, field.full_name
    assert (requests.PAGE, requests.LARGEST_PAGE) == (100, 1000)
    assert f"more than {checks.MAX_TEXT} characters" in PAGE.replace("\n", " ")


def test_an_enum_begins_with_what_nobody_said():
    enums = {field.enum_type.full_name: field.enum_type for field in fields() if field.enum_type is not None}
    assert all(enum.values_by_number[0].name.endswith("_UNSPECIFIED") for enum in enums.values())


def every_error() -> list[type[errors.WinceError]]:
    def below(kind: type[errors.WinceError]) -> list[type[errors.WinceError]]:
        ours = kind.__module__ in (errors.__name__, rpc.__name__)
        return [*([kind] if ours else []), *(one for child in kind.__subclasses__() for one in below(child))]

    return below(errors.WinceError)


def test_each_status_has_the_details_and_kinds_that_the_page_says():
    names = {number: name.removeprefix("ERROR_REASON_") for name, number in errors_pb2.ErrorReason.items()}
    sent: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for kind in every_error():
        error = kind("text", field="f") if kind is not errors.Unavailable else errors.Unavailable("text", field="f", retry_after_s=2.0)
        code, _, rich = status.status_of(error)
        first, *more = rich.details
        said = errors_pb2.Error()
        assert first.Unpack(said)
        sent[code.name][0].add(names[said.reason])
        sent[code.name][1].update(one.TypeName().removeprefix("google.rpc.") for one in more)
    described = {
        quoted(code)[0]: (set(quoted(kinds_)), set(quoted(details)) - {"Error"}) for code, details, kinds_, _ in rows("| status | details")
    }
    assert described == dict(sent)
    assert error_details_pb2.BadRequest.DESCRIPTOR.full_name == "google.rpc.BadRequest"


def test_the_statuses_of_each_rpc_are_those_of_its_comment():
    assert statuses.shown(PAGE) == PAGE, "make docs"
    for service, methods in statuses.statuses().items():
        declared = [
            method.name
            for module in _services()
            for one in module.DESCRIPTOR.services_by_name.values()
            if one.name == service
            for method in one.methods
        ]
        assert sorted(methods) == sorted(declared), f"{service}: an RPC without a comment"
    anywhere = set(re.findall(r"`([A-Z_]+)`", PAGE.split("Any RPC may answer", 1)[1].split("Others stand", 1)[0]))
    assert anywhere == statuses.EVERYWHERE - {"CANCELLED"}


def _services() -> list[Any]:
    from wince.api.capture.v1 import capture_service_pb2
    from wince.api.care.v1 import care_service_pb2
    from wince.api.detect.v1 import detect_service_pb2
    from wince.api.estimate.v1 import estimate_service_pb2
    from wince.api.grade.v1 import grade_service_pb2
    from wince.api.hospital.v1 import hospital_service_pb2
    from wince.api.record.v1 import record_service_pb2
    from wince.api.server.v1 import server_service_pb2

    return [
        capture_service_pb2, care_service_pb2, detect_service_pb2, estimate_service_pb2, grade_service_pb2, hospital_service_pb2,
        record_service_pb2, server_service_pb2,
    ]  # fmt: skip


def test_limits_are_the_settings_defaults():
    known = RpcSettings()
    for keys, defaults, _ in rows("| key | default |"):
        if keys == "`max_message_bytes`":
            continue
        said = [float(one) for one in defaults.split(",")]
        assert [float(getattr(known, key)) for key in quoted(keys)] == said, keys
    mib = 1 << 20
    assert known.max_message_bytes == capture.MAX_BYTES == detect.MAX_BYTES == 16 * mib + (64 << 10)
    assert (estimate.MAX_BYTES, grade.MAX_BYTES, Registration.max_bytes) == (16 * mib, 5 * mib, mib)


@pytest.mark.parametrize(
    "said",
    [
        f"({MOST} at a time)",
        f"at most four messages, or {inbound.AHEAD_BYTES >> 20} MiB, ahead",
        f"one address may have {guard.WATCHERS}",
    ],
)
def test_what_the_text_says_of_limits_is_so(said):
    assert inbound.AHEAD == 4
    assert said in PAGE.replace("\n", " ")
