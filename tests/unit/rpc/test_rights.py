"""The table of who may call what: it knows every RPC of the protos and nothing else, and its paths are fields that there are."""

from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

from wince.domain.reach import EVERYTHING, Bounds, Kind, Place, Subject
from wince.rpc.right import of_path
from wince.rpc.rights import RIGHTS, SERVICES, shown
from wince.rpc.roles import Role

NAMES = ("capture", "detect", "estimate", "grade", "record", "care", "hospital", "server")


def services() -> list[ServiceDescriptor]:
    modules = [import_module(f"wince.api.{name}.v1.{name}_service_pb2") for name in NAMES]
    return [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]


def methods() -> dict[str, MethodDescriptor]:
    return {f"/{service.full_name}/{method.name}": method for service in services() for method in service.methods}


def full(kind: Descriptor, depth: int = 4):
    """A message with every field set that is text or holds some; oneofs by their last member."""
    message = message_factory.GetMessageClass(kind)()
    for field in kind.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None and depth:
            below = full(field.message_type, depth - 1)
            getattr(message, field.name).append(below) if field.is_repeated else getattr(message, field.name).CopyFrom(below)
        elif field.type == FieldDescriptor.TYPE_STRING:
            getattr(message, field.name).append("x") if field.is_repeated else setattr(message, field.name, "x")
    return message


def test_every_rpc_stands_in_the_table_and_nothing_else():
    table = {method for method in RIGHTS if not method.startswith("/grpc.")}
    assert table == set(methods())
    assert {service.full_name for service in services()} == {name for name in SERVICES if not name.startswith("grpc.")}
    assert all(right.roles and Role.ON_BEHALF not in right.roles for method, right in RIGHTS.items() if method in table)


@pytest.mark.parametrize("method", sorted(methods()))
def test_what_a_row_looks_at_is_there(method: str):
    """Each path is a field of the request or the answer: else a bound caller would reach what it names."""
    right, described = RIGHTS[method], methods()[method]
    request, answer = full(described.input_type), full(described.output_type)
    empty = message_factory.GetMessageClass(described.input_type)()
    for about in right.about:
        list(about(empty))
        list(about(request))
    for field, about in right.shows:
        for item in getattr(answer, field) if field else [answer]:
            assert list(about(item)), "an item that is about nothing is shown to nobody who is bound"
    if right.author:
        holder, name = of_path(request, right.author)
        assert isinstance(getattr(holder, name), str)
    if right.flag:
        assert isinstance(getattr(request, right.flag[0]), bool)


def test_whoever_decides_something_is_named_by_the_table():
    """Each request that holds a `nurse` says so in its row: the author is never a free text."""

    def paths(kind: Descriptor, before: str = "") -> list[str]:
        found = [f"{before}nurse"] if "nurse" in kind.fields_by_name else []
        for field in kind.fields:
            if field.message_type is not None and field.message_type.full_name.startswith(("wince.api.care", "wince.api.record")):
                found += paths(field.message_type, f"{before}{field.name}.")
        return found

    for name, method in methods().items():
        assert paths(method.input_type) == ([RIGHTS[name].author] if RIGHTS[name].author else []), name


def test_the_page_shows_the_table():
    page = (Path(__file__).parents[3] / "docs/reference/grpc.md").read_text("utf-8")
    assert shown(page) == page, "make docs"


def test_what_is_bound_reaches():
    ward, cameras, bed = Bounds(wards=frozenset({"ICU"})), Bounds(sources=frozenset({"cam-1"})), Bounds(beds=frozenset({"ICU^1^A"}))
    here, beside, unknown = Place("cam-1", "ICU^1^A"), Place("cam-2", "ICU^2^A"), Place("cam-3")
    assert [ward.cover(one) for one in (here, beside, unknown)] == [True, True, False]
    assert [cameras.cover(one) for one in (here, beside, unknown)] == [True, False, False]
    assert [bed.cover(one) for one in (here, beside, unknown)] == [True, False, False]
    assert EVERYTHING.cover(unknown)
    visit = Subject(Kind.ENCOUNTER, "V1")
    assert not ward.reach(visit, []), "what there is not is reached by nobody who is bound"
    assert not bed.reach(visit, [here, beside]), "a number that two use is reached where both are"
    assert ward.reach(visit, [here, beside])
    assert EVERYTHING.reach(visit, [])
    assert [ward.reach(Subject(Kind.WARD, name), ()) for name in ("ICU", "PACU")] == [True, False]
    assert not ward.reach(Subject(Kind.SITE, ""), ())
    assert not Bounds(beds=frozenset(), wards=frozenset({""})).cover(Place("cam-9")), "a camera without a bed lies in no ward"
