"""Checks: all hold in a healthy stack, this library's own pools pass, and the page lists each."""

from dataclasses import replace
from typing import Any

import pytest

from components import GpuNodeGroup, LlmInference, ModelServer, NodeTerminationHandler, SpotNodeGroup
from components.karpenter import Karpenter
from components.karpenter_gpu_pool import KarpenterGpuPool
from eks_gpu.checks import CHECKS, Context, check
from eks_gpu.checks import findings as all_findings
from eks_gpu.graph.graph import Graph
from eks_gpu.plan.analysis import analyse
from tests import (
    device_claims,
    gangs,
    gpu_slices,
    karpenter_features,
    karpenter_graphs,
    keda_objects,
    node_graphs,
    placeholders,
    reserved_capacity,
    training_queues,
    vllm,
    whole_graphs,
)
from tests.engine import run
from tests.found import every
from tests.given import CLUSTER
from tests.given import subnets as given_subnets
from tests.graphs import (
    TODAY,
    analysed,
    autoscaler,
    cluster,
    device_plugin,
    findings,
    gpu_group,
    gpu_work,
    healthy,
    managed_group,
    managed_template,
    overrides,
    subnet,
)


def test_every_check_holds_in_a_healthy_stack_and_says_so():
    two_pools = [karpenter_graphs.node_pool(), karpenter_graphs.node_pool(name="second")]
    on_karpenter = karpenter_graphs.healthy(gpu=two_pools, train=karpenter_graphs.work_with_a_security_group())
    on_auto_mode = karpenter_graphs.healthy_auto_mode()
    on_auto_mode_with_claims, with_features = device_claims.on_auto_mode(), karpenter_features.healthy()
    with_a_gang = [*healthy(gpu=gpu_group(maxSize=8)), *gangs.controlled(gangs.group(2))]
    of_one_architecture = gpu_work()
    of_one_architecture.inputs["spec"]["template"]["spec"]["containers"][0]["image"] = "example/app:1-amd64"
    with_claims = device_claims.on_karpenter()
    with_a_model = healthy(gpu=gpu_group(mixedInstancesPolicy=overrides("g6.xlarge")), train=vllm.server(*vllm.SERVE))
    by_hand = (whole_graphs.healthy(), node_graphs.healthy(), healthy(train=of_one_architecture))
    whole = (
        healthy(),
        with_a_gang,
        with_a_model,
        on_karpenter,
        on_auto_mode,
        *by_hand,
        training_queues.healthy(),
        on_auto_mode_with_claims,
        with_features,
        with_claims,
        reserved_capacity.healthy(),
        gpu_slices.healthy(),
        placeholders.healthy(),
        keda_objects.healthy_from_zero(),
    )
    analyses = [analysed(*stack, budget=50_000, cold_start_budget_s=900) for stack in whole]
    found = [finding for analysis in analyses for finding in analysis.findings]
    assert [finding for finding in found if finding.failed] == []
    unjudged = {finding.id for finding in found if finding.passed is None}
    assert unjudged == {"objects-are-accepted"}, "objects of which not all fields are known"
    assert {finding.id for finding in found} == set(CHECKS) - {"waivers-are-needed"}


STANDING = [
    subnet("a"),
    subnet("b"),
    cluster("gaia"),
    managed_template(),
    managed_group(clusterName="gaia", labels={"eks-gpu-components/role": "system"}),
    whole_graphs.monitoring(clusterName="gaia"),
]


@pytest.mark.parametrize("backend", ["managed-node-group", "auto-scaling-group"])
@pytest.mark.parametrize("image", ["al2023", "bottlerocket"])
def test_this_librarys_node_groups_pass(backend, image):
    pool: Any = {"instance_types": ["g4dn.xlarge"], "max_gpus": 4, "capacity_types": ["spot"], "node_image": image}
    types = ["m5.large", "m5a.large", "m6i.large", "m6a.large", "m7i.large", "m7a.large"]
    place = {"cluster": CLUSTER, "subnets": given_subnets("ab")}
    drained = {"drain_s": 120} if backend == "auto-scaling-group" else {}
    gpu: Any = {**place, "pool": pool, "backend": backend, **drained}
    spot: Any = {**place, "pool": {"instance_types": types, "min_nodes": 0, "max_nodes": 4}, "drain_s": 120}

    def program():
        NodeTerminationHandler("handler", {"cluster": CLUSTER})
        GpuNodeGroup("gpu", gpu)
        SpotNodeGroup("spot", spot)

    agent = whole_graphs.addon("eks-pod-identity-agent", clusterName="gaia")
    software = [agent] if image == "bottlerocket" else [agent, device_plugin()]
    parts = [*STANDING, autoscaler(autoDiscovery={"clusterName": "gaia"}), *software]
    found = analyse(Graph([*parts, *run(program).graph]), "us-west-2", TODAY)
    assert len(found.pools) == 4
    assert [finding for finding in every(found.findings) if not finding.passed] == []


