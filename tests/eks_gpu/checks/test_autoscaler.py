"""The cluster autoscaler: which groups it finds, and what it takes them for."""

import pytest

from tests.graphs import (
    CA,
    GPU_TAGS,
    autoscaler,
    cluster,
    failure,
    gpu_group,
    overrides,
    tags,
    without,
)


def test_a_group_that_the_autoscaler_does_not_find():
    assert failure("groups-are-discovered-by-this-cluster", gpu=gpu_group(tags=without(f"{CA}/enabled"))) == (
        "gpu",
        "the autoscaler does not find it: tag it k8s.io/cluster-autoscaler/enabled = true",
    )


@pytest.mark.parametrize("changed", [{f"{CA}/shop": "shared"}, {f"{CA}/shop": "", f"{CA}/other": "owned"}])
def test_a_group_that_the_autoscaler_may_not_scale(changed):
    assert failure("groups-are-discovered-by-this-cluster", gpu=gpu_group(tags=tags(GPU_TAGS | changed))) == (
        "gpu",
        "the autoscaler of shop may not scale it: tag it k8s.io/cluster-autoscaler/shop = owned",
    )


def test_a_smaller_type_behind_the_first():
    group = gpu_group(mixedInstancesPolicy=overrides("g4dn.2xlarge", "g4dn.xlarge"))
    assert failure("autoscaler-plans-with-the-smallest-type", gpu=group) == (
        "gpu",
        "the autoscaler plans every node as g4dn.2xlarge, but g4dn.xlarge has 4 vCPUs of 8 and 16384 MiB of 32768",
    )


def test_an_autoscaler_of_another_minor():
    assert failure("autoscaler-matches-kubernetes-minor", autoscaler=autoscaler(image={"tag": "v1.34.5"})) == (
        "cluster-autoscaler",
        "its image is v1.34.5, but the cluster runs Kubernetes 1.35: set image.tag to v1.35.2",
    )


def test_a_chart_without_tag_brings_the_image_of_its_own_minor():
    subject, message = failure(
        "autoscaler-matches-kubernetes-minor", cluster=cluster(version="1.36"), autoscaler=autoscaler(image={})
    )
    assert subject == "cluster-autoscaler"
    assert message == "its image is v1.35.0, but the cluster runs Kubernetes 1.36: set image.tag to v1.36.1"


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({}, "the chart renders no Deployment without autoDiscovery.clusterName: set it to the cluster's name"),
        (
            {"clusterName": "other"},
            "it looks for groups of other, but the stack's cluster is shop: set autoDiscovery.clusterName to shop",
        ),
        (
            {"clusterName": "shop", "tags": ["k8s.io/cluster-autoscaler/enabled"]},
            "it takes every group tagged k8s.io/cluster-autoscaler/enabled, of other clusters too: "
            "add k8s.io/cluster-autoscaler/shop",
        ),
    ],
)
def test_an_autoscaler_that_looks_elsewhere(discovery, said):
    found = failure("autoscaler-watches-this-cluster-only", autoscaler=autoscaler(autoDiscovery=discovery))
    assert found == ("cluster-autoscaler", said)
