"""The real API server takes every object of every stack; nodes that pods are tried on are as Karpenter's own."""

import copy
from typing import Any

import pytest

from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.replays.machines import machines
from eks_gpu.lab.replays.manifests import StrictApi
from tests.programs import IDS, PROGRAMS, ROOT, plan_of

pytestmark = [
    pytest.mark.xdist_group("lab_admission"),
    pytest.mark.minutes(2),
]  # what its fixtures bring up is brought up once


@pytest.mark.parametrize(("folder", "stack"), PROGRAMS, ids=IDS)
def test_every_object_of_a_stack_is_taken_to_the_last_field(lab, folder, stack):
    graph = plan_of(folder, stack).graph
    assert list(kubernetes_objects(graph))
    assert StrictApi(ClusterApi(lab)).refusals(graph) == []


def manifest(kind: str, folder: str, stack: str) -> dict[str, Any]:
    return next(made for _, made in kubernetes_objects(plan_of(folder, stack).graph) if made["kind"] == kind)


def misspelt(made: dict[str, Any], path: str) -> dict[str, Any]:
    """With an x after the last key of the path."""
    changed = copy.deepcopy(made)
    *parents, key = path.split(".")
    place: Any = changed
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place[parent]
    place[f"{key}x"] = place.pop(key)
    return changed


@pytest.mark.parametrize(
    ("kind", "folder", "stack", "path", "unknown"),
    [
        ("Deployment", ".", "dev", "spec.template.spec.containers.0.image", "spec.template.spec.containers[0].imagex"),
        ("NodePool", ".", "dev", "spec.template.spec.expireAfter", "spec.template.spec.expireAfterx"),
        ("EC2NodeClass", ".", "dev", "spec.instanceStorePolicy", "spec.instanceStorePolicyx"),
        ("NodeClass", ".", "staging", "spec.ephemeralStorage.iops", "spec.ephemeralStorage.iopsx"),
    ],
)
def test_a_misspelt_field_is_refused(lab, kind, folder, stack, path, unknown):
    made = manifest(kind, folder, stack)
    refusal = StrictApi(ClusterApi(lab)).refusal(misspelt(made, path))
    assert f'unknown field "{unknown}"' in refusal


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("ephemeralStorage", {"iops": 2000}, "should be greater than or equal to 3000"),
        ("snatPolicy", "Never", 'supported values: "Random", "Disabled"'),
        ("instanceProfile", "nodes", "one of role and instanceProfile must be given"),
        ("podSubnetSelectorTerms", [{"id": "subnet-1"}], "go together"),
        ("subnetSelectorTerms", [], "should have at least 1 items"),
    ],
)
def test_the_stand_in_for_a_node_class_holds_auto_modes_rules(lab, field, value, rule):
    made = manifest("NodeClass", ".", "staging")
    changed = {**made, "spec": {**made["spec"], field: value}}
    assert rule in StrictApi(ClusterApi(lab)).refusal(changed)


def test_a_node_that_karpenter_buys_has_what_pods_are_tried_on(lab):
    """Karpenter, with its own AWS provider, labels the node; nothing of ours does."""
    plan = plan_of("examples/karpenter-inference", "dev")
    stack = lab_stack(lab, ROOT / "examples" / "karpenter-inference", "dev")
    try:
        stack.up()
        bought = [
            node
            for node in ClusterApi(lab).list("/api/v1/nodes")
            if node["metadata"]["labels"].get("karpenter.sh/nodepool") == "gpu"
        ]
    finally:
        stack.destroy()
    tried = {
        (machine.candidate.instance_type.name, machine.candidate.zone): machine
        for machine in machines(plan.graph, plan.region, each=1000)
        if machine.pool == "gpu"
    }
    assert bought
    for node in bought:
        labels = node["metadata"]["labels"]
        machine = tried[labels["node.kubernetes.io/instance-type"], labels["topology.kubernetes.io/zone"]]
        expected = {key: value for key, value in machine.labels.items() if key != "kubernetes.io/hostname"}
        assert {key: labels.get(key) for key in expected} == expected
        assert node["spec"]["taints"] == machine.taints
