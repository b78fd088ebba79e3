"""NodeOverlays: what Karpenter counts with in place of a type's own resources and price, and when it does not."""

from fractions import Fraction

import pytest

from eks_gpu.explain.cautions import of_resources
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.overlays import Nodes, Offering, Overlay, adjusted, overlaid, read_overlay
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import instance_type
from tests.graphs import GPU_TOLERATION, analysed, deployment, findings, gpu_work
from tests.graphs import pod as pod_of
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    auto_mode_node_class,
    auto_mode_pool,
    healthy,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    pool,
    requirement,
    types,
)

COUNT = "karpenter.k8s.aws/instance-gpu-count"
GPU, SHARED, SLICE = "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"
OFF, ON = karpenter(), karpenter(featureGates={"nodeOverlay": True})
NODES = Nodes("gpu", "us-west-2", {"team": "ml"}, {"us-west-2a": "usw2-az1", "us-west-2b": "usw2-az2"})


def counted(*more: Resource, release: Resource | None = ON, names: tuple[str, ...] = ("g5.xlarge",)) -> Pool:
    stack = [node_class(), *([release] if release else [])]
    return pool(node_pool(ARCH, ON_DEMAND, types(*names), labels={"team": "ml"}), *stack, *more)


def amounts(*overlays: Overlay, names: tuple[str, ...] = ("g5.xlarge",)) -> dict[str, dict[str, int]]:
    found = overlaid(overlays, NODES, [instance_type(name) for name in names]).amounts()
    return {name: {key: int(amount) for key, amount in given.items()} for name, given in found.items()}


def gives(name: str, amount: int, weight: int = 0, resource: str = GPU) -> Overlay:
    return Overlay(name, capacity={resource: Fraction(amount)}, weight=weight)


def test_the_plan_says_what_pods_can_ask_of_a_node():
    shares = node_overlay("shares", capacity={GPU: "4"})
    slices = node_overlay("slices", capacity={GPU: "0", SLICE: "7"})

    assert counted(shares).as_json()["devices_per_node"] == {GPU: 4}
    assert counted(slices).as_json()["devices_per_node"] == {SLICE: 7}
    assert counted(shares, release=OFF).as_json()["devices_per_node"] == {GPU: 1}
    assert counted(names=("g5.xlarge", "g5.12xlarge")).as_json()["devices_per_node"] is None


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        (requirement(COUNT, "1"), True),
        (requirement(COUNT, "1", operator="Gt"), False),
        (requirement("node.kubernetes.io/instance-type", "g5.xlarge"), True),
        (requirement("beta.kubernetes.io/instance-type", "g5.xlarge"), True),
        (requirement("karpenter.sh/nodepool", "gpu"), True),
        (requirement("karpenter.sh/nodepool", "other"), False),
        (requirement("team", "ml"), True),
        (requirement("team", "ml", operator="NotIn"), False),
        (requirement("stage", "prod"), False),
        (requirement("stage", "prod", operator="NotIn"), True),
        (requirement("karpenter.sh/capacity-type", "spot"), True),  # the type may be Spot, though the pool may not
        (requirement("topology.kubernetes.io/zone", "us-west-2b"), True),
        (requirement("topology.kubernetes.io/zone", "us-west-2d"), False),
        (requirement("topology.kubernetes.io/region", "us-west-2"), True),
        (requirement("karpenter.k8s.aws/instance-network-bandwidth", "10000"), True),  # a value that nobody knows
    ],
)
def test_an_overlay_is_for_the_nodes_that_meet_its_requirements(selector, holds):
    found = counted(node_overlay("shares", selector, capacity={GPU: "4"}))
    assert found.overlaid.amounts() == ({"g5.xlarge": {GPU: 4}} if holds else {})
    assert found.node
    assert found.node.allocatable(instance_type("g5.xlarge"))[GPU] == (4 if holds else 1)


