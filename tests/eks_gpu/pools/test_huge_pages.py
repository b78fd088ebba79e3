"""Huge pages: which nodes are known to have them, and what makes them known."""

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu_components.catalog.huge_pages import efa_huge_pages_mib
from tests.graphs import GPU_TAGS, TEMPLATE, analysed, gpu_group, gpu_work, healthy, launch_template, overrides, tags
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    auto_mode_pool,
    healthy_auto_mode,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    types,
)
from tests.karpenter_graphs import healthy as on_karpenter

PAGES = f"{TEMPLATE}/resources/hugepages-2Mi"


def work(amount: str = "5120Mi", memory: str = "8Gi") -> Resource:
    made = gpu_work("train", replicas=1)
    (container,) = made.inputs["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"limits": {"nvidia.com/gpu": 8, "hugepages-2Mi": amount, "memory": memory}}
    return made


def said(stack: list[Resource]) -> tuple[bool | None, str]:
    found = analysed(*stack).findings
    (row,) = [row for row in found if (row.id, row.subject) == ("workloads-are-admitted", "Deployment default/train")]
    return row.passed, row.fix if row.failed else row.message


def by_karpenter(*overlays: Resource, image: str = "al2023@v20260714", **gates: bool) -> tuple[bool | None, str]:
    pool = node_pool(ARCH, ON_DEMAND, types("p5.48xlarge"), limits={"nvidia.com/gpu": "8"})
    named = node_class(amiSelectorTerms=[{"alias": image}])
    controller = karpenter(featureGates=gates)
    return said(on_karpenter(gpu=[pool, *overlays], node_class=named, karpenter=controller, train=work()))


@pytest.mark.parametrize(
    ("image", "vcpus", "mib"),
    [("bottlerocket", 192, 42_240), ("bottlerocket", 96, 21_120), ("al2023", 192, 10_256), ("custom", 192, None)],
)
def test_what_an_image_sets_aside_for_efa(image, vcpus, mib):
    assert efa_huge_pages_mib(image, vcpus) == mib


@pytest.mark.parametrize(("image", "amount"), [("al2023@v20260714", "10256Mi"), ("bottlerocket@v1.46.0", "42240Mi")])
def test_karpenter_must_be_told_by_an_overlay(image, amount):
    told = f"a NodeOverlay of pool gpu, capacity hugepages-2Mi: {amount}"
    assert by_karpenter(image=image) == (False, f"say so in {told}, with settings.featureGates.nodeOverlay true")
    overlay = node_overlay("pages", types("p5.48xlarge"), capacity={"hugepages-2Mi": amount})
    assert by_karpenter(overlay, image=image, nodeOverlay=True) == (True, "taken by gpu")
    assert not by_karpenter(overlay, image=image)[0]


def test_the_autoscaler_must_be_told_by_a_tag():
    def of_group(told: str, memory: str = "8Gi") -> tuple[bool | None, str]:
        resources = {f"{TEMPLATE}/resources/nvidia.com/gpu": "8"} | ({PAGES: told} if told else {})
        group = gpu_group(tags=tags({**GPU_TAGS, **resources}), mixedInstancesPolicy=overrides("p5.48xlarge"))
        return said(healthy(gpu=group, gpu_template=launch_template(), train=work(memory=memory)))

    passed, fix = of_group("")
    assert not passed
    assert fix.startswith(f"tag the auto scaling group of gpu {PAGES} = ")
    assert of_group("10256Mi") == (True, "taken by gpu")
    assert not of_group("5118Mi")[0]
    assert of_group("10256Mi", "1800Gi") == (True, "taken by gpu")
    assert not of_group("200Gi", "1800Gi")[0]  # they are of the node's memory


def test_nothing_can_be_told_of_auto_modes_nodes():
    pool = auto_mode_pool(ARCH, ON_DEMAND, types("p5.48xlarge"), limits={"nvidia.com/gpu": "8"})
    passed, fix = said(healthy_auto_mode(gpu=pool, train=work()))
    assert not passed
    assert fix == "ask for no hugepages-2Mi: nothing can be told of nodes of gpu"
