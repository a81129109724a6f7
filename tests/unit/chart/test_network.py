"""Services, and which flows NetworkPolicies let through: nothing but what is named."""

from typing import Any

from tests.unit.chart.rendered import NAME, Manifest, manifests, named, of_kind, pod, pods, services, settings

Made = tuple[Manifest, ...]


def policies(made: Made, component: str) -> list[Manifest]:
    """Policies that select a component's pods."""
    labels = pod(made, component).labels
    return [one for one in of_kind(made, "NetworkPolicy") if one["spec"]["podSelector"]["matchLabels"].items() <= labels.items()]


def rules(made: Made, component: str, direction: str) -> list[tuple[Any, set[int]]]:
    """(peers, ports) of a component; peers None: everybody."""
    key = "from" if direction == "ingress" else "to"
    found = [rule for one in policies(made, component) for rule in one["spec"].get(direction, ())]
    return [(rule.get(key), {port["port"] for port in rule["ports"]}) for rule in found]


def open_ports(made: Made, component: str) -> set[int]:
    return {port for _, ports in rules(made, component, "ingress") for port in ports}


def test_everything_is_denied_but_what_is_named(made: Made) -> None:
    if not of_kind(made, "NetworkPolicy"):
        return  # one-bed says so, and the notes warn of it
    denied = named(made, "NetworkPolicy", f"{NAME}-default-deny")["spec"]
    assert denied["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & denied.keys()
    for one in pods(made):
        assert denied["podSelector"]["matchLabels"].items() <= one.labels.items()
        assert len(policies(made, one.component)) == 2
        for peers, ports in [*rules(made, one.component, "ingress"), *rules(made, one.component, "egress")]:
            assert ports, "a rule without ports opens them all"
            assert peers or ports == {7420}, "only health is asked by who isn't named"
            assert all(any(peer.values()) for peer in peers or ())


def test_a_port_is_open_only_where_something_listens(made: Made) -> None:
    if not of_kind(made, "NetworkPolicy"):
        return
    for one in services(made):
        listens = {port["containerPort"] for port in one.main["ports"]}
        assert open_ports(made, one.component) - {1024} <= listens  # 1024: UDP from cameras
        assert 7420 in open_ports(made, one.component)
    for one in pods(made):
        assert one in services(made) or not rules(made, one.component, "ingress")


def test_a_component_goes_only_where_it_has_to() -> None:
    made = manifests("helm4", "own-ca")
    to = {name: sorted(port for _, ports in rules(made, name, "egress") for port in ports) for name in settings_of(made)}
    common = [53, 443, 4317]  # names, keys of the sign-in, traces
    assert to["capture"] == sorted([*common, 5432, 7422, 554, 322, 443])
    assert to["detect"] == to["estimate"] == sorted([*common, 9093])
    assert to["grade"] == sorted([*common, 5432, 9093])
    assert to["record"] == sorted([*common, 5432, 9093, 443, 2762, 443, 2575, 443])  # the EHR, the archive, HL7 v2, second places
    assert to["care"] == to["hospital"] == sorted([*common, 5432, 9093, 443])
    assert to["imaging"] == sorted([*common, 5432, 9093, 4242])
    assert sorted(port for _, ports in rules(made, "migrate", "egress") for port in ports) == [53, 5432]
    made = manifests("helm4", "high-availability")
    assert sorted(port for _, ports in rules(made, "retention", "egress") for port in ports) == [53, 5432]


def settings_of(made: Made) -> list[str]:
    return [one.component for one in services(made)]


def test_the_test_of_a_release_goes_where_record_goes_and_asks_for_health() -> None:
    made = manifests("helm4", "own-ca", "--set-json", 'networkPolicy.probes.peers=[{"ipBlock":{"cidr":"10.0.0.0/16"}}]')
    to = {name: sorted(port for _, ports in rules(made, name, "egress") for port in ports) for name in ("record", "test")}
    assert to["test"] == sorted([*to["record"], 7420])
    ((peers, _),) = [one for one in rules(made, "grade", "ingress") if 7420 in one[1]]
    assert pod(made, "test").labels.items() >= peers[-1]["podSelector"]["matchLabels"].items()
    assert not rules(made, "test", "ingress")


def test_senders_reach_their_listener_alone() -> None:
    made = manifests("helm4", "own-ca")
    assert open_ports(made, "hospital") == {7420, 2575}
    assert open_ports(made, "imaging") == {7420, 11112, 8042}
    assert open_ports(made, "record") == {7420, 11113}
    assert open_ports(made, "detect") == {7420, 7422}
    ((peers, _),) = [one for one in rules(made, "detect", "ingress") if 7422 in one[1]]
    assert [one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in peers] == ["capture"]
    assert open_ports(made, "grade") == open_ports(made, "care") == {7420}


def test_metrics_are_read_by_who_is_named() -> None:
    made = manifests("helm4", "high-availability")
    for one in services(made):
        assert settings(made, one.component)["metrics_port"] == 9400
        assert 9400 in open_ports(made, one.component)
        assert 9400 in {port["containerPort"] for port in one.main["ports"]}
    assert all(9400 not in open_ports(manifests("helm4", "minimal"), name) for name in settings_of(manifests("helm4", "minimal")))


def test_services_lead_to_pods_that_listen(made: Made) -> None:
    for service in of_kind(made, "Service"):
        chosen = [one for one in services(made) if service["spec"]["selector"].items() <= one.labels.items()]
        (one,) = chosen
        ports = {port["name"]: port["containerPort"] for port in one.main["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"], service["metadata"]["name"]
        is_own = service["metadata"]["name"] == f"{NAME}-{one.component}"  # `helm test` asks there; nobody outside the cluster does
        assert (7420 in {port["port"] for port in service["spec"]["ports"]}) == is_own
        assert not is_own or service["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_a_load_balancer_keeps_the_senders_address(made: Made) -> None:
    for service in of_kind(made, "Service"):
        kept = service["spec"].get("externalTrafficPolicy")
        assert kept == ("Local" if service["spec"].get("type", "ClusterIP") != "ClusterIP" else None)


def test_names_are_unique_and_fit_kubernetes(made: Made) -> None:
    ids = [(one["apiVersion"], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in made]
    assert len(ids) == len(set(ids))
    assert all(len(name) <= 63 for *_, name in ids)


def test_a_long_release_name_leaves_room_for_what_stands_behind_it() -> None:
    from tests.unit.chart.rendered import CHART, helm, values_file

    said = helm("helm4").run("template", "a" * 53, CHART, "--values", values_file("operators")).stdout
    names = [line.split("name: ")[1] for line in said.splitlines() if line.startswith("  name: ")]
    assert max(map(len, names)) <= 63
