"""Releases of Helm, and software that runs without one."""

import base64
import gzip
import json
from typing import Any

import pytest

from eks_gpu.live.recognised import recognised
from eks_gpu.live.releases import Release, decoded, newest
from tests.eks_gpu.live.test_resources import made, observed

HELM = {"meta.helm.sh/release-name": "karpenter", "meta.helm.sh/release-namespace": "kube-system"}


def secret(chart: str, values: dict[str, Any], packed: bool = True) -> dict[str, Any]:
    found = {
        "name": "one",
        "namespace": "ns",
        "config": values,
        "chart": {"metadata": {"name": chart, "version": "1.2"}},
    }
    text = json.dumps(found).encode()
    inner = base64.b64encode(gzip.compress(text) if packed else text)
    return {"data": {"release": base64.b64encode(inner).decode()}}


@pytest.mark.parametrize("packed", [True, False])
def test_the_values_of_a_known_chart_are_kept(packed):
    found = decoded(secret("karpenter", {"settings": {"clusterName": "prod"}}, packed))
    assert found == Release("ns", "one", "karpenter", "1.2")
    assert found.values == {"settings": {"clusterName": "prod"}}


def test_the_values_of_another_chart_are_not():
    assert decoded(secret("our-app", {"password": "hunter2"})).values == {}


@pytest.mark.parametrize("data", [{}, {"release": "&"}, {"release": base64.b64encode(b"aGk=").decode()}])
def test_a_secret_that_is_no_release_is_said_to_be_none(data):
    with pytest.raises(ValueError, match="no release of Helm"):
        decoded({"data": data})


def test_of_two_revisions_the_later_counts():
    def metadata(version: str) -> dict[str, Any]:
        return {"name": f"a.v{version}", "namespace": "ns", "labels": {"name": "a", "version": version}}

    assert [each["name"] for each in newest([metadata("10"), metadata("9")])] == ["a.v10"]


def deployment(image: str, name: str = "controller", **more: Any) -> dict[str, Any]:
    container = {"name": "c", "image": image, **more.pop("container", {})}
    spec = {"replicas": 2, "template": {"spec": {"serviceAccountName": "sa", "containers": [container]}}}
    return made(more.pop("kind", "Deployment"), name, "apps/v1", "kube-system", spec=spec, metadata=more)


def only(*objects: dict[str, Any]) -> Release:
    ((found,), _) = recognised(observed(*objects), [])
    return found


def test_karpenter_is_known_by_its_image_and_variables():
    variables = {
        "CLUSTER_NAME": "prod",
        "INTERRUPTION_QUEUE": "q",
        "FEATURE_GATES": "NodeRepair=true,NodeOverlay=false",
    }
    env = [{"name": key, "value": value} for key, value in variables.items()]
    image = "public.ecr.aws/karpenter/controller:1.14.0@sha256:00ff"
    found = only(deployment(image, container={"env": env}))
    assert (found.chart, found.version) == ("karpenter", "1.14.0")
    assert found.values["settings"] == {
        "clusterName": "prod",
        "interruptionQueue": "q",
        "featureGates": {"nodeRepair": True, "nodeOverlay": False},
    }
    assert found.values["replicas"] == 2
    assert found.values["serviceAccount"] == {"name": "sa"}


def test_the_cluster_autoscaler_is_known_by_its_image_and_arguments():
    tags = "k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/prod"
    args = [f"--node-group-auto-discovery=asg:tag={tags}", "--expander", "least-waste", "--v=4", "--cloud-provider=aws"]
    found = only(deployment("registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.0", container={"command": args}))
    assert found.chart == "cluster-autoscaler"
    assert found.values["autoDiscovery"] == {"clusterName": "prod", "tags": tags.split(",")}
    assert found.values["extraArgs"] == {"expander": "least-waste", "v": "4"}
    assert found.values["image"] == {"tag": "v1.35.0"}
    assert found.values["rbac"] == {"serviceAccount": {"name": "sa"}}


def test_a_chart_is_known_by_its_label_wherever_its_image_is_from():
    labels = {"helm.sh/chart": "aws-load-balancer-controller-3.5.0"}
    args = {"args": ["--cluster-name=prod", "--aws-vpc-id=vpc-1"]}
    found = only(deployment("mirror.example.com:5000/lbc:x", labels=labels, container=args))
    assert (found.chart, found.version) == ("aws-load-balancer-controller", "3.5.0")
    assert (found.values["clusterName"], found.values["vpcId"]) == ("prod", "vpc-1")


def test_a_device_plugin_is_where_its_daemon_set_is():
    found = only(deployment("nvcr.io/nvidia/k8s-device-plugin:v0.17.4", kind="DaemonSet"))
    assert (found.chart, found.version) == ("nvidia-device-plugin", "0.17.4")
    assert (found.values["tolerations"], found.values["affinity"]) == ([], {})


def test_what_belongs_to_a_known_release_is_not_looked_at():
    karpenter = deployment("public.ecr.aws/karpenter/controller:1.14.0", annotations=HELM)
    known = Release("kube-system", "karpenter", "karpenter", "1.14.0")
    assert recognised(observed(karpenter), [known]) == ([], set())
    (found,), uids = recognised(observed(karpenter), [])
    assert (found.namespace, found.name) == ("kube-system", "karpenter")
    assert uids == {"Deployment-kube-system-controller"}


def test_two_workloads_of_one_release_are_one():
    labels = {"helm.sh/chart": "gpu-operator-v26.7.0"}
    policy = made("ClusterPolicy", "cluster-policy", "nvidia.com/v1", spec={"driver": {"enabled": False}})
    both = [deployment("nvcr.io/nvidia/gpu-operator:v26.7.0", name, labels=labels, annotations=HELM) for name in "ab"]
    found = only(*both, policy)
    assert (found.name, found.version) == ("karpenter", "26.7.0")
    assert found.values["driver"] == {"enabled": False}


@pytest.mark.parametrize(
    "image", ["example.com/karpenter-dashboard:1", "nginx", "example.com/my-cluster-autoscaler-ui"]
)
def test_other_software_is_not_taken_for_it(image):
    assert recognised(observed(deployment(image)), []) == ([], set())