def test_limits_count_what_overlays_say():
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits={GPU: "40"})
    one = node_overlay("shares", requirement(COUNT, "1"), capacity={GPU: "4"})
    four = node_overlay("more", requirement(COUNT, "4"), capacity={GPU: "16"})
    found = pool(made, node_class(), ON, one, four)
    assert (found.max_nodes, found.max_gpus) == (10, 10)
    assert pool(made, node_class(), OFF, one, four).max_nodes == 40
    shared = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), limits={SHARED: "8"})
    assert pool(shared, node_class(), ON, node_overlay(capacity={SHARED: "4"})).max_nodes == 2


def test_the_heavier_overlay_says_first_and_the_lighter_one_what_is_left():
    assert amounts(gives("a", 2, weight=5), gives("b", 9, weight=10), gives("c", 7, resource=SLICE)) == {
        "g5.xlarge": {GPU: 9, SLICE: 7}
    }


def test_of_two_that_contradict_each_other_with_one_weight_the_last_by_name_counts():
    assert amounts(gives("a", 2), gives("b", 3)) == {"g5.xlarge": {GPU: 3}}
    both = Overlay("a", capacity={GPU: Fraction(2), SLICE: Fraction(7)})
    assert amounts(both, gives("b", 3)) == {"g5.xlarge": {GPU: 3}}  # passed over as a whole
    elsewhere = overlaid([both, gives("b", 3)], NODES, [instance_type("g5.xlarge")]).elsewhere
    assert elsewhere == {SLICE: "Karpenter passes over NodeOverlay a, which gives it"}


def test_two_that_are_for_other_types_do_not_contradict_each_other():
    (one,) = [read_overlay("a", {"requirements": [types("g5.xlarge")], "capacity": {GPU: 2}})]
    (other,) = [read_overlay("b", {"requirements": [types("g6.xlarge")], "capacity": {GPU: 3}})]
    assert one
    assert other
    assert amounts(one, other, names=("g5.xlarge", "g6.xlarge")) == {"g5.xlarge": {GPU: 2}, "g6.xlarge": {GPU: 3}}


def test_a_contradiction_on_nodes_of_another_pool_counts():
    (of_other,) = [read_overlay("a", {"requirements": [requirement("team", "web")], "capacity": {GPU: 2, SLICE: 7}})]
    (of_all,) = [read_overlay("b", {"capacity": {GPU: 3}})]
    assert of_other
    assert of_all
    other = Nodes("web", "us-west-2", {"team": "web"})
    row = instance_type("g5.xlarge")
    assert set(overlaid([of_other, of_all], other, [row]).amounts()["g5.xlarge"]) == {GPU}
    assert "passes over" in overlaid([of_other, of_all], NODES, [row], beside=[other]).elsewhere[SLICE]
    assert "to other nodes" in overlaid([of_other, of_all], NODES, [row]).elsewhere[SLICE]


@pytest.mark.parametrize(
    "spec",
    [
        {"capacity": {GPU: "4", "cpu": "8"}},
        {"capacity": {GPU: "4", "aws.amazon.com/neuron": "2"}},
        {"capacity": {GPU: "4", "vpc.amazonaws.com/efa": "2"}},
        {"capacity": {GPU: "4"}, "weight": 10001},
        {"capacity": {GPU: "many"}},
        {"capacity": {GPU: "4"}, "price": "cheap"},
        {"capacity": {GPU: "4"}, "price": "1", "priceAdjustment": "+1"},
    ],
)
def test_an_overlay_that_is_refused_changes_nothing(spec):
    assert counted(node_overlay("shares", **spec)).overlaid.amounts() == {}


def test_auto_mode_has_no_overlays():
    found = pool(auto_mode_pool(), auto_mode_node_class(), ON, node_overlay(capacity={GPU: "4"}))
    assert found.overlaid.amounts() == {}


@pytest.mark.parametrize(
    ("price", "hourly"),
    [("0.5", 0.5), ("+0.25", 2.25), ("-0.5", 1.5), ("-15%", 1.7), ("+10%", 2.2), ("-100%", 0.0), ("-9", 0.0)],
)
def test_a_price_and_an_adjustment(price, hourly):
    assert adjusted(2.0, price) == pytest.approx(hourly)


