"""Checks: all hold in a healthy stack, this library's own pools pass, and the page lists each."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components import GpuNodeGroup, SpotNodeGroup
from components.karpenter import Karpenter
from components.karpenter_gpu_pool import KarpenterGpuPool
from eks_gpu_planner.analysis import analyse
from eks_gpu_planner.checks import CHECKS, Context, check
from eks_gpu_planner.checks import findings as all_findings
from eks_gpu_planner.graph import Graph
from tests import karpenter_graphs
from tests.engine import run
from tests.given import CLUSTER
from tests.given import subnets as given_subnets
from tests.graphs import (
    TODAY,
    analysed,
    autoscaler,
    cluster,
    device_plugin,
    findings,
    healthy,
    subnet,
)


def test_every_check_holds_in_a_healthy_stack_and_says_so():
    stacks = (healthy(), karpenter_graphs.healthy(), karpenter_graphs.healthy_auto_mode())
    found = [finding for stack in stacks for finding in analysed(*stack, budget=5000).findings]
    assert [finding for finding in found if not finding.passed] == []
    assert {finding.id for finding in found} == set(CHECKS)


@pytest.mark.parametrize("backend", ["managed-node-group", "auto-scaling-group"])
@pytest.mark.parametrize("image", ["al2023", "bottlerocket"])
def test_this_librarys_node_groups_pass(backend, image):
    pool: Any = {"instance_types": ["g4dn.xlarge"], "max_gpus": 4, "capacity_types": ["spot"], "node_image": image}
    types = ["m5.large", "m5a.large", "m6i.large", "m6a.large", "m7i.large", "m7a.large"]
    place = {"cluster": CLUSTER, "subnets": given_subnets("ab")}
    gpu: Any = {**place, "pool": pool, "backend": backend}
    spot: Any = {**place, "pool": {"instance_types": types, "min_nodes": 0, "max_nodes": 4}}

    def program():
        GpuNodeGroup("gpu", gpu)
        SpotNodeGroup("spot", spot)

    software = [] if image == "bottlerocket" else [device_plugin()]
    parts = [subnet("a"), subnet("b"), cluster("gaia"), autoscaler(autoDiscovery={"clusterName": "gaia"}), *software]
    found = analyse(Graph([*parts, *run(program).graph]), "us-west-2", TODAY)
    assert len(found.pools) == 3
    assert [finding for finding in found.findings if not finding.passed] == []


def test_this_librarys_karpenter_pools_pass():
    pool: Any = {"instance_types": ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"], "max_gpus": 4}

    def program():
        karpenter = Karpenter("karpenter", {"cluster": CLUSTER})
        for name, capacity_types in (("first", ["spot", "on-demand"]), ("second", ["on-demand"])):
            args: Any = {"cluster": CLUSTER, "subnets": given_subnets("ab"), "node_role_name": karpenter.node_role_name}
            args["pool"] = {**pool, "capacity_types": capacity_types}
            KarpenterGpuPool(name, args)

    parts = [subnet("a"), subnet("b"), cluster("gaia"), device_plugin()]
    found = analyse(Graph([*parts, *run(program).graph]), "us-west-2", TODAY)
    assert [(pool.backend, pool.max_gpus) for pool in found.pools] == [("karpenter", 4), ("karpenter", 4)]
    assert [finding for finding in found.findings if not finding.passed] == []


def test_the_page_lists_every_check():
    page = Path("docs/checks.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)`", page, re.MULTILINE) == sorted(CHECKS)


def test_two_checks_cannot_have_one_name():
    with pytest.raises(ValueError, match="two checks are named gpu-nodes-are-tainted"):
        check("gpu-nodes-are-tainted")(lambda context: iter(()))


def test_a_finding_as_the_plan_shows_it():
    (found,) = [one for one in analysed(*healthy()).findings if one.id == "gpu-nodes-are-tainted"]
    assert found.as_json() == {
        "id": "gpu-nodes-are-tainted",
        "subject": "gpu",
        "passed": True,
        "message": "only pods that tolerate nvidia.com/gpu=true:NoSchedule land there",
        "severity": "error",
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
    assert (said.passed, said.message) == (False, "nothing limits the GPUs it may start: give it a ceiling")


def test_a_maximum_over_the_budget():
    assert findings("maximum-within-budget", *healthy(), budget=1000) == {
        "stack": (
            False,
            "the maximum is 3,205.69 USD a month, 2,205.69 over the budget of 1,000.00: lower max_gpus or max_nodes, "
            "or raise the budget",
        )
    }


def test_without_a_budget_there_is_nothing_to_check():
    assert findings("maximum-within-budget", *healthy()) == {}
