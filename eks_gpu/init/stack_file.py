"""The text of Pulumi.<stack>.yaml: for the small project its cluster and pool, for the root project its settings."""

from typing import Any

from eks_gpu.init.answers import Answers, system_types
from eks_gpu.io.yaml_text import dump_inline
from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, KARPENTER

IDLE_S = {KARPENTER: 120, AUTO_MODE: 600}
"""Seconds that an idle node is kept, where its back end may take it at once."""
DRAIN_S = 120
"""Seconds that a Spot notice leaves."""
_BUILT_IN = {"built_in_pools": ["general-purpose", "system"]}
_SYSTEM_NODES = 2
_SECTION = {KARPENTER: "karpenter_gpu_pools", AUTO_MODE: "auto_mode_gpu_pools"}
_ADDRESS = "before `pulumi up` add public_cidrs with your own address; no other address can reach the API"


def small(project: str, cluster: str, answers: Answers) -> str:
    """For a program that `eks_gpu.init.program` wrote: `cluster` and `pool`."""
    described = _cluster(f"{project}:cluster", cluster, answers, "  ")
    pool = [f"  {project}:pool:", *_entries(_pool(answers), "    ")]
    return "\n".join([*_head(project, answers), *described, *pool, ""])


def settings(project: str, cluster: str, answers: Answers) -> str:
    """For the root project's program: a section a component."""
    group: list[str] = [f"    {_SECTION.get(answers.backend, 'gpu_node_groups')}:", "      gpu:"]
    controllers = {KARPENTER: ["    karpenter: {}"], AUTO_MODE: []}.get(answers.backend, ["    cluster_autoscaler: {}"])
    if answers.backend == AUTO_SCALING_GROUP:
        controllers.append("    node_termination_handler: {}")
        group += [f"        backend: {AUTO_SCALING_GROUP}", f"        drain_s: {DRAIN_S}"]
    return "\n".join(
        [
            *_head(project, answers),
            f"  {project}:settings:",
            "    network: {nat: single}",
            *_cluster("cluster", cluster, answers, "    "),
            *controllers,
            *group,
            "        pool:",
            *_entries(_pool(answers), " " * 10),
            "    cuda_vector_add: {pool: gpu, replicas: 1}",
            "",
        ]
    )


def _head(project: str, answers: Answers) -> list[str]:
    kinds = ", else ".join(answers.capacity_types)
    lines = [
        f"# Written by eks-gpu init: up to {answers.gpus} GPU{'s' * (answers.gpus > 1)} in {answers.region}, {kinds}.",
        "config:",
        f"  aws:region: {answers.region}",
    ]
    if answers.budget is not None:
        lines += [f"  {project}:plan:", f"    monthly_budget_usd: {answers.budget:.15g}"]
    return lines


def _cluster(key: str, name: str, answers: Answers, indent: str) -> list[str]:
    system = {"nodes": _SYSTEM_NODES, "instance_types": system_types(answers.region)}
    nodes: dict[str, Any] = {"auto_mode": _BUILT_IN} if answers.backend == AUTO_MODE else {"system_nodes": system}
    return [
        f"{indent}{key}:",
        *_entries({"name": name, "deletion_protection": False}, f"{indent}  "),
        f"{indent}  endpoint: {{public: true}} # {_ADDRESS}",
        *_entries(nodes, f"{indent}  "),
    ]


def _pool(answers: Answers) -> dict[str, Any]:
    pool: dict[str, Any] = {
        "instance_types": list(answers.types),
        "capacity_types": list(answers.capacity_types),
        "max_gpus": answers.gpus,
    }
    if answers.backend in IDLE_S:
        pool["idle_s"] = IDLE_S[answers.backend]
    return pool


def _entries(values: dict[str, Any], indent: str) -> list[str]:
    return [f"{indent}{key}: {dump_inline(value)}" for key, value in values.items()]
