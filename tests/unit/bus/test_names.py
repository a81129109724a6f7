"""A site's prefix before the names of topics and groups."""

import pytest

from wince.bus.access import GROUPS, PRINCIPALS, Right, reader_rights, rights, services_rights, template
from wince.bus.names import PLAIN, Names
from wince.bus.topics import TOPICS
from wince.errors import ConfigError

NORTH = Names("north.")


@pytest.mark.parametrize("prefix", ["", "north.", "st-mary-", "a.b-", "1."])
def test_names_go_there_and_back(prefix):
    names = Names(prefix)
    assert [names.ours(names.there(topic)) for topic in TOPICS] == list(TOPICS)


@pytest.mark.parametrize("prefix", ["north", ".", "-", "North.", "a b.", "a_", "north.\n", "é.", "x" * 64 + "."])
def test_a_prefix_that_is_no_name_is_refused(prefix):
    with pytest.raises(ConfigError) as found:
        Names(prefix)
    assert found.value.field == "kafka_prefix"
    assert "north." in found.value.remedy


def test_another_sites_names_are_not_ours():
    assert NORTH.ours("south.wince.faces.v1") is None
    assert NORTH.ours("wince.faces.v1") is None
    assert PLAIN.ours("wince.faces.v1") == "wince.faces.v1"


@pytest.mark.parametrize("service", PRINCIPALS)
def test_rights_are_those_of_the_table_behind_the_prefix(service):
    assert rights(service, NORTH) == tuple(Right(one.kind, f"north.{one.name}", one.operation) for one in rights(service))


def test_users_of_two_sites_differ():
    north, plain = services_rights(template(NORTH), NORTH), services_rights()
    assert not north.keys() & plain.keys()
    assert set(north) == {f"User:north.wince-{service}" for service in PRINCIPALS}
    assert {one.name for some in north.values() for one in some} == {f"north.{name}" for name in (*TOPICS, *GROUPS)}


def test_a_reader_of_the_sites_own_reads_its_topics_with_a_group_of_its_own_name():
    found = reader_rights("analytics", ["wince.stays.v1"], NORTH)
    assert {str(one) for one in found if one.operation == "Read"} == {"Read on topic north.wince.stays.v1", "Read on group analytics"}
