"""Two sites in one cluster: two releases in two namespaces, with one Kafka, and nothing that both would make or share."""

from pathlib import Path

import yaml

from tests.unit.chart.rendered import CHART, Manifest, helm, of_kind, settings, texts, values_file

CLUSTER_WIDE = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "PriorityClass",
    "StorageClass",
    "PersistentVolume",
    "CustomResourceDefinition",
}


def site(name: str, folder: Path) -> tuple[Manifest, ...]:
    """What docs/how-to/kubernetes.md tells an operator to set: the site's name, the prefix, Kafka's namespace, host names of its own."""
    values = yaml.safe_load(values_file("operators").read_text())
    values["settings"] |= {"site": f"{name}-icu", "kafka_prefix": f"{name}."}
    values["strimzi"]["namespace"] = "kafka"
    values["gateway"]["grpc"] = {key: [f"{key}.{name}.example"] for key in values["gateway"]["grpc"]}
    values["gateway"]["stow"] = [f"stow.{name}.example"]
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(values))
    said = helm("helm4").run("template", "icu", CHART, "--namespace", name, "--values", file).stdout
    return tuple(one for one in yaml.safe_load_all(said) if one)


def names(made: tuple[Manifest, ...], namespace: str) -> set[tuple[str, str, str]]:
    return {(one["kind"], one["metadata"].get("namespace", namespace), one["metadata"]["name"]) for one in made}


def test_two_sites_share_no_name(tmp_path: Path) -> None:
    north, south = site("north", tmp_path), site("south", tmp_path)
    assert not {one["kind"] for one in north} & CLUSTER_WIDE
    assert names(north, "north") & names(south, "south") == set()
    assert {one["metadata"]["namespace"] for one in of_kind(north, "KafkaTopic", "KafkaUser")} == {"kafka"}
    for one in of_kind(north, "GRPCRoute", "HTTPRoute"):
        assert all("north" in host for host in one["spec"]["hostnames"])
    reached = {text for one in north for text in texts(one) if "south" in text}
    assert reached == set()


def test_a_password_lies_in_the_secret_that_strimzi_names_after_the_user(tmp_path: Path) -> None:
    north = site("north", tmp_path)
    users = {one["metadata"]["name"] for one in of_kind(north, "KafkaUser")}
    for one in of_kind(north, "Deployment", "StatefulSet"):
        component = one["metadata"]["labels"]["app.kubernetes.io/component"]
        sources = [
            source for volume in one["spec"]["template"]["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", ())
        ]
        found = [one["secret"]["name"] for one in sources if "secrets/kafka/password" in set(texts(one))]
        if component != "capture":  # it has nothing to do with Kafka
            tomls = {one["metadata"]["name"]: one for one in of_kind(north, "ConfigMap")}
            assert found == [settings((tomls[f"icu-wince-{component}"],), component)["kafka_user"]]
            assert set(found) <= users
    (looks,) = of_kind(north, "TriggerAuthentication")
    assert {one["name"] for one in looks["spec"]["secretTargetRef"] if one["parameter"] == "password"} == {"north.wince-status"}