def test_a_price_is_of_the_offerings_that_the_overlay_selects():
    spec = {"requirements": [requirement("topology.kubernetes.io/zone", "us-west-2a")], "price": "0.1", "weight": 3}
    (zonal,) = [read_overlay("zonal", spec)]
    assert zonal
    prices = overlaid([zonal, Overlay("all", price="+5%")], NODES, [instance_type("g5.xlarge")]).prices
    assert prices == {
        Offering("g5.xlarge", "spot", "us-west-2a"): "0.1",
        Offering("g5.xlarge", "on-demand", "us-west-2a"): "0.1",
        Offering("g5.xlarge", "spot", "us-west-2b"): "+5%",
        Offering("g5.xlarge", "on-demand", "us-west-2b"): "+5%",
    }


# --- in a plan -------------------------------------------------------------------------------------------------------


def nodes(*overlays: Resource, release: Resource = ON, gpu: Resource | None = None) -> dict[str, tuple[int, float]]:
    """Lines of four pods of one GPU each in the steady state."""
    made = gpu or node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge", "g5.xlarge"), limits={GPU: "40"})
    found = analysed(*healthy(gpu=[made, *overlays], karpenter=release, train=gpu_work(replicas=4))).cost.steady
    return {
        item.name.removeprefix("pool gpu: "): (item.quantity, round(item.hourly, 3))
        for item in found.items
        if item.name.startswith("pool gpu: g")
    }


def test_pods_are_packed_on_the_shares_that_an_overlay_says():
    shares = node_overlay("shares", requirement(COUNT, "1"), capacity={GPU: "4"})
    assert nodes(shares) == {"g4dn.xlarge, on demand": (1, 0.526)}
    assert nodes(shares, release=OFF) == {"g4dn.xlarge, on demand": (4, 2.104)}


def test_a_price_decides_what_karpenter_starts_and_not_what_aws_bills():
    dear = node_overlay("dear", types("g4dn.xlarge"), priceAdjustment="+300%")
    assert nodes(dear) == {"g5.xlarge, on demand": (4, 4.024)}
    assert nodes(dear, release=OFF) == {"g4dn.xlarge, on demand": (4, 2.104)}
    assert nodes(node_overlay("free", types("g5.xlarge"), price="0.01")) == {"g5.xlarge, on demand": (4, 4.024)}


def test_types_are_listed_in_the_order_of_karpenters_prices():
    names = ("g4dn.xlarge", "g5.xlarge", "g6.xlarge")  # 0.526, 1.006 and 0.805 USD an hour
    dear = node_overlay("dear", types("g4dn.xlarge"), priceAdjustment="+300%")
    free = node_overlay("free", types("g5.xlarge"), price="0.01")
    assert counted(names=names).instance_types == ("g4dn.xlarge", "g6.xlarge", "g5.xlarge")
    assert counted(dear, names=names).instance_types == ("g6.xlarge", "g5.xlarge", "g4dn.xlarge")
    assert counted(dear, free, names=names).instance_types == ("g5.xlarge", "g6.xlarge", "g4dn.xlarge")
    assert counted(dear, release=OFF, names=names).instance_types == ("g4dn.xlarge", "g6.xlarge", "g5.xlarge")
    spot = node_overlay("spot", requirement("karpenter.sh/capacity-type", "spot"), price="9")
    assert counted(spot, names=names).instance_types == ("g4dn.xlarge", "g6.xlarge", "g5.xlarge")


def test_karpenter_takes_spot_first_whatever_an_overlay_says_of_its_price():
    made = node_pool(limits={GPU: "40"})
    dear = node_overlay("dear", requirement("karpenter.sh/capacity-type", "spot"), priceAdjustment="+900%")
    assert list(nodes(dear, gpu=made)) == ["g4dn.xlarge, Spot"]


def work_for(resource: str, amount: int) -> Resource:
    return deployment("train", pod_of({resource: amount}, tolerations=[GPU_TOLERATION]))


def asked(resource: str, amount: int, *more: Resource, release: Resource | None = ON) -> str:
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"))
    stack = [made, node_class(), work_for(resource, amount), *more, *([release] if release else [])]
    (verdicts,) = analysed(*stack).verdicts.values()
    return str(verdicts[0].reason)


NO_TYPE = "Karpenter knows of no instance type that has nvidia.com/mig-1g.5gb, so it starts no node for it"


