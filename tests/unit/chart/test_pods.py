"""What holds for every pod of every value set, under helm 3 and helm 4."""

import re

from tests.unit.chart.rendered import NAMESPACE, Manifest, Pod, named, of_kind, pods, services, settings

Made = tuple[Manifest, ...]
COMMANDS = {"migrate": ["migrate"], "retention": ["retention", "run"], "test": ["doctor"]}


def test_pods_keep_to_the_restricted_profile(made: Made) -> None:
    """Kubernetes' Pod Security Standards, "restricted", and a root file system that can't be written."""
    for pod in pods(made):
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod.spec)
        for container in pod.containers:
            inside = container["securityContext"]
            assert inside["allowPrivilegeEscalation"] is False
            assert inside["readOnlyRootFilesystem"] is True
            assert inside["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in inside
            assert all("hostPort" not in port for port in container.get("ports", ()))
        kinds = {key for volume in pod.spec["volumes"] for key in volume if key != "name"}
        assert kinds <= {"projected", "configMap", "emptyDir", "persistentVolumeClaim"}


def test_no_pod_gets_a_token_of_the_cluster(made: Made) -> None:
    accounts = {one["metadata"]["name"]: one for one in of_kind(made, "ServiceAccount")}
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    names = [pod.spec["serviceAccountName"] for pod in pods(made)]
    assert len(names) == len(set(names)) == len(accounts)
    for pod in pods(made):
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["serviceAccountName"] in accounts
        assert not any("serviceAccountToken" in source for source in _sources(pod))
    assert of_kind(made, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret") == []


def test_what_a_container_writes_lies_on_a_volume(made: Made) -> None:
    for pod in pods(made):
        volumes = {one["name"]: one for one in pod.spec["volumes"]}
        volumes |= {one["metadata"]["name"]: one for one in pod.owner["spec"].get("volumeClaimTemplates", ())}
        for container in pod.containers:
            mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
            assert len(mounts) == len(container["volumeMounts"])
            assert all(one["name"] in volumes for one in mounts.values())
            for path in mounts:  # a mount inside a read-only one can't be made
                outer = [other for other in mounts if path != other and path.startswith(f"{other}/") and mounts[other].get("readOnly")]
                assert outer == [], path
        main = {one["mountPath"]: one for one in pod.main["volumeMounts"]}
        assert main["/etc/wince"]["readOnly"] is True
        assert not main["/var/lib/wince"].get("readOnly")
        assert not main["/tmp"].get("readOnly")
        assert all("sizeLimit" in one["emptyDir"] for one in volumes.values() if "emptyDir" in one)


def test_every_container_says_what_it_needs_and_the_most_that_it_may_have(made: Made) -> None:
    """Memory and disk have an end; the CPU has none: a stream that is throttled loses frames, and requests share a busy node fairly."""
    for pod in pods(made):
        for container in pod.containers:
            resources = container["resources"]
            assert resources["requests"].keys() >= {"cpu", "memory", "ephemeral-storage"}, (pod.component, container["name"])
            assert resources["limits"].keys() >= {"memory", "ephemeral-storage"}
            assert "cpu" not in resources["limits"]
            assert not container["image"].endswith(":latest")


def test_probes_ask_the_plain_health_port(made: Made) -> None:
    for pod in services(made):
        said, port = settings(made, pod.component), pod.main["startupProbe"]["grpc"]["port"]
        assert (said["health_host"], said["health_port"]) == ("0.0.0.0", port)
        assert {one["name"]: one["containerPort"] for one in pod.main["ports"]}["health"] == port
        assert pod.main["startupProbe"]["grpc"] == pod.main["livenessProbe"]["grpc"] == {"port": port, "service": "live"}
        assert pod.main["readinessProbe"]["grpc"] == {"port": port}
        start, live, ready = (pod.main[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))
        assert start["periodSeconds"] * start["failureThreshold"] >= 60
        assert live["periodSeconds"] * live["failureThreshold"] > 30  # a loop that did not turn for 30 s hangs (serve/probes.py)
        assert ready["periodSeconds"] * ready["failureThreshold"] <= 15


def test_a_pod_may_drain_before_it_is_killed(made: Made) -> None:
    """Endpoints go while it sleeps, then calls in flight finish, then what parts have in hand."""
    for pod in services(made):
        sleep = pod.main["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = settings(made, pod.component)["rpc"].get("drain_s", 20)
        assert sleep >= 1
        assert pod.spec["terminationGracePeriodSeconds"] >= sleep + drain + 30


def test_commands_are_those_of_the_program(made: Made) -> None:
    for pod in pods(made):
        arguments = COMMANDS.get(pod.component, ["serve", pod.component])
        given = [word for word in pod.main["args"] if not word.startswith("--health=")]
        assert (pod.main["command"], given) == (["wince"], arguments)
        assert re.fullmatch(r"(\S+/)?wince-\S+(:\S+|@sha256:[0-9a-f]{64})", pod.main["image"])


def test_the_test_of_a_release_asks_each_component_and_looks_as_record_does(made: Made) -> None:
    """With record's settings, secrets and ways out, and to the health port of each component."""
    by_name = {one.component: one for one in pods(made)}
    asking, record = by_name["test"], by_name["record"]
    asked = [word.removeprefix("--health=").partition("=")[::2] for word in asking.main["args"][1:]]
    assert [name for name, _ in asked] == sorted(one.component for one in services(made))
    for name, where in asked:
        host, _, port = where.partition(":")
        service = named(made, "Service", host.removesuffix(f".{NAMESPACE}.svc"))
        assert service["spec"]["selector"].items() <= by_name[name].labels.items()
        assert {int(port)} == {one["port"] for one in service["spec"]["ports"] if one["name"] == "health"}
    assert (asking.files(), asking.main["env"]) == (record.files(), record.main["env"])
    assert asking.owner["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_replicas_are_spread_and_may_go_one_at_a_time(made: Made) -> None:
    budgets = of_kind(made, "PodDisruptionBudget")
    for pod in services(made):
        selector = pod.owner["spec"]["selector"]
        keys = {one["topologyKey"]: one["labelSelector"] for one in pod.spec["topologySpreadConstraints"]}
        assert keys == {"topology.kubernetes.io/zone": selector, "kubernetes.io/hostname": selector}
        (budget,) = [one for one in budgets if one["spec"]["selector"] == selector]
        assert budget["spec"]["maxUnavailable"] == 1
        assert selector["matchLabels"].items() <= pod.labels.items()
        if pod.owner["kind"] == "Deployment":
            assert pod.owner["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_what_must_outlive_a_pod_lies_on_a_claim(made: Made) -> None:
    """Record's signed checkpoints, imaging's objects: each replica has its own."""
    for pod in services(made):
        on_disk = pod.component in ("record", "imaging")
        assert pod.owner["kind"] == ("StatefulSet" if on_disk else "Deployment")
        claims = [one["metadata"]["name"] for one in pod.owner["spec"].get("volumeClaimTemplates", ())]
        assert claims == (["state"] if on_disk else [])
        assert any(one["name"] == "state" and "emptyDir" in one for one in pod.spec["volumes"]) is not on_disk


def _sources(pod: Pod) -> list[Manifest]:
    return [source for volume in pod.spec["volumes"] for source in volume.get("projected", {}).get("sources", ())]
