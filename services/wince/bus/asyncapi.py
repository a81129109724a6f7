"""docs/reference/asyncapi.yaml, made of topics and protobuf messages: what lies on Kafka, for readers from outside.

python -m wince.bus.asyncapi docs/reference/asyncapi.yaml
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default

from wince.bus.topics import ALL, PARTITIONS, TOPICS, Topic, oldest_ms
from wince.version import VERSION

_PROTOBUF = "application/vnd.google.protobuf;version=3"
_TYPES = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_") and isinstance(value, int)
}

_DESCRIPTION = (
    "Records between Wince's services. The key is the source (camera or file) in UTF-8: order holds within a key. On every topic its "
    f"partition is (murmur2(key) & 0x7fffffff) % {PARTITIONS}, as Kafka's Java client has it by default (librdkafka: "
    "partitioner=murmur2_random). Delivery is at least once; the same record has the same id. Times of records are the broker's. Ids "
    "within messages are UUIDs in canonical text. A record that its reader can't take lies in the dead-letter topic (.dlq) with its key "
    "and value. Each service signs in as a principal of its own, with the rights that `wince kafka acls` prints; other readers need a "
    "principal and a group of their own."
)


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    schemas = sorted({schema for topic in TOPICS.values() for schema in topic.schemas})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wince on Kafka",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/x-protobuf",
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": dict(_operations()),
        "components": {
            "messages": {**{schema: _message(schema) for schema in schemas}, "unreadable": _letter()},
            "schemas": {"headers": _headers(), "letterHeaders": _letter_headers(), **_protos(schemas)},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    configs = topic.configs()
    known: dict[str, Any] = {"cleanup.policy": [configs["cleanup.policy"]]}
    known |= {name: int(configs[name]) for name in ("retention.ms", "max.message.bytes") if name in configs}
    binding = {"topic": topic.name, "partitions": PARTITIONS, "topicConfiguration": known, "bindingVersion": "0.5.0"}
    messages = topic.schemas if topic.name in ALL else ("unreadable",)
    return {
        "address": topic.name,
        "description": topic.about + (f" Holds PHI: {topic.phi}." if topic.phi else ""),
        "messages": {schema: {"$ref": f"#/components/messages/{schema}"} for schema in messages},
        "x-oldest-ms": oldest_ms(topic) or 0,
        "x-configs": configs,
        "bindings": {"kafka": binding},
    }


def _operations() -> Iterable[tuple[str, dict[str, Any]]]:
    for name, topic in TOPICS.items():
        for action, services in (("send", topic.writers), ("receive", topic.readers)):
            for service in services:
                made: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
                if action == "receive":
                    made["bindings"] = {"kafka": {"groupId": {"type": "string", "enum": [service]}, "bindingVersion": "0.5.0"}}
                yield f"{service}.{action}.{name}", made


def _message(schema: str) -> dict[str, Any]:
    return {
        "name": schema,
        "contentType": "application/x-protobuf",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The source."}, "bindingVersion": "0.5.0"}},
    }


def _letter() -> dict[str, Any]:
    """A record as it stood, which could not be read."""
    payload = {"type": "string", "format": "binary"}
    return {"name": "unreadable", "headers": {"$ref": "#/components/schemas/letterHeaders"}, "payload": payload}


def _headers() -> dict[str, Any]:
    """What every record of ours carries; a foreign one is read if it carries schema."""
    return _object(
        {
            "schema": _text_of("Full name of the protobuf message."),
            "id": _text_of(
                "The first 16 bytes of the sha256 of topic, key and value with zero bytes between; a message published twice has the same.",
                "^[0-9a-f]{32}$",
            ),
            "trace": _text_of("W3C traceparent.", "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"),
        }
    )


def _letter_headers() -> dict[str, Any]:
    """What every dead letter carries, and what only some do."""
    always = {
        "topic": _text_of("Where it stood."),
        "position": _text_of("Partition/offset there.", "^[0-9]+/[0-9]+$"),
        "error": _text_of("What was wrong: code, field and message; nothing of its content."),
        "id": _text_of("The record's own; where it had none of that form, one of the letter."),
        "trace": _text_of("The record's own; where it had none of that form, one of the letter."),
    }
    sometimes = {
        "schema": _text_of("The record's own, where it had one of ours."),
        "size": _text_of("Bytes of the record's value, where the letter holds only their beginning.", "^[0-9]+$"),
    }
    return _object(always, sometimes)


def _text_of(description: str, pattern: str = "") -> dict[str, str]:
    return {"type": "string", "description": description} | ({"pattern": pattern} if pattern else {})


def _object(always: dict[str, Any], sometimes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": always | (sometimes or {}), "required": list(always)}


def _protos(schemas: Iterable[str]) -> dict[str, Any]:
    """Every message and enum that can be reached, as proto3."""
    found: dict[str, str] = {}
    todo: list[Descriptor | EnumDescriptor] = [_descriptor(schema) for schema in schemas]
    while todo:
        one = todo.pop()
        if one.full_name in found:
            continue
        found[one.full_name] = _enum(one) if isinstance(one, EnumDescriptor) else _text(one)
        if isinstance(one, Descriptor):
            todo += [kind for field in one.fields for kind in (field.message_type, field.enum_type) if kind is not None]
    return {name: {"schemaFormat": _PROTOBUF, "schema": text} for name, text in sorted(found.items())}


def _descriptor(schema: str) -> Descriptor:
    package, _, _ = schema.rpartition(".")
    importlib.import_module(f"{package}.{package.split('.')[-2]}_pb2")
    return Default().FindMessageTypeByName(schema)


def _text(message: Descriptor) -> str:
    lines = []
    for field in sorted(message.fields, key=lambda one: one.number):
        kind = field.message_type or field.enum_type
        name = kind.full_name if kind is not None else _TYPES[field.type]
        proto = field.containing_oneof is not None and field.has_presence
        label = "repeated " if field.is_repeated else "optional " if proto else ""
        lines.append(f"  {label}{name} {field.name} = {field.number};")
    return "\n".join([f"message {message.name} {{", *lines, "}", ""])


def _enum(enum: EnumDescriptor) -> str:
    return "\n".join([f"enum {enum.name} {{", *(f"  {value.name} = {value.number};" for value in enum.values), "}", ""])


def yaml(value: Any, indent: int = 0) -> str:
    """YAML of dicts, lists, texts and numbers; long texts as blocks."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{_scalar(key)}:{_after(item, indent)}" for key, item in value.items())
    return "".join(f"{pad}- {_scalar(item)}\n" for item in value)


def _after(item: Any, indent: int) -> str:
    if isinstance(item, (dict, list)):
        return "\n" + yaml(item, indent + 1) if item else " {}\n"
    if isinstance(item, str) and "\n" in item:
        pad = "  " * (indent + 1)
        return " |\n" + "".join(f"{pad}{line}\n" for line in item.splitlines())
    return f" {_scalar(item)}\n"


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and value.replace(".", "").replace("_", "").isalnum() and value[0].isalpha()
    return str(value) if plain and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n") else json.dumps(value)


def render() -> str:
    """The document as text."""
    return "# Made by `make proto`: don't edit.\n" + yaml(document())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), "utf-8")
