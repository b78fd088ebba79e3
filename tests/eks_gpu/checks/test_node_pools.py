"""Node pools: ceilings, nodes that go, safe nodes, and the workloads that they take."""

import pytest

from tests.graphs import GPU_TOLERATION, findings, gpu_work, kubernetes, pod
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    THREE_TYPES,
    failure,
    healthy,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    requirement,
    types,
)

CATEGORY = "karpenter.k8s.aws/instance-category"

# --- ceilings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gpu", "nvidia.com/gpu"),
        ("nvidia.com/gpus", "nvidia.com/gpu"),
        ("memmory", "memory"),
        ("neuron", "aws.amazon.com/neuron"),
    ],
)
def test_a_limit_on_a_resource_that_no_node_has(name, nearest):
    made = node_pool(limits={"nvidia.com/gpu": "4", name: "100"})
    assert failure("limits-name-the-real-resource", gpu=made) == (
        "gpu",
        f"its limit {name} stops nothing, for no node has such a resource: write {nearest}",
    )


def test_gpus_without_a_limit_of_their_own():
    assert failure("limits-name-the-real-resource", gpu=node_pool(limits={"cpu": "100"})) == (
        "gpu",
        "no limit counts nvidia.com/gpu, so only the other limits stop new GPUs: add one",
    )


def test_a_static_pool_needs_no_limit_on_gpus():
    made = node_pool(ARCH, ON_DEMAND, THREE_TYPES, replicas=0, limits={"nodes": "2"})
    assert findings("limits-name-the-real-resource", *healthy(gpu=made))["gpu"][0]


@pytest.mark.parametrize("limits", [None, {"gpu": "10"}])
def test_a_node_pool_without_a_ceiling(limits):
    assert failure("gpu-pools-are-capped", gpu=node_pool(limits=limits)) == (
        "gpu",
        "nothing limits the GPUs it may start",
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"nvidia.com/gpu": "8", "cpu": "64"},
            "its limit cpu 64000m ends at 4 nvidia.com/gpu on g5.12xlarge, of 8: set it to 96000m or leave it out",
        ),
        (
            {"nvidia.com/gpu": "8", "memory": "100Gi"},
            "its limit memory 102400Mi ends at 0 nvidia.com/gpu on g5.12xlarge, of 8: set it to 363724Mi or leave it "
            "out",
        ),
        (
            {"nvidia.com/gpu": "8", "nodes": "3"},
            "its limit nodes 3 ends at 3 nvidia.com/gpu on g5.xlarge, of 8: set it to 8 or leave it out",
        ),
    ],
)
def test_a_limit_that_ends_before_the_gpus_do(limits, message):
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits=limits)
    assert failure("gpu-limit-not-blocked-by-cpu-or-memory", gpu=made) == ("gpu", message)


def test_limits_that_leave_all_gpus_room():
    limits = {"nvidia.com/gpu": "8", "cpu": "96", "memory": "384Gi"}
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits=limits)
    assert findings("gpu-limit-not-blocked-by-cpu-or-memory", *healthy(gpu=made))["gpu"] == (
        True,
        "8 nvidia.com/gpu fit its other limits",
    )


def test_limits_of_shares_are_held_against_shares():
    def said(cpu: str) -> tuple[bool, str]:
        limits = {"nvidia.com/gpu": "16", "cpu": cpu}
        overlay = node_overlay("shared", capacity={"nvidia.com/gpu": "4"})
        made = [node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), limits=limits), overlay]
        return findings("gpu-limit-not-blocked-by-cpu-or-memory", *healthy(gpu=made))["gpu"]

    assert said("16") == (True, "16 nvidia.com/gpu fit its other limits")
    short = "its limit cpu 12000m ends at 12 nvidia.com/gpu on g5.xlarge, of 16: set it to 16000m or leave it out"
    assert said("12") == (False, short)


# --- nodes that go ---------------------------------------------------------------------------------------------------

EMPTY = {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "30s"}