def test_this_librarys_karpenter_pools_pass():
    pool: Any = {"instance_types": ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"], "max_gpus": 4}

    def program():
        karpenter = Karpenter("karpenter", {"cluster": CLUSTER})
        for name, capacity_types in (("first", ["spot", "on-demand"]), ("second", ["on-demand"])):
            args: Any = {"cluster": CLUSTER, "subnets": given_subnets("ab"), "node_role_name": karpenter.node_role_name}
            args["pool"] = {**pool, "capacity_types": capacity_types}
            KarpenterGpuPool(name, args)

    parts = [*STANDING, device_plugin(), whole_graphs.addon("eks-pod-identity-agent", clusterName="gaia")]
    found = analyse(Graph([*parts, *run(program).graph]), "us-west-2", TODAY)
    pools = [(pool.backend, pool.max_gpus) for pool in found.pools if pool.accelerator]
    assert pools == [("karpenter", 4), ("karpenter", 4)]
    assert [finding for finding in every(found.findings) if not finding.passed] == []


def test_this_librarys_model_servers_pass():
    pool: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 4}
    triton: Any = {"image": "nvcr.io/nvidia/tritonserver:26.07-py3", "port": 8000, "command": ["tritonserver"]}
    llm: Any = {"model": {"name": "Qwen/Qwen3-8B", "s3_uri": "s3://models/qwen3-8b"}}

    def program():
        karpenter = Karpenter("karpenter", {"cluster": CLUSTER})
        args: Any = {"cluster": CLUSTER, "subnets": given_subnets("ab"), "node_role_name": karpenter.node_role_name}
        args["pool"] = pool
        KarpenterGpuPool("gpu", args)
        LlmInference("llm", {"cluster": CLUSTER, "pool": pool, "settings": llm})
        ModelServer("triton", {"pool": pool, "settings": triton, "service": {"namespace": "triton"}})

    parts = [*STANDING, device_plugin(), whole_graphs.addon("eks-pod-identity-agent", clusterName="gaia")]
    found = analyse(Graph([*parts, *run(program).graph]), "us-west-2", TODAY)
    assert [found.admitted_by(work) for work in found.workloads] == [["gpu"], ["gpu"]]
    wrong = {finding.id for finding in every(found.findings) if not finding.passed}
    assert wrong == {"network-policies-have-an-enforcer"}  # which nobody asks the add-on for here


def test_every_check_says_what_goes_wrong_and_what_to_change():
    for found in every(CHECKS.values()):
        assert found.reason.endswith("."), found.id
        assert found.fix and found.fix[-1] != "." and found.fix[0].islower(), found.id
        assert found.severity in ("error", "warning")
        assert found.subject, found.id
        assert not found.details or found.details.endswith("."), found.id


def test_a_failure_has_the_check_s_fix_unless_its_subject_has_its_own():
    capped = analysed(*karpenter_graphs.healthy(gpu=karpenter_graphs.node_pool(limits=None))).findings
    fixes = {found.id: found.fix for found in capped if not found.passed and found.subject == "gpu"}
    assert fixes["gpu-pools-are-capped"] == "limit the pool's GPUs"
    group = gpu_group(ignore=())
    (again,) = [found for found in analysed(*healthy(gpu=group)).findings if not found.passed]
    assert again.fix == "add ignore_changes=['desiredCapacity']"


def test_two_checks_cannot_have_one_name():
    with pytest.raises(ValueError, match="two checks are named gpu-nodes-are-tainted"):
        check("gpu-nodes-are-tainted", subject="", fix="")(lambda context: iter(()))


def test_a_finding_as_the_plan_shows_it():
    (found,) = [one for one in analysed(*healthy()).findings if one.id == "gpu-nodes-are-tainted"]
    assert found.as_json() == {
        "id": "gpu-nodes-are-tainted",
        "subject": "gpu",
        "passed": True,
        "message": "only pods that tolerate nvidia.com/gpu=true:NoSchedule land there",
        "severity": "error",
        "fix": None,
        "waived": None,
        "sources": [{"title": "Kubernetes documentation, taint-and-toleration", "read": "2026-11-21", "sure": True}],
    }


def test_gpus_without_a_ceiling():
    found = analysed(*healthy())
    (gpu, _) = found.pools
    context = Context(
        graph=Graph([]),
        region="us-west-2",
        on=TODAY,
        pools=[replace(gpu, max_nodes=None)],
        workloads=[],
        software=[],
        clusters=[],
        verdicts={},
        cost=found.cost,
    )
    (said,) = [one for one in all_findings(context) if one.id == "gpu-pools-are-capped"]
    assert (said.passed, said.message) == (False, "nothing limits the GPUs it may start")


def test_a_maximum_over_the_budget():
    assert findings("maximum-within-budget", *healthy(), budget=1000) == {
        "stack": (
            False,
            "the maximum is 3,205.69* USD a month, 2,205.69* over the budget of 1,000.00",
        )
    }


def test_prices_of_another_region_that_decide_are_a_warning():
    (found,) = [
        one
        for one in analysed(*healthy(), region="sa-east-1", budget=4000).findings
        if one.id == "maximum-within-budget"
    ]
    assert (found.passed, found.severity) == (False, "warning")
    assert found.message == (  # known prices of other regions are up to 1.54 times those of us-east-1
        "prices of us-east-1 decide: they make 3,132.69 of 3,205.69* USD a month, and in sa-east-1 it may be up to "
        "4,909.43, 909.43 over the budget of 4,000.00"
    )
    assert found.fix.startswith("take prices of the region itself, with eks-gpu prices refresh")
    assert findings("maximum-within-budget", *healthy(), region="sa-east-1", budget=5000) == {
        "stack": (True, "at most 3,205.69* of 5,000.00 USD a month")
    }


def test_a_maximum_without_all_its_prices_is_not_within_the_budget():
    unpriced = gpu_group(mixedInstancesPolicy=overrides("p5e.48xlarge"))
    (passed, message) = findings("maximum-within-budget", *healthy(gpu=unpriced), budget=5000)["stack"]
    assert not passed
    assert "leaves out what has no price: pool gpu: p5e.48xlarge, on demand" in message


def test_without_a_budget_there_is_nothing_to_check():
    assert findings("maximum-within-budget", *healthy()) == {}
