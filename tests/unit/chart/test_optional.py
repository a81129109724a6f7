"""What stands behind flags: scaling, monitoring, certificates, Kafka's topics and users, a database, routes; and upgrades."""

import json

import yaml

from tests.unit.chart.rendered import CHART, NAME, NAMESPACE, Manifest, facts, manifests, named, of_kind, pod, pods, services, settings
from wince.bus import access
from wince.bus.topics import PARTITIONS, TOPICS

Made = tuple[Manifest, ...]
FLAGGED = {
    "HorizontalPodAutoscaler", "ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PrometheusRule", "Certificate", "KafkaTopic",
    "KafkaUser", "Cluster", "GRPCRoute", "HTTPRoute", "BackendTLSPolicy", "Ingress",
}  # fmt: skip


def test_nothing_of_another_operator_is_made_unasked() -> None:
    assert {one["kind"] for one in manifests("helm4", "minimal")} & FLAGGED == set()
    assert {
        one["kind"] for values in ("high-availability", "mtls", "own-ca", "operators") for one in manifests("helm4", values)
    } >= FLAGGED - {"HTTPRoute"}


def test_users_have_the_rights_that_the_command_prints() -> None:
    """`wince kafka acls --form strimzi` makes the same of the same table."""
    made = manifests("helm4", "operators")
    printed = list(yaml.safe_load_all(access.strimzi("kafka", access.services_rights())))
    ours = {one["metadata"]["name"]: _rights(one) for one in of_kind(made, "KafkaUser")}
    assert ours == {one["metadata"]["name"]: _rights(one) for one in printed}
    assert {one["apiVersion"] for one in of_kind(made, "KafkaUser")} == {one["apiVersion"] for one in printed}
    for one in services(made):
        said = settings(made, one.component)
        if "kafka_user" in said:
            assert said["kafka_user"] in ours
            assert "/etc/wince/secrets/kafka/password" in one.files()


def _rights(user: Manifest) -> set[tuple[str, str, str]]:
    acls = user["spec"]["authorization"]["acls"]
    return {(one["resource"]["type"], one["resource"]["name"], operation) for one in acls for operation in one["operations"]}


def test_topics_are_those_of_the_code() -> None:
    made = {one["spec"]["topicName"]: one["spec"] for one in of_kind(manifests("helm4", "operators"), "KafkaTopic")}
    assert made.keys() == TOPICS.keys()
    for name, spec in made.items():
        assert spec["partitions"] == PARTITIONS
        assert spec["config"] == TOPICS[name].configs() | {"min.insync.replicas": "2"}


def test_a_prefix_stands_before_every_name_at_the_brokers() -> None:
    made = manifests("helm4", "operators", "--set", "settings.kafka_prefix=north.")
    names = [one["spec"]["topicName"] for one in of_kind(made, "KafkaTopic")]
    names += [one["metadata"]["name"] for one in of_kind(made, "KafkaUser")]
    names += [acl["resource"]["name"] for one in of_kind(made, "KafkaUser") for acl in one["spec"]["authorization"]["acls"]]
    triggers = [trigger["metadata"] for one in of_kind(made, "ScaledObject") for trigger in one["spec"]["triggers"]]
    names += [trigger[key] for trigger in triggers for key in ("topic", "consumerGroup")]
    assert all(name.startswith("north.") for name in names)
    assert settings(made, "grade")["kafka_user"] == "north.wince-grade"
    assert pod(made, "grade").template != pod(manifests("helm4", "operators"), "grade").template


def test_what_waits_is_looked_at_for_every_topic_that_a_component_reads() -> None:
    made = manifests("helm4", "operators")
    for scaled in of_kind(made, "ScaledObject"):
        component = scaled["metadata"]["name"].removeprefix(f"{NAME}-")
        target = scaled["spec"]["scaleTargetRef"]
        owner = named(made, target["kind"], target["name"])
        assert "replicas" not in owner["spec"], "the autoscaler alone says how many"
        triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
        assert [one["topic"] for one in triggers] == facts()["components"][component]["consumes"]
        assert {one["consumerGroup"] for one in triggers} == {component}
        assert scaled["spec"]["maxReplicaCount"] <= PARTITIONS
    look = named(made, "ConfigMap", f"{NAME}-kafka-look")["data"]
    assert look == {"sasl": "scram_sha512", "tls": "enable", "username": "wince-status"}
    assert {one["metadata"]["name"] for one in of_kind(made, "ScaledObject")} == {
        f"{NAME}-{name}" for name in ("estimate", "grade", "record")
    }