def test_a_rejection_says_that_an_overlay_waits_for_its_gate():
    slices, shares = node_overlay("mig", capacity={SLICE: "7"}), node_overlay("quarters", capacity={GPU: "4"})
    assert asked(SLICE, 2, slices) == ""
    assert asked(SLICE, 2, slices, release=OFF) == (
        f"{NO_TYPE}; a NodeOverlay would give it, and the gate NodeOverlay is off"
    )
    assert asked(SLICE, 2, slices, release=None) == (
        f"{NO_TYPE}; a NodeOverlay would give it, and nothing says that the gate NodeOverlay is on"
    )
    assert asked(SLICE, 8, slices, release=OFF) == f"{NO_TYPE}; a NodeOverlay can say that nodes have it"
    assert asked(GPU, 4, shares) == ""
    assert asked(GPU, 4, shares, release=OFF) == (
        "pod needs 4 of nvidia.com/gpu, an empty g5.xlarge has 1; "
        "a NodeOverlay would give it, and the gate NodeOverlay is off"
    )
    assert asked(GPU, 5, shares) == "pod needs 5 of nvidia.com/gpu, an empty g5.xlarge has 4"


def test_a_pool_that_takes_the_pod_has_a_caution_where_an_overlay_does_not_count():
    def cautions(release: Resource) -> list[str]:
        found = counted(node_overlay("quarters", capacity={GPU: "4"}), release=release)
        return [each.text for each in of_resources(Graph([]), found, Pod(requests={GPU: 1}))]

    off = "NodeOverlay quarters says that a g5.xlarge has 4 nvidia.com/gpu, and the gate NodeOverlay is off"
    assert cautions(OFF) == [off]
    assert cautions(ON) == []


def test_a_rejection_says_that_an_overlay_is_for_other_nodes():
    slices = node_overlay("mig", types("p4d.24xlarge"), capacity={SLICE: "7"})
    assert asked(SLICE, 2, slices) == f"{NO_TYPE}; NodeOverlay mig gives it to other nodes"
    refused = node_overlay("mig", capacity={SLICE: "7", "pods": "3"})
    assert asked(SLICE, 2, refused) == f"{NO_TYPE}; Karpenter passes over NodeOverlay mig, which gives it"


def test_huge_pages_that_an_overlay_gives_are_of_the_nodes_memory():
    before, after = (
        counted(*overlay).node for overlay in ([], [node_overlay("pages", capacity={"hugepages-2Mi": "1Gi"})])
    )
    assert before
    assert after
    row = instance_type("g5.xlarge")
    assert before.allocatable(row)["memory"] - after.allocatable(row)["memory"] == 1024
    assert after.allocatable(row)["hugepages-2Mi"] == 2**30


def test_work_for_a_share_or_a_slice_is_gpu_work():
    for resource in (SHARED, SLICE):
        made = [node_pool(), node_overlay("shares", capacity={resource: "4"})]
        stack = healthy(gpu=made, karpenter=ON, train=work_for(resource, 1))
        said = findings("cpu-work-stays-off-gpu-nodes", *stack)
        assert "Deployment default/train" not in said


def test_a_limit_of_shares_is_real_where_an_overlay_gives_them():
    made = [node_pool(limits={SHARED: "8"}), node_overlay("shares", capacity={SHARED: "4"})]
    check = "limits-name-the-real-resource"
    assert findings(check, *healthy(gpu=made, karpenter=ON)) == {"gpu": (True, "nodes have nvidia.com/gpu.shared")}
    assert not findings(check, *healthy(gpu=made))["gpu"][0]


def test_a_type_whose_gpus_are_in_slices_takes_no_pod_for_a_whole_one():
    made = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge", "p4d.24xlarge"), limits={GPU: "40"})
    slices = node_overlay("mig", types("p4d.24xlarge"), capacity={SLICE: "56", GPU: "0"})
    check = "packing-cannot-cost-more"
    assert findings(check, *healthy(gpu=[made, slices], karpenter=ON))["gpu"][0]
    assert not findings(check, *healthy(gpu=[made, slices]))["gpu"][0]
