"""Nodes never go, or go late: what keeps an idle node that costs money."""

from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import Edit, Operator, With, to, with_item, with_key
from .places import (
    DEPLOYMENT,
    GROUP,
    NODE_POOL,
    RELEASE,
    Where,
    asks_for_gpus,
    chart,
    from_zero,
    of_gpus,
    of_karpenter,
    scaled,
)
from .programs import Program

_POOLS, _RELEASES = [NODE_POOL], [RELEASE]
_DISRUPTION = ("spec", "disruption")
_TEMPLATE = ("spec", "template")
_FLAGS, _SETTINGS = ("values", "extraArgs"), ("values", "settings")
_KARPENTER, _AUTOSCALER = chart("karpenter"), chart("cluster-autoscaler")
_COST = "idle nodes cost"
_OPTION = "k8s.io/cluster-autoscaler/node-template/autoscaling-options/"
_DISRUPTED, _EVICTED = "karpenter.sh/do-not-disrupt", "cluster-autoscaler.kubernetes.io/safe-to-evict"


def _flag(name: str, flag: str, value: Any, harm: str = _COST) -> Edit:
    return Edit(name, harm, _RELEASES, (*_FLAGS, flag), to(value), _AUTOSCALER)


def _budgets(name: str, *budgets: dict[str, Any]) -> Edit:
    return Edit(name, _COST, _POOLS, (*_DISRUPTION, "budgets"), to(list(budgets)), of_gpus)


def _told_per_group(name: str, option: str, value: str, where: Where = from_zero) -> Edit:
    """An option of the autoscaler by a tag of the group."""
    key = f"{_OPTION}{option}"
    return Edit(
        name,
        _COST,
        [GROUP],
        ("tags",),
        lambda tags: [
            *(tag for tag in tags if tag["key"] != key),
            {"key": key, "value": value, "propagateAtLaunch": False},
        ],
        where,
    )


def _tells_per_group(resource: Resource, program: Program) -> bool:
    return bool(resource.inputs.get("tag", {}).get("key", "").startswith(f"{_OPTION}scaledownunneededtime"))


def _scaled_by_nodes(resource: Resource, program: Program) -> bool:
    """GPU pods of a stack whose nodes Karpenter or Auto Mode makes."""
    made = {pool.backend for pool in program.pools.values() if pool.accelerator}
    return asks_for_gpus(resource, program) and bool(made & {"karpenter", "auto-mode"})


def _scaled_by_groups(resource: Resource, program: Program) -> bool:
    """GPU pods of a stack with groups that the autoscaler ends."""
    return asks_for_gpus(resource, program) and any(
        pool.accelerator and pool.autoscaled and pool.chooses_node_itself for pool in program.pools.values()
    )


def _without_gpus(resource: Resource, program: Program) -> bool:
    return from_zero(resource, program) and not of_gpus(resource, program)


def _daemons(annotation: str, value: str) -> Resource:
    type_ = "kubernetes:apps/v1:DaemonSet"
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}, "annotations": {annotation: value}},
                "spec": {
                    "containers": [{"name": "main", "image": "example/agent:1"}],
                    "tolerations": [{"operator": "Exists"}],
                },
            },
        },
    }
    return Resource(f"urn:pulumi:mutant::mutants::{type_}::agent", type_, "agent", inputs=inputs)


def _kept_by_group(resource: Resource, program: Program) -> bool:
    return scaled(resource, program) and bool(resource.inputs.get("tags"))


