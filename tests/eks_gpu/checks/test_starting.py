"""Groups and node pools may start nodes that join: processes, prices, user data, and what node classes select."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.graphs import analysed, findings, gpu_group, launch_template, overrides, resource
from tests.karpenter_graphs import healthy as on_karpenter
from tests.karpenter_graphs import node_pool, requirement
from tests.node_graphs import AUTHORITY, ENDPOINT, agent, cluster, failure, healthy, holds
from tests.whole_graphs import reserving_class

START, END, TAINTS = "groups-may-start-nodes", "groups-may-end-nodes", "startup-taints-are-removed"
DATA, GROUP = "user-data-joins-the-cluster", "groups-have-the-cluster-s-security-group"
CLASSES = "node-classes-select-what-there-is"
OWN = {"subnetSelectorTerms": [{"id": "subnet-a"}], "securityGroupSelectorTerms": [{"id": "sg-shop"}]}


@pytest.mark.parametrize("check", [START, END, TAINTS, DATA, GROUP, CLASSES])
def test_a_healthy_stack(check):
    assert holds(check)


def severity(check, **instead):
    (found,) = [each for each in analysed(*healthy(**instead)).findings if each.id == check and each.failed]
    return found.severity, found.message


def test_a_node_pool_whose_requirements_leave_nothing_is_told_the_requirement():
    none = node_pool(requirement("karpenter.k8s.aws/instance-gpu-manufacturer", "true"))
    assert findings(START, *on_karpenter(gpu=none))["gpu"] == (
        False,
        "spec.template.spec.requirements[0] karpenter.k8s.aws/instance-gpu-manufacturer In [true] leaves no instance "
        "type: true is no maker of GPUs; there are: amd, habana, nvidia: change the requirement",
    )


def test_a_group_that_may_start_nothing():
    suspended = gpu_group(suspendedProcesses=["AZRebalance", "Launch"])
    assert severity(START, gpu=suspended) == ("error", "its process Launch is suspended, so EC2 starts nothing")
    assert severity(START, gpu=gpu_group(maxSize=0)) == ("warning", "it may have no node")
    cheap = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", "g5.xlarge", spotMaxPrice="0.001"))
    assert severity(START, gpu=cheap)[1].startswith("it pays at most 0.001 USD an hour for Spot")
    fair = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", "g5.xlarge", spotMaxPrice="0.4"))
    assert holds(START, gpu=fair)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"placement": {"tenancy": "host"}}, "its instances want dedicated hosts, and the stack has none"),
        (
            {"placement": {"availabilityZone": "us-west-2d"}},
            "its launch template is for us-west-2d, and its subnets are in us-west-2a",
        ),
        (
            {"capacityReservationSpecification": {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}},
            "reservation cr-1 ended on 2026-11-01, and it takes no other capacity",
        ),
    ],
)
def test_a_launch_template_of_which_nothing_starts(inputs, said):
    ended = resource("aws:ec2/capacityReservation:CapacityReservation", "reserved", {"endDate": "2026-11-01"}, "cr-1")
    stack = findings(START, *healthy(reservation=ended, gpu_template=launch_template(**inputs)))
    assert stack["gpu"][1].partition(": ")[0] == said


def test_reservations_alone_and_none_in_the_stack():
    only: dict[str, Any] = {
        "capacityReservationSpecification": {"capacityReservationPreference": "capacity-reservations-only"}
    }
    assert holds(START, gpu_template=launch_template(**only))
    said = findings(START, *healthy(reservation=None, gpu_template=launch_template(**only)))["gpu"]
    assert said[1].startswith("it starts in capacity reservations only, and the stack has none")


def test_a_group_that_may_not_shrink():
    kept = gpu_group(suspendedProcesses=["AZRebalance", "Terminate"])
    assert failure(END, gpu=kept) == ("gpu", "its process Terminate is suspended")


def test_a_startup_taint_that_stays():
    assert failure(TAINTS, agent=None) == (
        "reserved",
        "nothing in the stack removes startup taint example.com/not-ready",
    )
    made = agent()
    spec = made.inputs["spec"]
    body = {**spec["template"]["spec"], "tolerations": [{"operator": "Exists"}]}
    changed = {**spec, "template": {**spec["template"], "spec": body}}
    assert failure(TAINTS, agent=replace(made, inputs={**made.inputs, "spec": changed}))[0] == "reserved"


def told(version="v1alpha1", kind="NodeConfig", **of_cluster):
    given = {"name": "shop", "apiServerEndpoint": ENDPOINT, "certificateAuthority": AUTHORITY} | of_cluster
    flags = ["--node-labels=nvidia.com/gpu.present=true,k8s.amazonaws.com/accelerator=nvidia"]
    flags.append("--register-with-taints=nvidia.com/gpu=true:NoSchedule")
    spec = {"cluster": given, "kubelet": {"flags": flags}}
    text = json.dumps({"apiVersion": f"node.eks.aws/{version}", "kind": kind, "spec": spec}, indent=1)
    return launch_template(userData=base64.b64encode(text.encode()).decode())


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            told(apiServerEndpoint="https://other"),
            "its apiServerEndpoint https://other is not the cluster's: take apiServerEndpoint of the cluster",
        ),
        (
            told(certificateAuthority="b3RoZXI="),
            "its certificateAuthority is not the cluster's: take certificateAuthority of the cluster",
        ),
        (told(version="v2"), "nodeadm reads no node.eks.aws/v2: write node.eks.aws/v1alpha1"),
        (told(kind="NodeConf"), "its user data names no cluster in a form that the image reads"),
    ],
)
def test_user_data_of_another_cluster(template, said):
    assert failure(DATA, gpu_template=template) == ("gpu", said)


def test_user_data_of_the_cluster():
    assert holds(DATA, gpu_template=told())


def test_a_security_group_that_is_not_of_the_stack():
    elsewhere = launch_template(vpcSecurityGroupIds=["sg-other"])
    assert failure(GROUP, gpu_template=elsewhere) == (
        "gpu",
        "its security groups are sg-other, and the cluster's is sg-shop",
    )
    own = resource("aws:ec2/securityGroup:SecurityGroup", "own", {}, "sg-other")
    assert holds(GROUP, extra=own, gpu_template=elsewhere)


@pytest.mark.parametrize(
    ("spec", "level", "said"),
    [
        (
            {"amiSelectorTerms": [{"alias": "windows2022@latest"}]},
            "error",
            "its image is windows2022@latest, which runs no GPU pod of Linux",
        ),
        (
            {"amiSelectorTerms": [{"alias": "al2@latest"}]},
            "error",
            "its image is al2@latest, and EKS makes none for Kubernetes 1.35",
        ),
        ({"amiFamily": "Bottlerocket"}, "error", "amiFamily is Bottlerocket, and its image is al2023@v20260714"),
        (
            {"subnetSelectorTerms": [{"id": "subnet-x"}]},
            "warning",
            "it selects subnet subnet-x, which the stack does not have",
        ),
        ({"securityGroupSelectorTerms": [{"id": "sg-x"}]}, "warning", "it selects no security group of the stack"),
        ({"securityGroupSelectorTerms": [{"name": "other-*"}]}, "warning", "it selects no security group of the stack"),
        (
            {"securityGroupSelectorTerms": [{"tags": {"karpenter.sh/discovery": "other"}}]},
            "warning",
            "it selects no security group of the stack",
        ),
    ],
)
def test_a_class_that_selects_what_is_not_there(spec, level, said):
    assert severity(CLASSES, node_class=reserving_class(**{**OWN, **spec})) == (level, said)


@pytest.mark.parametrize(
    "terms",
    [
        [{"name": "eks-cluster-sg-shop-*"}],
        [{"tags": {"kubernetes.io/cluster/shop": "owned"}}],
        [{"tags": {"karpenter.sh/discovery": "shop"}}],
        [{"id": "sg-elsewhere"}, {"id": "sg-shop"}],
    ],
)
def test_a_class_finds_the_cluster_s_group_by_name_tag_or_id(terms):
    tag = {"resourceId": "sg-shop", "key": "karpenter.sh/discovery", "value": "shop"}
    tagged = resource("aws:ec2/tag:Tag", "discovery", tag)
    made = reserving_class(**{**OWN, "securityGroupSelectorTerms": terms})
    assert holds(CLASSES, extra=tagged, node_class=made, cluster=cluster())
