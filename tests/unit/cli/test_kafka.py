"""`wince kafka acls`: what docs/how-to/kafka.md has a site run prints every right of the table, and no other."""

import shlex
from itertools import pairwise

import yaml

from wince.bus.access import PRINCIPALS, TEMPLATE, principal, rights

LINES = (
    ("kafka", "acls"),
    ("kafka", "acls", "--form", "strimzi", "--cluster", "ward"),
    ("kafka", "acls", "--principal", "User:CN={service}.wince.example"),
    ("kafka", "acls", "--prefix", "north."),
    ("kafka", "acls", "--reader", "analytics", "--topic", "wince.assessments.v1", "--topic", "wince.stays.v1"),
)
"""As the page has them."""


def granted(text: str) -> dict[str, set[tuple[str, str, str]]]:
    """What lines of kafka-acls.sh grant, by principal."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for line in text.splitlines():
        tool, *words = shlex.split(line)
        assert tool == "kafka-acls.sh"
        pairs = list(pairwise(words))
        (who,) = [value for name, value in pairs if name == "--allow-principal"]
        operations = [value for name, value in pairs if name == "--operation"]
        resources = [(name[2:], value) for name, value in pairs if name in ("--topic", "--group")]
        found.setdefault(who, set()).update((kind, name, operation) for kind, name in resources for operation in operations)
    return found


def wanted(template: str = TEMPLATE) -> dict[str, set[tuple[str, str, str]]]:
    return {principal(service, template): {(one.kind, one.name, one.operation) for one in rights(service)} for service in PRINCIPALS}


def test_lines_for_a_shell(wince, monkeypatch):
    """For the brokers that are set, and for principals of another form, quoted where a shell needs it."""
    monkeypatch.setenv("WINCE_KAFKA_BOOTSTRAP", "127.0.0.1:9093")
    plain = wince(*LINES[0])
    assert granted(plain.out) == wanted()
    assert "--bootstrap-server 127.0.0.1:9093 " in plain.out
    assert granted(wince(*LINES[2]).out) == wanted("User:CN={service}.wince.example")
    spaced = "User:CN={service}, O=St. Mary's"
    assert granted(wince("kafka", "acls", "--principal", spaced).out) == wanted(spaced)


def test_objects_for_strimzi(wince):
    """One KafkaUser for each principal, of one cluster."""
    objects = list(yaml.safe_load_all(wince(*LINES[1]).out))
    assert {one["metadata"]["labels"]["strimzi.io/cluster"] for one in objects} == {"ward"}
    assert {one["kind"] for one in objects} == {"KafkaUser"}
    found = {
        f"User:{one['metadata']['name']}": {
            (acl["resource"]["type"], acl["resource"]["name"], operation)
            for acl in one["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        }
        for one in objects
    }
    assert found == wanted()


def test_rights_for_a_program(wince):
    shown = wince("kafka", "acls", "--form", "json").json()
    assert {who: {(one["kind"], one["name"], one["operation"]) for one in some} for who, some in shown.items()} == wanted()


def test_what_can_not_be_meant(wince):
    """A principal that is none, or that would not be one for each service, or no name for Strimzi."""
    for words in (
        ("--principal", "detect"),
        ("--principal", "User:a\nb"),
        ("--form", "strimzi", "--principal", "User:wince"),
        ("--form", "strimzi", "--principal", "User:CN={service}, O=x"),
        ("--form", "strimzi", "--cluster", "a: b"),
    ):
        assert wince("kafka", "acls", *words).code == 2, words


def test_only_grade_writes_assessments_and_only_estimate_reads_faces():
    """The sentence of the page, from the table."""
    every = wanted()
    assert [who for who, some in every.items() if ("topic", "wince.assessments.v1", "Write") in some] == ["User:wince-grade"]
    assert [who for who, some in every.items() if ("topic", "wince.faces.v1", "Read") in some] == ["User:wince-estimate"]
    assert [who for who, some in every.items() if ("topic", "wince.faces.v1", "Write") in some] == ["User:wince-detect"]
    assert {operation for kind, _, operation in every["User:wince-status"]} == {"Describe"}


def test_a_reader_of_the_sites_own_may_read_what_it_names_and_no_more(wince):
    """Its group has its name, so that it takes no partition away from a service."""
    found = granted(wince(*LINES[4]).out)
    on = {("topic", "wince.assessments.v1"), ("topic", "wince.stays.v1"), ("group", "analytics")}
    assert found == {"User:wince-analytics": {(*one, operation) for one in on for operation in ("Read", "Describe")}}
    (user,) = yaml.safe_load_all(wince("kafka", "acls", "--reader", "analytics", "--form", "strimzi").out)
    assert user["metadata"]["name"] == "wince-analytics"


def test_a_reader_is_named_otherwise_than_a_service(wince):
    for words, field in (
        (("--reader", "grade"), "--reader"),
        (("--topic", "wince.stays.v1"), "--reader"),
        (("--reader", "analytics", "--topic", "wince.stay.v1"), "--topic"),
    ):
        said = wince("kafka", "acls", *words)
        assert (said.code, said.err.count(field) > 0) == (2, True), said


def test_a_sites_prefix_stands_before_topics_groups_and_users(wince, monkeypatch):
    """Where it is set, as where it is asked for."""
    asked = wince(*LINES[3]).out
    monkeypatch.setenv("WINCE_KAFKA_PREFIX", "north.")
    assert granted(wince("kafka", "acls").out) == granted(asked)
    assert granted(asked) == {
        f"User:north.wince-{service}": {(one.kind, f"north.{one.name}", one.operation) for one in rights(service)} for service in PRINCIPALS
    }
    assert granted(wince("kafka", "acls", "--prefix", "").out) == wanted()


def test_a_prefix_that_is_no_name_is_an_error_of_usage(wince):
    found = wince("kafka", "acls", "--prefix", "North")
    assert found.code == 2
    assert "--prefix" in found.err
