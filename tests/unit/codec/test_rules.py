"""The rules in the protos are kept, each of them, in every message."""

from __future__ import annotations

import importlib
import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

import wince.api
from tests.support.lawful import broken, lawful
from wince.api.buf.validate import validate_pb2
from wince.codec import inbound, rules
from wince.errors import MessageError


def kinds() -> list[Descriptor]:
    """Every message of our protos."""
    names = [module.name for module in pkgutil.walk_packages(wince.api.__path__, "wince.api.") if module.name.endswith("_pb2")]
    ours = [importlib.import_module(name) for name in names if ".buf." not in name and ".open_inference." not in name]
    return [kind for module in ours for kind in module.DESCRIPTOR.message_types_by_name.values()]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.full_name)
def test_every_rule_of_a_message_is_kept_and_names_its_field(kind):
    inbound.check(lawful(kind))
    for one in broken(kind):
        with pytest.raises(MessageError) as caught:
            inbound.check(one.message)
        assert (caught.value.field, one.rule) == (one.path, one.rule)


def test_there_is_something_to_keep():
    assert sum(1 for kind in kinds() for _ in broken(kind)) > 500


def with_rules(**said: Any) -> Any:
    """A field with these rules."""
    options = SimpleNamespace(Extensions={validate_pb2.field: validate_pb2.FieldRules(**said)})
    return SimpleNamespace(name="x", full_name="m.x", GetOptions=lambda: options, enum_type=None)


@pytest.mark.parametrize(
    "said",
    [
        {"string": validate_pb2.StringRules(email=True)},
        {"cel": [validate_pb2.Rule(id="odd", expression="true")]},
        {"duration": validate_pb2.DurationRules(required=True) if hasattr(validate_pb2.DurationRules, "required") else None},
        {"repeated": validate_pb2.RepeatedRules(unique=True)},
        {"ignore": validate_pb2.IGNORE_ALWAYS},
    ],
)
def test_a_rule_that_is_not_known_here_is_no_silent_one(said):
    if None in said.values():
        said = {"bool": validate_pb2.BoolRules(const=True)}
    with pytest.raises(TypeError, match="known here"):
        rules.of_field(with_rules(**said))


def test_words_name_the_bound_and_the_remedy():
    moment = with_rules(int64=validate_pb2.Int64Rules(gt=0, lt=9))
    moment.name = "at_us"
    (check,) = rules.of_field(moment)
    assert check(9) == ("must be above 0 and below 9", "microseconds since 1970-01-01T00:00Z")
    (check,) = rules.of_field(with_rules(uint32=validate_pb2.UInt32Rules(**{"in": [0, 90, 180]})))
    assert (check(90), check(91)) == (None, ("must be 0, 90 or 180", ""))
    (check,) = rules.of_field(with_rules(string=validate_pb2.StringRules(pattern="^a+$")))
    assert (check("aa"), check("a\n"), check("b")) == (None, ("must match ^a+$", ""), ("must match ^a+$", ""))
