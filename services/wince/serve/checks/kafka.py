"""Kafka: brokers that let us in, topics and their copies, whether we may make those that are missing, and the rights of this user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wince.bus import access
from wince.bus.access import SERVICES
from wince.bus.names import Names
from wince.bus.topics import BROKER_LOOKS_MS, PARTITIONS, TOPICS, Topic
from wince.serve import broker
from wince.serve.checks.finding import Finding, missing, ok, warning
from wince.settings import Settings

CONNECT_S = 8.0
"""For the first answer."""
_LOOKS = "log.retention.check.interval.ms"


def check(settings: Settings) -> Iterator[Finding]:
    """The brokers that are set; nothing where none are."""
    if not settings.kafka_bootstrap:
        return
    from kafka import errors as kafka_errors  # the client takes half a second to import

    options = broker.options(settings, connect_s=CONNECT_S)
    admin = options.admin()
    try:
        brokers = admin.describe_cluster()["brokers"]
        yield ok("kafka", f"{len(brokers)} brokers, {settings.kafka_security}")
        # those that this user may not see are told apart from those that are not there
        topics = admin.describe_topics([options.names.there(name) for name in TOPICS])
        if ours := [topic for topic in topics if not topic["error_code"]]:
            yield from _copies(ours, len(brokers))
            yield from _kept(admin, [topic["name"] for topic in ours], brokers[0]["broker_id"], options.names)
        if absent := [topic["name"] for topic in topics if topic["error_code"] == kafka_errors.UnknownTopicOrPartitionError.errno]:
            yield from _may_make(admin, absent, settings, len(brokers))
        yield from _rights(admin, settings)
    except (kafka_errors.KafkaError, OSError) as error:
        raise options.error(error) from None
    finally:
        admin.close()


def _rights(admin: Any, settings: Settings) -> Iterator[Finding]:
    """Whose rights this user has; where no service's are whole, what those of the nearest one lack."""
    from wince.bus.kafka_rights import NEEDED, beyond, lacking

    who = settings.kafka_user or "whoever reaches the brokers"
    remedy = "grant what `wince kafka acls` prints, to a user of its own for each service"
    names = Names(settings.kafka_prefix)
    lacks = {service: lacking(admin, service, names) for service in SERVICES}
    able = [service for service, rights in lacks.items() if not any(right.operation in NEEDED for right in rights)]
    if not able:
        nearest = min(lacks, key=lambda service: len(lacks[service]) / len(access.rights(service)))
        yield missing("kafka rights", f"{who} lacks for {nearest}: {', '.join(map(str, lacks[nearest]))}", remedy)
    elif len(able) == len(SERVICES):
        yield warning("kafka rights", f"{who} may do what every service may: a forged assessment can come from any of them", remedy)
    elif more := beyond(admin, able, names):
        yield warning("kafka rights", f"{who} may do more than {', '.join(able)} needs: {', '.join(map(str, more))}", remedy)
    elif less := [right for service in able for right in lacks[service]]:
        remedy += "; or see yourself that topics are there, with the settings in docs/reference/asyncapi.yaml"
        yield warning("kafka rights", f"{who} may not make topics, or keep their settings: {', '.join(map(str, less))}", remedy)
    else:
        yield ok("kafka rights", f"{who} has those of {', '.join(able)}")


def _kept(admin: Any, names: list[str], node: int, ours: Names) -> Iterator[Finding]:
    """Whether records go when they should: by the topics' settings, and by how often the brokers look. Of what this user may not see the
    library gives no settings, and no error. No service needs to see the brokers'; who keeps the topics sees theirs at each start."""
    from kafka.admin import ConfigResource, ConfigResourceType

    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names], config_filter="all")["topic"]
    asked = admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(node))], config_filter="all")["broker"]
    longer = sorted(own for name in names if (own := ours.ours(name) or "") and found.get(name) and _longer(TOPICS[own], found[name]))
    if longer:
        remedy = "start Wince: it sets retention.ms, segment.ms and the rest; where it may not, set what docs/reference/asyncapi.yaml says"
        yield missing("kafka retention", f"records are kept for longer than Wince's on {_with_what_lies_there(longer)}", remedy)
        return
    if hidden := sorted(ours.ours(name) or name for name in names if not found.get(name)):
        what = f"this user may not see how long records are kept on {_with_what_lies_there(hidden)}"
        yield warning("kafka retention", what, "ask with the user of a service, or grant DescribeConfigs on these topics")
        return
    looks = max((int((one.get(_LOOKS) or {}).get("value") or 0) for one in asked.values()), default=0)
    if not looks:
        yield ok("kafka retention", "topics let records go when they should; how often the brokers look, this user may not see")
    elif looks > BROKER_LOOKS_MS:
        what = f"brokers look for what is too old every {looks // 60_000} minutes: crops of faces rest for longer than 14"
        yield warning("kafka retention", what, f"set {_LOOKS} to {BROKER_LOOKS_MS} or less on every broker")
    else:
        yield ok("kafka retention", "records go when they should")


