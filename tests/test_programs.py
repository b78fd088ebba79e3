"""Every program under every stack: it plans, its checks hold, and what it registers is what the providers take."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.offline.run import record
from eks_gpu.offline.sdk_schema import ignored_path_problem, problems
from eks_gpu.plan.plan import make_plan
from tests.found import every
from tests.programs import IDS, PROGRAMS, ROOT, plan_of, preview_urns

KEEPS_READY = "examples/warm-gpus"
"""The one program that has GPU nodes while idle, because that is what it shows."""
every_program = pytest.mark.parametrize(("folder", "stack"), PROGRAMS, ids=IDS)


@every_program
def test_every_check_holds_but_that_the_address_is_yours_to_give(folder, stack):
    failing = [finding for finding in every(plan_of(folder, stack).analysis.findings) if not finding.passed]
    if folder == KEEPS_READY:
        (waived,) = [finding for finding in failing if finding.waived]
        assert (waived.id, waived.subject) == ("gpu-pools-start-at-zero", "fixed")
        failing.remove(waived)
    assert [f"{finding.id}: {finding.message}" for finding in failing] == ["api-address-is-given: no address is given"]


@every_program
def test_a_preview_registers_what_an_update_does(folder, stack):
    assert preview_urns(folder, stack) == {resource.urn for resource in plan_of(folder, stack).graph}


@every_program
def test_every_input_is_one_that_its_provider_has(folder, stack):
    made = every(plan_of(folder, stack).graph)
    assert [problem for each in made for problem in problems(each.type, dict(each.inputs))] == []


def test_every_ignored_path_exists():
    ignored = every(
        (made.type, path)
        for program in PROGRAMS
        for made in plan_of(*program).graph
        for path in made.options.get("ignoreChanges", ())
    )
    assert [problem for type_, path in ignored if (problem := ignored_path_problem(type_, path))] == []


@every_program
def test_every_kubernetes_object_is_valid(folder, stack):
    for _, manifest in every(kubernetes_objects(plan_of(folder, stack).graph)):
        if manifest["apiVersion"].split("/")[0] not in (
            "karpenter.sh",
            "karpenter.k8s.aws",
            "eks.amazonaws.com",
            "keda.sh",
            "kueue.x-k8s.io",
            "jobset.x-k8s.io",
            "autoscaling.x-k8s.io",
        ):
            kubernetes_validate.validate(manifest, "1.35", strict=True)


@every_program
def test_the_levels_of_use_differ_in_cost(folder, stack):
    cost = plan_of(folder, stack).analysis.cost
    if folder == KEEPS_READY:  # and has no work
        assert 0 < cost.idle.hourly == cost.steady.hourly < cost.max.hourly
    else:
        assert 0 < cost.idle.hourly < cost.steady.hourly < cost.max.hourly


def test_one_stack_has_another_bill_in_each_of_four_regions():
    """Idle has no GPU, and the prices of one region; the rest is what GPUs cost there."""
    project = Project.load(ROOT)
    dev = project.stack("dev")
    monthly = {}
    for region in ("us-west-2", "eu-central-1", "eu-west-2", "ap-northeast-1"):
        there = replace(dev, region=region, config={**dev.config, "aws:region": region})
        cost = make_plan(project, there, date(2026, 11, 24)).analysis.cost
        monthly[region] = tuple(round(bill.monthly, 2) for bill in (cost.idle, cost.steady, cost.max))
    assert monthly == {
        "us-west-2": (264.67, 418.58, 3_256.26),
        "eu-central-1": (264.67, 455.20, 3_992.10),
        "eu-west-2": (264.67, 443.27, 4_047.58),
        "ap-northeast-1": (264.67, 469.62, 4_579.02),
    }


@every_program
def test_every_resource_has_a_parent_or_is_a_component(folder, stack):
    top = [made for made in plan_of(folder, stack).graph if not made.parent]
    raw = {made.type for made in top if not made.type.startswith("eks-gpu-components:")}
    # What another image, a trainer's checkpoints, pods that claim and a queue of prompts need, no component makes.
    own = {"gpu-operator ubuntu", "gang-training dev", "gpu-claims dev", "llm-from-zero dev"}
    own |= {"reserved-training dev", "reserved-training groups", "reserved-training isolated"}
    assert not raw or f"{folder.rpartition('/')[2]} {stack}" in own


@every_program
def test_every_gpu_pool_is_empty_while_idle(folder, stack):
    pools = [pool for pool in plan_of(folder, stack).analysis.pools if pool.accelerator]
    if folder == KEEPS_READY:
        fixed = next(pool for pool in pools if pool.name == "fixed")
        assert (fixed.min_nodes, fixed.max_nodes_for_pods, fixed.scales_to_zero) == (1, 1, False)
        pools.remove(fixed)
    assert pools and {(pool.min_nodes, pool.desired_nodes, pool.scales_to_zero) for pool in pools} <= {
        (0, 0, True),
        (0, None, True),
    }


def test_the_spot_example_is_the_articles_system_as_of_today():
    found = plan_of("examples/spot-autoscaling-groups", "dev").analysis
    groups = {pool.name: pool for pool in found.pools}

    assert {name: (pool.min_nodes, pool.max_nodes, pool.zones) for name, pool in groups.items()} == {
        "gaia-system": (2, 2, ("us-west-2a", "us-west-2b", "us-west-2c")),
        "spot": (2, 20, ("us-west-2a", "us-west-2b", "us-west-2c")),
        "gpu-spot-us-west-2a-spot": (0, 10, ("us-west-2a",)),
        "gpu-spot-us-west-2b-spot": (0, 10, ("us-west-2b",)),
        "gpu-spot-us-west-2c-spot": (0, 10, ("us-west-2c",)),
    }
    assert len(groups["spot"].instance_types) == 10
    (workload,) = found.workloads
    assert (workload.name, workload.replicas) == ("cuda-vector-add", 10)
    assert found.admitted_by(workload) == [f"gpu-spot-us-west-2{zone}-spot" for zone in "abc"]


@pytest.mark.parametrize("stack", ["dev", "lab"])
def test_dev_and_lab_are_small_and_easily_destroyed(stack):
    plan = plan_of(".", stack)
    assert len(plan.graph.of("aws:ec2/natGateway:NatGateway")) == 1
    assert plan.graph.one("eks:index:Cluster").inputs["deletionProtection"] is False
    assert plan.analysis.cost.idle.monthly < 400


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_staging_and_prod_are_private_protected_and_logged(stack):
    plan = plan_of(".", stack)
    cluster = plan.graph.one("eks:index:Cluster").inputs
    assert (cluster["endpointPrivateAccess"], cluster["publicAccessCidrs"]) == (True, ["address-not-given"])  # at first
    assert cluster["deletionProtection"] is True
    assert cluster["enabledClusterLogTypes"][:3] == ["api", "audit", "authenticator"]
    assert len(plan.graph.of("aws:kms/key:Key")) == 1
    assert len(plan.graph.of("aws:ec2/natGateway:NatGateway")) == 3


def registered(**pools: Any) -> dict[str, Any]:
    """What the program registers with these pools in place of its own, by component and name."""
    settings = yaml.safe_load((ROOT / "tests/settings.yaml").read_text())
    left_out = ("gpu_node_groups", "karpenter_gpu_pools", "cuda_vector_add", "resnet", "cluster_autoscaler")
    left_out += ("training_queues",)
    given = {key: value for key, value in settings.items() if key not in left_out} | pools
    config = {"aws:region": "us-west-2", "eks-gpu:settings": json.dumps(given)}
    stack = StackConfig("dev", Path("Pulumi.dev.yaml"), "us-west-2", config, frozenset())
    graph = record(Project.load(ROOT), stack)[0].graph
    return {made.type.rpartition(":")[2]: made.inputs for made in graph if made.type.startswith("eks-gpu-components:")}


def test_a_stack_s_file_has_queues_over_its_pools_by_name():
    gpu = {"instance_types": ["g5.xlarge"], "max_gpus": 2}
    pools = {"gpu_node_groups": {"gpu": {"pool": gpu}}, "karpenter_gpu_pools": {"bought": {"pool": gpu}}}
    queues = {"training": {"pools": ["bought"], "strict_order": True}}
    made = registered(**pools, training_queues=queues)
    assert made["TrainingQueue"] == {"pools": {"bought": gpu}, "strict_order": True}
    assert made["Kueue"] == {"settings": {"integrations": ["job", "jobset"]}}
    assert made["JobSetController"] == {"replicas": 1}
    none = registered(**pools, kueue={})
    assert "TrainingQueue" not in none


FAST = {"instance_types": ["p4d.24xlarge"], "max_gpus": 8, "efa": True, "zones": ["us-west-2a"]}
INF2 = {"instance_types": ["inf2.xlarge"], "max_gpus": 1}


@pytest.mark.parametrize(
    ("pools", "plugins"),
    [
        ({"gpu_node_groups": {"inf": {"pool": INF2}}}, {"NeuronDevicePlugin": [INF2]}),
        (
            {
                "gpu_node_groups": {"gpu": {"pool": {"instance_types": ["g5.xlarge"], "max_gpus": 1}}},
                "karpenter_gpu_pools": {"inf": {"pool": INF2}},
            },
            {
                "NvidiaDevicePlugin": [{"instance_types": ["g5.xlarge"], "max_gpus": 1}],
                "NeuronDevicePlugin": [INF2],
            },
        ),
        (
            {
                "gpu_node_groups": {
                    "rocket": {"pool": {"instance_types": ["g5.xlarge"], "max_gpus": 1, "node_image": "bottlerocket"}}
                }
            },
            {},
        ),
        (
            {"karpenter_gpu_pools": {"fast": {"pool": FAST}}},
            {"NvidiaDevicePlugin": [FAST], "EfaDevicePlugin": [FAST]},
        ),
    ],
)
def test_nodes_of_ones_own_get_the_plugin_of_their_devices(pools, plugins):
    made = registered(**pools)
    assert {name: inputs["pools"] for name, inputs in made.items() if name.endswith("DevicePlugin")} == plugins
