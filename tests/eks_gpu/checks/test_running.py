"""Controllers run: pods, their requests and budgets, versions and addresses."""

from dataclasses import replace

import pytest

from tests.graphs import managed_group, release
from tests.karpenter_graphs import balancer
from tests.node_graphs import ENDPOINT, failure, holds, karpenter, released

RUN, FIT, MOVE = "controllers-run", "controllers-fit-standing-nodes", "controllers-may-move"
VERSION, ROOM = "controllers-run-the-version-of-their-chart", "karpenter-settings-leave-room"
OWN = "controllers-are-told-the-cluster-s-own-addresses"


def balancing(**values):
    made = balancer()
    return replace(made, inputs={**made.inputs, "values": {**made.inputs["values"], **values}})


def handler(**values):
    return release("aws-node-termination-handler", enableSqsTerminationDraining=True, **values)


@pytest.mark.parametrize("check", [RUN, FIT, MOVE, VERSION, ROOM, OWN])
def test_healthy_controllers(check):
    assert holds(check)


@pytest.mark.parametrize(
    ("instead", "subject", "key"),
    [
        ({"karpenter": karpenter(values={"replicas": 0})}, "karpenter", "replicas"),
        ({"autoscaler": released(replicaCount=0)}, "cluster-autoscaler", "replicaCount"),
        ({"balancer": balancing(replicaCount=0)}, "lbc", "replicaCount"),
        ({"handler": handler(replicas=0)}, "aws-node-termination-handler", "replicas"),
    ],
)
def test_a_controller_without_a_pod(instead, subject, key):
    assert failure(RUN, **instead) == (subject, f"{key} is 0, so no pod of it runs")


def test_a_controller_that_asks_for_more_than_a_node_has():
    wants = released(resources={"requests": {"cpu": "64", "memory": "300Mi"}})
    assert failure(FIT, autoscaler=wants) == (
        "cluster-autoscaler",
        "a pod of it asks for 64000m cpu of 1740m, 300Mi memory of 6753Mi that a standing node has",
    )
    larger = managed_group(nodeRoleArn="arn:aws:iam::123456789012:role/shop-node", instanceTypes=["m7i.24xlarge"])
    assert holds(FIT, autoscaler=wants, system=larger)
    assert failure(FIT, karpenter=karpenter({"resources": {"limits": {"memory": "1Ti"}}}))[0] == "karpenter"


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"maxUnavailable": 0}, "its podDisruptionBudget of maxUnavailable 0 lets no pod go"),
        ({"minAvailable": 1}, "its podDisruptionBudget of minAvailable 1 lets no pod go"),
        ({"minAvailable": "100%"}, "its podDisruptionBudget of minAvailable 100% lets no pod go"),
    ],
)
def test_a_controller_whose_pods_may_not_move(budget, said):
    assert failure(MOVE, autoscaler=released(podDisruptionBudget=budget)) == ("cluster-autoscaler", said)
    assert holds(MOVE, autoscaler=released(podDisruptionBudget={"minAvailable": 1}, replicaCount=2))


def test_an_image_of_another_version():
    assert failure(VERSION, karpenter=karpenter({"image": {"tag": "0.37.0"}})) == (
        "karpenter",
        "its image is 0.37.0, and its chart 1.15.0 is for 1.15.0",
    )
    assert holds(VERSION, karpenter=karpenter({"image": {"tag": "v1.15.3@sha256:1"}}))
    assert failure(VERSION, balancer=balancing(image={"tag": "v2.4.0"}))[0] == "lbc"


def test_settings_that_leave_no_room():
    assert failure(ROOM, karpenter=karpenter(vmMemoryOverheadPercent=0.95)) == (
        "karpenter",
        "settings.vmMemoryOverheadPercent is 0.95, that is 95% of a node's memory: leave it at 0.075",
    )
    assert failure(ROOM, karpenter=karpenter(reservedENIs="15"))[0] == "karpenter"
    assert holds(ROOM, karpenter=karpenter(vmMemoryOverheadPercent="0.1", reservedENIs="1"))


def test_addresses_of_another_cluster():
    assert failure(OWN, karpenter=karpenter(clusterEndpoint="https://other")) == (
        "karpenter",
        f"settings.clusterEndpoint is https://other, and the cluster's is {ENDPOINT}",
    )
    assert holds(OWN, karpenter=karpenter(clusterEndpoint=ENDPOINT))
    assert failure(OWN, balancer=balancing(vpcId="vpc-2")) == ("lbc", "vpcId is vpc-2, and the cluster is in vpc-1")
    far = handler(queueURL="https://sqs.eu-west-1.amazonaws.com/123456789012/shop")
    assert failure(OWN, handler=far) == (
        "aws-node-termination-handler",
        "queueURL is of eu-west-1, and the nodes are in us-west-2",
    )