def _with_what_lies_there(names: list[str]) -> str:
    """Topics of ours, each with what it holds of patients."""
    return ", ".join(f"{name} ({TOPICS[name].phi})" if TOPICS[name].phi else name for name in names)


def _longer(topic: Topic, has: Mapping[str, Any]) -> bool:
    """Whether a topic keeps records longer than it should, or by a producer's clock."""
    value = {name: str((has.get(name) or {}).get("value")) for name in topic.configs()}
    for name, wanted in topic.configs().items():
        if not name.endswith(".ms") or not wanted.isdigit():
            if name in ("cleanup.policy", "message.timestamp.type") and value[name] != wanted:
                return True
        elif not value[name].isdigit() or (int(value[name]) > int(wanted) and name != "min.compaction.lag.ms"):
            return True  # -1: for ever
    return False


def _copies(topics: list[dict[str, Any]], brokers: int) -> Iterator[Finding]:
    parts = [part for topic in topics for part in topic["partitions"]]
    fewest = min(len(part["replica_nodes"]) for part in parts)
    behind = sorted({topic["name"] for topic in topics for part in topic["partitions"] if _behind(part)})
    leaderless = sorted({topic["name"] for topic in topics for part in topic["partitions"] if part["leader_id"] < 0})
    narrow = sorted(topic["name"] for topic in topics if len(topic["partitions"]) != PARTITIONS)
    if leaderless:
        yield missing("kafka topics", f"no broker leads a part of {', '.join(leaderless)}", "start the brokers that hold it")
    elif narrow:
        remedy = f"stop Wince, delete them, and let Wince make them with {PARTITIONS} partitions: what lies on them is computed again"
        yield missing("kafka topics", f"not {PARTITIONS} partitions: {', '.join(narrow)}", remedy)
    elif behind:
        yield warning("kafka topics", f"copies are missing or behind: {', '.join(behind)}", "are all brokers up?")
    elif fewest < 2:
        remedy = "give each topic three copies (kafka_replication, or kafka-reassign-partitions)" if brokers > 1 else "use three brokers"
        yield warning("kafka topics", "one copy: what is in flight goes with its broker", remedy)
    else:
        yield ok("kafka topics", f"{len(topics)} with {fewest} copies")


def _behind(part: dict[str, Any]) -> bool:
    return len(part["isr_nodes"]) < len(part["replica_nodes"])


def _may_make(admin: Any, names: list[str], settings: Settings, brokers: int) -> Iterator[Finding]:
    """The broker is asked whether it would make them; it makes nothing."""
    from kafka import errors as kafka_errors

    copies, ours = settings.kafka_replication, Names(settings.kafka_prefix)
    common = {"num_partitions": PARTITIONS, "replication_factor": copies or -1}
    plans = {name: {**common, "configs": TOPICS[ours.ours(name) or name].configs()} for name in names}
    try:
        admin.create_topics(plans, validate_only=True)
    except kafka_errors.InvalidReplicationFactorError:
        found = f"{copies or 'the default'} copies can't be made by {brokers} brokers"
        yield missing("kafka topics", found, "set kafka_replication to at most the number of brokers")
    except (kafka_errors.AuthorizationError, kafka_errors.PolicyViolationError) as error:
        remedy = f"let this user create {ours.there('wince.')}* topics, or make them for it"
        yield missing("kafka topics", f"{len(names)} are missing and we may not make them ({type(error).__name__})", remedy)
    else:
        yield ok("kafka topics", f"{len(names)} are made at the first start")
