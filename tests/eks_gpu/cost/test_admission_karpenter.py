"""Admission to node pools: Karpenter looks at the pod, so one kind of node that suits is enough."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.plan.analysis import Analysis
from eks_gpu.pods.pod import Expression, Pod, Term, Toleration
from eks_gpu.pools.limits import Limits
from eks_gpu_components.catalog import instance_types
from tests.graphs import analysed
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    SPOT_FIRST,
    auto_mode_node_class,
    auto_mode_pool,
    healthy,
    healthy_auto_mode,
    node_class,
    node_pool,
    requirement,
    subnet,
    types,
)

TOLERATES = Toleration("nvidia.com/gpu", "Exists", effect="NoSchedule")
ZONE, CAPACITY_TYPE = "topology.kubernetes.io/zone", "karpenter.sh/capacity-type"


def room(*requirements: dict[str, Any], **spec: Any) -> Room:
    """Of a pool of g4dn and g5, in two zones."""
    required = requirements or (ARCH, SPOT_FIRST, types("g4dn.xlarge", "g4dn.2xlarge", "g5.12xlarge"))
    (found,) = analysed(subnet("a"), subnet("b"), node_class(), node_pool(*required, **spec)).rooms
    return found


def gpu_pod(gpus: int = 1, **changes: Any) -> Pod:
    return Pod(**{"requests": {"nvidia.com/gpu": gpus}, "tolerations": (TOLERATES,), **changes})


def reason(pod: Pod, *requirements: dict[str, Any], **spec: Any) -> str:
    return room(*requirements, **spec).verdict(pod).reason


def select(**labels: str) -> Pod:
    """Of labels whose key is written with `__` for `/` and `_` for `-`."""
    return gpu_pod(node_selector={key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()})


def requires(key: str, operator: str, *values: str) -> Pod:
    return gpu_pod(node_affinity=(Term((Expression(key, operator, values),)),))


def test_a_pod_needs_one_type_that_takes_it_not_all():
    assert reason(gpu_pod(requests={"nvidia.com/gpu": 1, "cpu": 7000})) == ""
    assert reason(gpu_pod(4)) == ""
    assert reason(gpu_pod(5)) == (
        "none of its 3 instance types suits: pod needs 5 of nvidia.com/gpu, an empty g5.12xlarge has 4"
    )


def test_a_pool_of_one_type_gives_its_reason_as_it_is():
    only = (ARCH, types("g4dn.xlarge"))
    assert reason(gpu_pod(2), *only) == "pod needs 2 of nvidia.com/gpu, an empty g4dn.xlarge has 1"


def test_taints_keep_pods_off_and_startup_taints_do_not():
    startup = {"startupTaints": [{"key": "driver", "effect": "NoSchedule"}]}
    assert reason(gpu_pod(tolerations=())) == "pod does not tolerate taint nvidia.com/gpu=true:NoSchedule"
    assert reason(gpu_pod(), template=startup) == ""


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (gpu_pod(node_selector={ZONE: "us-west-2b"}), True),
        (gpu_pod(node_selector={ZONE: "us-west-2c"}), False),
        (gpu_pod(node_selector={CAPACITY_TYPE: "spot"}), True),
        (gpu_pod(node_selector={CAPACITY_TYPE: "reserved"}), False),
        (gpu_pod(node_selector={"karpenter.sh/nodepool": "gpu"}), True),
        (gpu_pod(node_selector={"karpenter.sh/nodepool": "other"}), False),
        (gpu_pod(node_selector={"karpenter.k8s.aws/instance-gpu-name": "a10g"}), True),
        (gpu_pod(node_selector={"karpenter.k8s.aws/instance-gpu-name": "l4"}), False),
        (gpu_pod(node_selector={"eks.amazonaws.com/instance-gpu-name": "a10g"}), False),
        (gpu_pod(node_selector={"kubernetes.io/arch": "arm64"}), False),
        (gpu_pod(node_selector={"node.kubernetes.io/instance-type": "g4dn.2xlarge"}), True),
        (requires("karpenter.k8s.aws/instance-gpu-count", "Gt", "3"), True),
        (requires("karpenter.k8s.aws/instance-gpu-count", "Gt", "4"), False),
        (requires("karpenter.k8s.aws/instance-family", "NotIn", "g4dn"), True),
        (requires("karpenter.k8s.aws/instance-family", "NotIn", "g4dn", "g5"), False),
    ],
)
def test_pods_select_by_labels_that_karpenter_knows_beforehand(pod, expected):
    assert room().verdict(pod).admits is expected


def test_selector_and_size_must_suit_on_the_same_node():
    large = gpu_pod(2, node_selector={"karpenter.k8s.aws/instance-family": "g4dn"})
    assert reason(large) == (
        "none of its 3 instance types suits: pod needs 2 of nvidia.com/gpu, an empty g4dn.2xlarge has 1"
    )


def test_a_label_that_a_node_says_of_itself_brings_up_no_node():
    late = gpu_pod(node_selector={"nvidia.com/gpu.present": "true"})
    assert reason(late, ARCH, types("g5.xlarge"), labels={}) == (
        "pod selects nvidia.com/gpu.present=true, nodes have no label nvidia.com/gpu.present"
    )
    assert reason(late, ARCH, types("g5.xlarge")) == ""


TEAM = requirement("team", "vision", "speech")


@pytest.mark.parametrize(
    ("required", "value", "expected"),
    [
        (TEAM, "speech", True),
        (TEAM, "web", False),
        (requirement("team", operator="Exists"), "web", True),
        (requirement("team", "web", operator="NotIn"), "web", False),
        (requirement("team", "web", operator="NotIn"), "vision", True),
        (requirement("team", operator="DoesNotExist"), "vision", False),
        (requirement("other", "x"), "vision", False),
    ],
)
def test_a_node_gets_the_value_that_the_pod_asks_for_where_a_requirement_allows_it(required, value, expected):
    found = room(ARCH, types("g5.xlarge"), required)
    assert found.verdict(gpu_pod(node_selector={"team": value})).admits is expected
    assert found.verdict(requires("team", "In", value)).admits is expected


def test_any_value_of_a_requirement_is_tried():
    assert room(ARCH, types("g5.xlarge"), TEAM).verdict(requires("team", "NotIn", "vision")).admits
    assert not room(ARCH, types("g5.xlarge"), TEAM).verdict(requires("team", "NotIn", "vision", "speech")).admits


def test_a_limit_under_one_node_admits_nothing_of_the_type():
    assert reason(gpu_pod(2), limits={"nvidia.com/gpu": "3"}) == (
        "none of its 3 instance types suits: one g5.12xlarge is beyond its limit of nvidia.com/gpu"
    )
    assert reason(gpu_pod(), ARCH, types("g5.xlarge"), limits={"cpu": "3"}) == "the pool's maximum is 0 nodes"


def test_min_values_want_a_choice():
    kinds = requirement("node.kubernetes.io/instance-type", "g4dn.xlarge", "g5.xlarge", "g5.12xlarge", minValues=2)
    assert reason(gpu_pod(), ARCH, kinds) == ""
    assert reason(gpu_pod(4), ARCH, kinds) == (
        "the pool wants 2 values of node.kubernetes.io/instance-type to choose among, and 1 suit the pod"
    )


def test_a_pool_without_types_takes_nothing():
    assert reason(gpu_pod(), ARCH, types("g5.xlrge")) == (
        "spec.template.spec.requirements[1] node.kubernetes.io/instance-type In [g5.xlrge] leaves no instance type: "
        "g5.xlrge is no instance type; nearest: g5.xlarge"
    )
    assert reason(gpu_pod(), ARCH, requirement("karpenter.k8s.aws/instance-family", "g99")) == (
        "spec.template.spec.requirements[1] karpenter.k8s.aws/instance-family In [g99] leaves no instance type: g99 is "
        "no instance family"
    )


def test_instance_store_is_the_pods_storage_where_the_class_says_so():
    def storage(**spec: Any) -> str:
        made = node_pool(ARCH, types("g4dn.xlarge"))
        (found,) = analysed(subnet("a"), node_class(**spec), made).rooms
        return found.verdict(gpu_pod(requests={"ephemeral-storage": 100 * 1024})).reason

    assert storage() == ("pod needs 102400Mi of ephemeral-storage, an empty g4dn.xlarge has 91136Mi")
    assert storage(instanceStorePolicy="RAID0") == ""


def verdicts(found: Analysis) -> list[Verdict]:
    (train,) = [workload for workload in found.workloads if workload.name == "train"]
    return found.verdicts[train.urn]


def test_daemon_sets_that_wait_for_the_nodes_own_label_take_their_part():
    (found,) = analysed(subnet("a"), node_class(), node_pool(ARCH, types("g4dn.xlarge"), labels={})).rooms
    daemon = Pod(requests={"cpu": 100}, tolerations=(TOLERATES,), node_selector={"nvidia.com/gpu.present": "true"})
    labelled = Room(found.pool, (daemon,))
    assert labelled.left(found.pool.candidates[0])["cpu"] == 3920  # no cluster says that its kubelet adds the label
    (system, gpu) = analysed(*healthy(gpu=node_pool(labels={}))).rooms
    assert Room(gpu.pool, (daemon,)).left(gpu.pool.candidates[0])["cpu"] == 3820
    assert system.pool.late_labels == {}


def test_both_back_ends_take_the_same_gpu_pod():
    assert verdicts(analysed(*healthy()))[-1].as_json() == {"pool": "gpu", "admits": True, "reason": ""}
    assert verdicts(analysed(*healthy_auto_mode()))[-1].as_json() == {"pool": "gpu", "admits": True, "reason": ""}


def test_auto_modes_labels_have_their_own_prefix():
    (found,) = analysed(subnet("a"), auto_mode_node_class(), auto_mode_pool()).rooms
    for prefix, admits in (("eks.amazonaws.com", True), ("karpenter.k8s.aws", False)):
        assert found.verdict(gpu_pod(node_selector={f"{prefix}/instance-gpu-name": "l4"})).admits is admits
    assert found.verdict(gpu_pod(node_selector={"eks.amazonaws.com/compute-type": "auto"})).admits


def test_spot_is_no_choice_where_neither_pool_nor_type_has_it():
    spot = gpu_pod(requests={}, node_selector={CAPACITY_TYPE: "spot"})
    rejected = "pod selects karpenter.sh/capacity-type=spot, nodes have karpenter.sh/capacity-type=on-demand"
    assert reason(spot, ARCH, ON_DEMAND, types("g5.xlarge")) == rejected
    assert reason(spot, ARCH, SPOT_FIRST, types("t2.nano")) == rejected  # Spot sells none
    assert reason(spot, ARCH, SPOT_FIRST, types("g5.xlarge")) == ""


# --- laws ------------------------------------------------------------------------------------------------------------

_GPUS = [row for row in instance_types() if row.gpus and row.architecture == "amd64"]
POOL = room(ARCH, SPOT_FIRST, types("g5.xlarge"), limits={"nvidia.com/gpu": "1000"}).pool
_rows = st.lists(st.sampled_from(_GPUS), min_size=1, max_size=5, unique=True)
_amounts = st.fixed_dictionaries(
    {"nvidia.com/gpu": st.integers(0, 40)},
    optional={"cpu": st.integers(0, 400_000), "memory": st.integers(0, 4_000_000), "nodes": st.integers(0, 20)},
)


@given(_rows, _amounts, st.lists(st.integers(0, 4), max_size=30))
def test_no_mix_of_nodes_within_the_limits_is_beyond_the_ceiling(rows, amounts, choices):
    limits, used, started = Limits(amounts), {}, []
    for choice in choices:  # start one node after the other, as far as the limits go
        row = rows[choice % len(rows)]
        if limits.nodes_of(row, used) >= 1:
            started.append(row)
            used = {name: used.get(name, 0) + value for name, value in limits.capacity(row).items()}
    nodes, gpus = limits.nodes(rows), limits.accelerators(rows)
    assert nodes is not None and gpus is not None
    assert len(started) <= nodes
    assert sum(row.accelerators for row in started) <= gpus <= amounts["nvidia.com/gpu"]
    assert sum(row.vcpus for row in started) <= limits.most({row: float(row.vcpus) for row in rows}) + 1e-6


@given(_rows, st.integers(1, 16))
def test_a_node_pool_takes_what_one_of_its_types_takes(rows, gpus):
    pools = [replace(POOL, instance_types=tuple(row.name for row in some)) for some in (rows, *([row] for row in rows))]
    together, *alone = [Room(pool).verdict(gpu_pod(gpus)).admits for pool in pools]
    assert together == any(alone)