OPERATORS: tuple[Operator, ...] = (
    # Karpenter and Auto Mode.
    *(
        Edit(f"an empty node stays for {time}", _COST, _POOLS, (*_DISRUPTION, "consolidateAfter"), to(time), of_gpus)
        for time in ("6h", "72h", "240h")
    ),
    Edit("a node never ages", "no node gets a new image", _POOLS, (*_TEMPLATE, "spec", "expireAfter"), to("Never")),
    Edit(
        "a node ages for a year",
        "no node gets a new image",
        _POOLS,
        (*_TEMPLATE, "spec", "expireAfter"),
        to("8760h"),
        of_karpenter,
    ),
    _budgets("a budget of 0 percent", {"nodes": "0%"}),
    _budgets("a budget of 0 for empty nodes", {"nodes": "0", "reasons": ["Empty"]}),
    _budgets("a budget of 0 from each midnight on", {"nodes": "0", "schedule": "0 0 * * *", "duration": "24h"}),
    _budgets("a budget of 0 from each hour on", {"nodes": "0%", "schedule": "@hourly", "duration": "1h"}),
    _budgets("a budget of 0 from each minute on", {"nodes": "0", "schedule": "* * * * *", "duration": "10m"}),
    _budgets(
        "budgets of 0 by day and by night",
        {"nodes": "0", "schedule": "0 0 * * *", "duration": "12h"},
        {"nodes": "0", "schedule": "0 12 * * *", "duration": "12h"},
    ),
    _budgets(
        "a budget of 0 beside another",
        {"nodes": "10%"},
        {"nodes": "0", "schedule": "0 0 * * 0", "duration": "168h"},
    ),
    Edit(
        "a pool's nodes are not to be disrupted",
        _COST,
        _POOLS,
        (*_TEMPLATE, "metadata"),
        lambda metadata: {**metadata, "annotations": {_DISRUPTED: "true"}},
    ),
    Edit(
        "a drain may take a week",
        "a node that has to go stays",
        _POOLS,
        (*_TEMPLATE, "spec", "terminationGracePeriod"),
        to("168h"),
    ),
    Edit(
        "pods are not to be disrupted",
        "their node is never replaced",
        [DEPLOYMENT],
        ("spec", "template", "metadata"),
        lambda metadata: {**(metadata or {}), "annotations": {_DISRUPTED: "true"}},
        _scaled_by_nodes,
    ),
    With(
        "a DaemonSet is not to be disrupted",
        "no node ever goes",
        _daemons(_DISRUPTED, "true"),
        lambda program: any(pool.backend in ("karpenter", "auto-mode") for pool in program.pools.values()),
    ),
    Edit(
        "Karpenter waits hours for more pods",
        "nodes come late",
        _RELEASES,
        (*_SETTINGS, "batchMaxDuration"),
        to("2h"),
        _KARPENTER,
    ),
    Edit(
        "Karpenter waits for an hour of silence",
        "nodes come late",
        _RELEASES,
        (*_SETTINGS, "batchIdleDuration"),
        to("1h"),
        _KARPENTER,
    ),
    # The autoscaler's flags.
    _flag("an idle node stays for two days", "scale-down-unneeded-time", "48h"),
    _flag("an idle node stays for hours", "scale-down-unneeded-time", "6h"),
    _flag("nothing goes for hours after a node came", "scale-down-delay-after-add", "10h"),
    _flag("nothing goes for hours after a node went", "scale-down-delay-after-delete", "12h"),
    _flag("nothing goes for hours after a failure", "scale-down-delay-after-failure", "24h"),
    _flag("a broken node stays for days", "scale-down-unready-time", "72h"),
    _flag("broken nodes stay", "scale-down-unready-enabled", "false"),
    _flag("no node is idle enough", "scale-down-utilization-threshold", "0"),
    _flag("no GPU node is idle enough", "scale-down-gpu-utilization-threshold", "0.0"),
    _flag("no empty node is ended at once", "max-empty-bulk-delete", "0"),
    _flag("no node is ended at once", "max-scale-down-parallelism", "0"),
    _flag("no node is drained at once", "max-drain-parallelism", "0"),
    _flag("scale-down is off in a boolean", "scale-down-enabled", False),
    _flag("a node that could not go is looked at tomorrow", "unremovable-node-recheck-timeout", "24h"),
    _flag("the autoscaler looks every hour", "scan-interval", "1h"),
    _flag("an emptyDir keeps a node", "skip-nodes-with-local-storage", "true"),
    _flag("a node whose instance never came is kept", "max-node-provision-time", "24h"),
    # The same by tags of a group.
    _told_per_group("a group's idle nodes stay for days", "scaledownunneededtime", "72h"),
    _told_per_group("a group's idle nodes stay for hours", "scaledownunneededtime", "3h0m0s"),
    _told_per_group("a group's broken nodes stay for days", "scaledownunreadytime", "48h"),
    _told_per_group("no node of a group is idle enough", "scaledowngpuutilizationthreshold", "0", of_gpus),
    _told_per_group("no node of a group is idle enough for CPU", "scaledownutilizationthreshold", "0", _without_gpus),
    Edit(
        "a managed group's idle nodes stay for days",
        _COST,
        ["aws:autoscaling/tag:Tag"],
        ("tag",),
        with_key(value="72h"),
        _tells_per_group,
    ),
    # Groups.
    Edit(
        "EC2 may not end the group's nodes",
        _COST,
        [GROUP],
        ("suspendedProcesses",),
        with_item("Terminate"),
        _kept_by_group,
    ),
    Edit(
        "pods are not safe to evict",
        _COST,
        [DEPLOYMENT],
        ("spec", "template", "metadata"),
        lambda metadata: {**(metadata or {}), "annotations": {_EVICTED: "false"}},
        _scaled_by_groups,
    ),
    With(
        "a DaemonSet is not safe to evict",
        _COST,
        _daemons(_EVICTED, "false"),
        lambda program: any(pool.autoscaled and pool.chooses_node_itself for pool in program.pools.values()),
    ),
    # Budgets of pods.
    *(
        Edit(name, "nodes cannot be drained", ["kubernetes:policy/v1:PodDisruptionBudget"], ("spec",), change)
        for name, change in (
            ("a budget of 0 percent of pods", lambda spec: {"maxUnavailable": "0%", "selector": spec["selector"]}),
            ("a budget for more pods than there are", lambda spec: {"minAvailable": 50, "selector": spec["selector"]}),
        )
    ),
    Edit(
        "the handler's own pods may not move",
        "nodes cannot be drained",
        _RELEASES,
        ("values", "podDisruptionBudget"),
        to({"maxUnavailable": 0}),
        chart("aws-node-termination-handler"),
    ),
)