def test_what_waits_is_looked_at_with_a_certificate_where_brokers_want_one() -> None:
    made = manifests("helm4", "mtls", "--set", "components.grade.keda.enabled=true")
    asked = named(made, "TriggerAuthentication", f"{NAME}-kafka")["spec"]
    assert {one["parameter"]: (one["name"], one["key"]) for one in asked["secretTargetRef"]} == {
        "ca": ("kafka-cluster-ca-cert", "ca.crt"),
        "cert": ("wince-status", "user.crt"),
        "key": ("wince-status", "user.key"),
    }
    assert named(made, "ConfigMap", f"{NAME}-kafka-look")["data"] | {"username": ""} == {"sasl": "none", "tls": "enable", "username": ""}


def test_an_autoscaler_alone_says_how_many_replicas_there_are(made: Made) -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(made, "HorizontalPodAutoscaler", "ScaledObject")}
    assert len(scaled) == len(of_kind(made, "HorizontalPodAutoscaler", "ScaledObject"))
    for one in services(made):
        assert ("replicas" in one.owner["spec"]) == (one.owner["metadata"]["name"] not in scaled)


def test_certificates_fill_the_secrets_that_pods_mount() -> None:
    made = manifests("helm4", "mtls")
    certificates = {one["spec"]["secretName"]: one["spec"] for one in of_kind(made, "Certificate")}
    for one in services(made):
        mounted = {
            source["secret"]["name"] for volume in one.spec["volumes"] for source in _secrets(volume) if "tls" in source["secret"]["name"]
        }
        assert mounted
        assert mounted <= certificates.keys()
        assert f"{NAME}-{one.component}.{NAMESPACE}.svc" in certificates[f"{NAME}-{one.component}-tls"]["dnsNames"]
    assert "hl7.wince.hospital.example" in certificates[f"{NAME}-mllp-tls"]["dnsNames"]
    assert all({"server auth", "client auth"} <= set(one["usages"]) for one in certificates.values())


def _secrets(volume: Manifest) -> list[Manifest]:
    return [one for one in volume.get("projected", {}).get("sources", ()) if "secret" in one]


def test_mtls_is_everywhere() -> None:
    made = manifests("helm4", "mtls")
    for one in services(made):
        said = settings(made, one.component)
        assert {"tls_client_ca_file", "client_cert_file", "client_key_file"} <= said["rpc"].keys()
        assert one.component == "capture" or {"kafka_cert_file", "kafka_key_file"} <= said.keys()
    assert "mllp_client_ca_file" in settings(made, "hospital")
    assert {"ehr_cert_file", "ehr_cert_key_file"} <= settings(made, "record").keys()


def test_alerts_and_dashboard_are_those_of_the_files() -> None:
    made = manifests("helm4", "high-availability")
    plain = manifests("helm4", "high-availability", "--set", "metrics.serviceMonitor.enabled=false")
    assert named(plain, "PrometheusRule", NAME)["spec"] == yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    assert json.loads(named(made, "ConfigMap", f"{NAME}-dashboard")["data"]["wince.json"]) == json.loads(
        (CHART / "files/dashboard.json").read_text()
    )
    monitor = named(made, "ServiceMonitor", NAME)["spec"]
    watched = [
        one
        for one in of_kind(made, "Service")
        if monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
        and any(port["name"] == monitor["endpoints"][0]["port"] for port in one["spec"]["ports"])
    ]
    assert len(watched) == len(services(made)), "each component once"


