"""Broken settings of the project's own program: one clear line for each problem, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.offline.run import record
from eks_gpu.plan.plan import make_plan
from tests.broken_settings import BOUGHT, BROKEN, GPU, changed, settings
from tests.programs import ROOT

KEY = "eks-gpu:settings"


def refused(given: Any) -> list[str]:
    config = {"aws:region": "us-west-2", KEY: json.dumps(given)}
    with pytest.raises(InputError) as refusal:
        record(Project.load(ROOT), StackConfig("dev", Path("Pulumi.dev.yaml"), "us-west-2", config, frozenset()))
    return refusal.value.problems


def test_the_settings_that_are_broken_here_are_good():
    config = {"aws:region": "us-west-2", KEY: json.dumps(settings())}
    assert record(Project.load(ROOT), StackConfig("dev", Path("Pulumi.dev.yaml"), "us-west-2", config, frozenset()))[
        0
    ].graph


@pytest.mark.parametrize(("path", "value", "problem"), BROKEN, ids=[f"{path}={value}" for path, value, _ in BROKEN])
def test_a_broken_setting_is_told_in_one_line_with_file_and_key(path, value, problem):
    assert refused(changed(path, value)) == [f"Pulumi.dev.yaml: {KEY}.{problem}"]


def test_a_problem_carries_the_line_of_the_key_in_the_stacks_file(tmp_path):
    lines = ["config:", "  aws:region: us-west-2", f"  {KEY}:"]
    lines += [f"    {line}" for line in yaml.safe_dump(changed("network/nat", "singel"), sort_keys=False).splitlines()]
    (tmp_path / "Pulumi.dev.yaml").write_text("\n".join(lines))
    project = Project.load(ROOT)
    with pytest.raises(InputError) as refusal:
        record(project, replace(project, root=tmp_path).stack("dev"))
    line = lines.index("      nat: singel") + 1
    (problem,) = refusal.value.problems
    assert problem.startswith(f"Pulumi.dev.yaml:{line}: {KEY}.network.nat must be one of none, single, per-zone")


def test_all_problems_are_told_at_once():
    given = changed("network/nat", "singel")
    given["cluster"]["support"] = "LONG"
    given["gpu_node_groups"]["gpu"]["pool"]["max_gpus"] = 0
    given["gpus"] = {}
    assert [problem.removeprefix(f"Pulumi.dev.yaml: {KEY}.").split(" ")[0] for problem in refused(given)] == [
        "network.nat",
        "cluster.support",
        "gpu_node_groups.gpu.pool.max_gpus",
        "gpus",
    ]


def config_file(folder: Path, text: str) -> StackConfig:
    (folder / "Pulumi.dev.yaml").write_text(text)
    return replace(Project.load(ROOT), root=folder).stack("dev")


def told(folder: Path, text: str) -> list[str]:
    """What is wrong with a stack's file, each with its line and its key."""
    with pytest.raises(InputError) as refusal:
        make_plan(Project.load(ROOT), config_file(folder, text))
    return [problem.removeprefix("Pulumi.dev.yaml:").partition(" must ")[0] for problem in refusal.value.problems]


def test_problems_of_every_stage_are_told_at_once_in_the_order_of_the_file(tmp_path):
    assert told(
        tmp_path,
        """config:
  aws:region: us-wset-2
  eks-gpu:plan: {monthly_budget_usd: much}
  eks-gpu:settings:
    cuda_vector_add: {pool: gpus, replicas: -1}
    zones: [us-west-2a]
    karpenter_gpu_pools:
      gpu: {pool: {instance_types: [g6.xlarge], max_gpus: 1, capacity_types: [on-demand, spot]}}
      other: {pool: {instance_types: [g6.xlarge], max_gpus: 0}}
    cluster:
      name: dev
      support: LONG
""",
    ) == [
        "2: aws:region",
        "3: eks-gpu:plan.monthly_budget_usd",
        "5: eks-gpu:settings.cuda_vector_add.replicas",
        "5: eks-gpu:settings.cuda_vector_add.pool",
        "6: eks-gpu:settings.zones",
        "8: eks-gpu:settings.karpenter_gpu_pools.gpu.pool.capacity_types: Karpenter takes reserved, spot, on-demand in "
        "this order, got on-demand, spot; nearest: spot, on-demand",
        "9: eks-gpu:settings.karpenter_gpu_pools.other.pool.max_gpus",
        "12: eks-gpu:settings.cluster.support",
    ]


def test_a_misspelt_region_does_not_hide_the_rest(tmp_path):
    assert told(tmp_path, "config:\n  aws:regoin: us-west-2\n  eks-gpu:settings: {cluster: {}}\n") == [
        " aws:region is required",
        "2: aws:regoin is not a known key; nearest: aws:region",
        "3: eks-gpu:settings.cluster.name is required",
    ]