@pytest.mark.parametrize(
    ("disruption", "message"),
    [
        (
            {"consolidateAfter": "30s"},
            "WhenEmptyOrUnderutilized evicts running GPU pods to save on their node: set WhenEmpty",
        ),
        (None, "WhenEmptyOrUnderutilized evicts running GPU pods to save on their node: set WhenEmpty"),
        (
            EMPTY | {"consolidateAfter": "Never"},
            "consolidateAfter is Never, so an empty node is never removed: set a duration",
        ),
        (
            EMPTY | {"budgets": [{"nodes": "50%"}, {"nodes": "0", "reasons": ["Empty"]}]},
            "a budget of 0 keeps empty nodes at all times: give it a schedule, or other reasons",
        ),
    ],
)
def test_gpu_nodes_that_go_too_early_or_never(disruption, message):
    made = node_pool(disruption=disruption)
    assert failure("gpu-pools-consolidate-when-empty", gpu=made) == ("gpu", message)


@pytest.mark.parametrize(
    "budgets",
    [
        [],
        [{"nodes": "10%"}],
        [{"nodes": "0", "reasons": ["Drifted", "Underutilized"]}],
        [{"nodes": "0", "schedule": "0 9 * * 1-5", "duration": "8h"}],
    ],
)
def test_budgets_that_let_an_empty_node_go(budgets):
    made = node_pool(disruption=EMPTY | {"budgets": budgets})
    assert findings("gpu-pools-consolidate-when-empty", *healthy(gpu=made))["gpu"] == (
        True,
        "an empty node goes after 30s",
    )


def test_cpu_pools_may_consolidate_as_they_like():
    made = node_pool(
        ARCH, requirement(CATEGORY, "m"), name="cpu", disruption={"consolidateAfter": "1m"}, template={"taints": []}
    )
    assert findings("gpu-pools-consolidate-when-empty", *healthy(gpu=made)) == {}


# --- what the older checks say of node pools -------------------------------------------------------------------------


def test_a_node_pool_without_taint():
    assert failure("gpu-nodes-are-tainted", gpu=node_pool(template={"taints": []})) == (
        "gpu",
        "nodes have no taint, so any pod may land there and keep a GPU node running: "
        "add nvidia.com/gpu=true:NoSchedule",
    )


def test_a_static_gpu_pool_runs_without_work():
    made = node_pool(ARCH, ON_DEMAND, THREE_TYPES, replicas=2, limits={"nodes": "2"})
    on = karpenter(featureGates={"staticCapacity": True})
    assert failure("gpu-pools-start-at-zero", gpu=made, karpenter=on) == (
        "gpu",
        "2 GPU nodes run while nothing asks for them, because a fixed number was asked for: "
        "leave it out if pods may wait for a node",
    )


@pytest.mark.parametrize(
    ("check", "spec", "message"),
    [
        (
            "nodes-require-imdsv2",
            {"metadataOptions": {"httpTokens": "optional"}},
            "its EC2NodeClass leaves IMDSv1 open: set metadataOptions.httpTokens: required",
        ),
        (
            "node-disks-are-encrypted",
            {"blockDeviceMappings": [{"ebs": {"volumeSize": "100Gi"}}]},
            "its disk of 100 GiB is not encrypted: set encrypted: true in the EC2NodeClass",
        ),
    ],
)
def test_nodes_that_start_unsafely(check, spec, message):
    assert failure(check, node_class=node_class(**spec)) == ("gpu", message)


def test_checks_of_the_autoscaler_leave_node_pools_alone():
    for check in (
        "groups-are-discovered-by-this-cluster",
        "desired-size-belongs-to-the-autoscaler",
        "one-gpu-count-a-group",
        "one-zone-a-gpu-group",
        "autoscaler-plans-with-the-smallest-type",
        "scale-from-zero-labels-match-node",
    ):
        assert "gpu" not in findings(check, *healthy())


# --- workloads on node pools -----------------------------------------------------------------------------------------


def test_a_workload_that_no_node_pool_takes():
    work = gpu_work(nodeSelector={"karpenter.k8s.aws/instance-gpu-name": "h100"})
    subject, message = failure("workloads-are-admitted", train=work)
    assert subject == "Deployment default/train"
    assert message.endswith(
        "gpu: none of its 3 instance types suits: pod selects karpenter.k8s.aws/instance-gpu-name=h100, nodes have "
        "karpenter.k8s.aws/instance-gpu-name=t4"
    )


def test_cpu_work_that_tolerates_the_taint_of_a_node_pool():
    made = kubernetes("Deployment", "web", {"template": {"spec": pod({"cpu": "1"}, tolerations=[GPU_TOLERATION])}})
    assert failure("cpu-work-stays-off-gpu-nodes", web=made)[1].startswith("it asks for no GPU but may run on gpu")