def test_a_database_of_the_operator_is_waited_for_at_the_first_install() -> None:
    """A hook would run before there is one."""
    first = manifests("helm4", "operators")
    later = manifests("helm4", "operators", "--is-upgrade")
    assert "annotations" not in named(first, "Job", f"{NAME}-migrate")["metadata"]
    assert named(later, "Job", f"{NAME}-migrate")["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    cluster = named(first, "Cluster", f"{NAME}-database")
    assert cluster["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep", "helm uninstall must not take the record away"
    environment = {one["name"]: one for one in pod(first, "record").main["env"]}
    assert f"host={NAME}-database-rw" in environment["WINCE_PG_DSN"]["value"]
    assert "sslmode=verify-full" in environment["WINCE_PG_DSN"]["value"]
    assert environment["PGPASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": f"{NAME}-database-app", "key": "password"}


def test_the_migration_runs_before_anything_changes(made: Made) -> None:
    """It needs nothing of the release itself, which isn't there yet: no ConfigMap, no ServiceAccount but its own."""
    job = pod(made, "migrate")
    annotations = job.owner["metadata"].get("annotations", {})
    if "helm.sh/hook" not in annotations:
        return  # cloudnativepg, at the first install
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    hooked = [one for one in made if one["metadata"].get("annotations", {}).get("helm.sh/hook") == annotations["helm.sh/hook"]]
    early = {(one["kind"], one["metadata"]["name"]) for one in hooked if one["metadata"]["annotations"]["helm.sh/hook-weight"] == "-10"}
    assert ("ServiceAccount", job.spec["serviceAccountName"]) in early
    kinds = {kind for volume in job.spec["volumes"] for source in volume.get("projected", {}).get("sources", ()) for kind in source}
    assert kinds == {"secret"}
    assert job.spec["restartPolicy"] == "Never"


def test_a_gpu_is_asked_for_beside_estimate() -> None:
    made = manifests("helm4", "gpu")
    estimate = pod(made, "estimate")
    served = next(one for one in estimate.containers if one["name"] == "torchserve")
    assert served["resources"]["limits"]["nvidia.com/gpu"] == 1
    loads = {one["name"]: one["value"] for one in served["env"]}["ARCHIVES"]
    assert loads == "infant-1.0.mar", "no archive is loaded whose hash nobody compares"
    assert estimate.spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert estimate.spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert settings(made, "estimate")["serving"] == {
        "target": "127.0.0.1:7070",
        "manifest": "/etc/wince/secrets/serving-manifest/infant-1.0.json",
    }
    checked = {one.component for one in services(made) if any("sha256sum" in inner.get("command", ()) for inner in one.containers)}
    assert checked == {"capture", "detect", "estimate", "grade", "record", "care"}, "each refuses to start without the protocol's models"
    assert all(settings(made, name)["serving"]["target"] == "127.0.0.1:7070" for name in checked)
    sums = named(made, "ConfigMap", f"{NAME}-models")["data"]["SHA256SUMS"].splitlines()
    assert all(len(line.split("  ")) == 2 and len(line.split("  ")[0]) == 64 for line in sums)


def test_an_air_gapped_site_asks_its_own_registry_alone() -> None:
    made = manifests("helm4", "air-gapped")
    for one in pods(made):
        assert one.spec["imagePullSecrets"] == [{"name": "registry-login"}]
        for container in one.containers:
            assert container["image"].startswith("registry.hospital.example/wince/wince-")
            assert "@sha256:" in container["image"]


def test_protocols_lie_in_config_maps() -> None:
    made = manifests("helm4", "gpu", "--set", "protocols.files.own\\.toml=a = 1")
    assert settings(made, "grade")["protocol_dir"] == "/etc/wince-protocols/site:/etc/wince-protocols/chart"
    assert named(made, "ConfigMap", f"{NAME}-protocols")["data"] == {"own.toml": "a = 1"}
    assert settings(made, "estimate")["routing"] == [{"protocol": "infant", "wards": ["NICU"], "to_age": "12m"}]


def test_pods_start_again_where_what_they_read_has_changed() -> None:
    def sums(*change: str) -> dict[str, str]:
        made = manifests("helm4", "minimal", *[word for one in change for word in ("--set", one)])
        return {one.component: one.template["metadata"]["annotations"]["checksum/config"] for one in services(made)}

    before = sums()
    everywhere, grade, beds = (
        sums("settings.log_level=info"),
        sums("components.grade.settings.log_level=info"),
        sums("settings.cameras[0].bed=ICU^1^B"),
    )
    assert all(everywhere[name] != before[name] for name in before)
    assert {name for name in before if grade[name] != before[name]} == {"grade"}
    assert {name for name in before if beds[name] != before[name]} == {"hospital"}, "capture reads its list again by itself"
    revised = manifests("helm4", "minimal", "--set", "secrets.revision=2")
    assert all(one.template["metadata"]["annotations"]["wince/secrets-revision"] == "2" for one in services(revised))


def test_what_can_not_be_changed_in_place_does_not_change() -> None:
    """Selectors, and the claims of StatefulSets: a chart of another version must not change them."""
    made = manifests("helm4", "own-ca")
    for one in services(made):
        assert one.owner["spec"]["selector"]["matchLabels"].keys() == {
            "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
        }  # fmt: skip
        for claim in one.owner["spec"].get("volumeClaimTemplates", ()):
            assert claim["metadata"]["labels"] == one.owner["spec"]["selector"]["matchLabels"]