def test_a_missing_region_does_not_hide_the_rest(tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert told(tmp_path, "config:\n  eks-gpu:settings: {cluster: {name: dev, support: LONG}}\n") == [
        " aws:region is required",
        "2: eks-gpu:settings.cluster.support",
    ]


def test_what_a_component_finds_with_its_pools_is_told_with_the_rest_and_in_the_file_s_words():
    given = changed("cuda_vector_add/pool", "gpus")
    given["gpu_operator"] = {"mig_strategy": "single"}
    assert [problem.removeprefix(f"Pulumi.dev.yaml: {KEY}.").split(", got")[0] for problem in refused(given)] == [
        "cuda_vector_add.pool must be one of gpu, bought",
        "gpu_operator.mig_strategy single: no pool has a GPU that can be cut; these can: a100, b200, b300, h100, h200, "
        "rtx-pro-server-6000",
    ]


def test_a_region_that_nobody_can_guess_is_told_alone(tmp_path):
    with pytest.raises(InputError, match=r"^Pulumi.dev.yaml:2: aws:region must be a region of AWS, got 'mars'$"):
        config_file(tmp_path, "config:\n  aws:region: mars\n  eks-gpu:settings: {cluster: {}}\n")


def test_what_is_wrong_only_because_something_else_is_wrong_is_not_told():
    given = settings()
    given["gpu_node_groups"]["gpu"]["pool"]["max_gpus"] = 0
    given["cuda_vector_add"]["pool"] = "gpu"  # which is there, and wrong, and so of the queue
    (problem,) = refused(given)
    assert "gpu_node_groups.gpu.pool.max_gpus" in problem


def test_an_update_stops_at_the_first_step_that_finds_something(monkeypatch):
    given = changed("cuda_vector_add/replicas", -1)
    given["zones"] = ["us-west-2a"]
    assert len(refused(given)) == 2
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: False)
    (problem,) = refused(given)
    assert problem == f"Pulumi.dev.yaml: {KEY}.cuda_vector_add.replicas must be at least 0, got -1"


def test_problems_that_only_the_zones_show_are_told_for_all_pools_at_once():
    given = changed(f"{GPU}/zones", ["us-east-1a"])
    given["gpu_node_groups"]["other"] = {
        "pool": {**given["gpu_node_groups"]["gpu"]["pool"], "capacity_types": ["reserved"]}
    }
    del given["gpu_node_groups"]["other"]["pool"]["zones"]
    assert [problem.split(": ")[1] for problem in refused(given)] == [
        f"{KEY}.gpu_node_groups.gpu.pool.zones",
        f"{KEY}.gpu_node_groups.other.pool.capacity_types",
    ]


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_settings_that_are_no_map_are_told(given):
    (problem,) = refused(given)
    assert problem.startswith(f"Pulumi.dev.yaml: {KEY} ")


def test_a_network_without_a_way_out_has_nothing_whose_image_is_public():
    given = changed("network", {"nat": "none", "interface_endpoints": True})
    (problem,) = refused(given)
    assert problem.startswith(f"Pulumi.dev.yaml: {KEY}.network.nat: none is not enough, for no VPC endpoint reaches ")
    named = [section for section in ("gpu_node_groups", "cluster_autoscaler", "resnet") if section in given]
    assert named
    assert all(section in problem for section in named)
    assert refused({**given, "mirror": "registry.example.com/all"}) == [problem]
    in_ecr = {KEY: json.dumps({**given, "mirror": "123456789012.dkr.ecr.us-west-2.amazonaws.com/all"})}
    stack = StackConfig("dev", Path("Pulumi.dev.yaml"), "us-west-2", {"aws:region": "us-west-2", **in_ecr}, frozenset())
    assert record(Project.load(ROOT), stack)[0].graph.of("eks-gpu-components:index:Network")


CLAIMS = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "devices": "claims"}


def test_claims_need_karpenters_switches_and_a_kubernetes_that_has_them():
    given = changed(f"{BOUGHT}/pool", CLAIMS)
    del given["resnet"]  # it counts GPUs
    assert refused(given) == [
        f"Pulumi.dev.yaml: {KEY}.karpenter.dra.nvidia must be true: Karpenter starts no node for the claims of bought "
        "otherwise"
    ]
    given["karpenter"]["dra"] = {"nvidia": True}
    given["cluster"]["kubernetes_version"] = "1.33"
    assert refused(given) == [
        f"Pulumi.dev.yaml: {KEY}.karpenter_gpu_pools.bought.pool.devices: claims need Kubernetes 1.34 or later here, "
        "and the cluster has 1.33: take plugin, or update the cluster"
    ]


def test_a_wrong_switch_is_not_a_missing_one_too():
    given = changed(f"{BOUGHT}/pool", CLAIMS)
    del given["resnet"]  # it counts GPUs
    given["karpenter"]["dra"] = {"nvidia": "please"}
    assert refused(given) == [f"Pulumi.dev.yaml: {KEY}.karpenter.dra.nvidia must be true or false, got 'please'"]


def test_pools_that_are_all_wrong_are_not_missing_from_what_watches_them():
    sections = ("network", "cluster", "gpu_node_groups")
    given = {key: settings()[key] for key in sections} | {"gpu_observability": {}}
    given["gpu_node_groups"] = {"gpu": {**given["gpu_node_groups"]["gpu"]}}
    given["gpu_node_groups"]["gpu"]["pool"]["max_gpus"] = 0
    (problem,) = refused(given)
    assert f"{KEY}.gpu_node_groups.gpu.pool.max_gpus" in problem
    del given["gpu_node_groups"]
    assert refused(given) == [
        f"Pulumi.dev.yaml: {KEY}.gpu_observability.pools must name one or more: there is nothing to watch"
    ]


def test_slices_need_the_operator_that_cuts_them():
    given = {key: settings()[key] for key in ("network", "cluster", "gpu_node_groups")}
    given["gpu_node_groups"] = {
        "cut": {"pool": {"instance_types": ["p4d.24xlarge"], "max_gpus": 8, "mig": "1g.5gb"}},
        "whole": {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1}},
    }
    wanted = [
        f"Pulumi.dev.yaml: {KEY}.gpu_node_groups.cut.pool.mig: only the GPU operator cuts GPUs: add the section "
        "gpu_operator, or leave it out, got 1g.5gb"
    ]
    assert refused(given) == wanted
    del given["gpu_node_groups"]["whole"]
    assert refused(given) == wanted
