"""The reader of rendered manifests passes nothing by: a field that it doesn't know, or a key that a Secret lacks, is an error."""

import copy

import pytest

from tests.e2e.chart.manifests import Release

JOB = {
    "kind": "Job",
    "metadata": {"name": "m", "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
    "spec": {
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/component": "migrate"}},
            "spec": {
                "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
                "containers": [
                    {
                        "name": "m",
                        "command": ["wince"],
                        "args": ["migrate"],
                        "securityContext": {"readOnlyRootFilesystem": True},
                        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                    }
                ],
            },
        }
    },
}


def release(manifest: dict) -> Release:
    return Release([manifest], {"s": {"k": b"v"}})


def test_a_jobs_pod_is_read_with_its_secrets():
    (pod,) = release(JOB).hooks("pre-upgrade")
    (container,) = pod.containers
    assert container.words == ("wince", "migrate")
    assert container.environment == {"A": "v"}
    assert container.read_only_root
    assert release(JOB).hooks("post-install") == []


@pytest.mark.parametrize("place", ["pod", "container"])
def test_a_field_that_is_not_known_is_an_error(place):
    odd = copy.deepcopy(JOB)
    spec = odd["spec"]["template"]["spec"]
    (spec if place == "pod" else spec["containers"][0])["hostNetwork"] = True
    with pytest.raises(AssertionError, match="hostNetwork"):
        release(odd).hooks("pre-install")


def test_a_key_that_a_secret_lacks_is_an_error():
    odd = copy.deepcopy(JOB)
    odd["spec"]["template"]["spec"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"]["key"] = "other"
    with pytest.raises(KeyError, match="other"):
        release(odd).hooks("pre-install")
