"""import: every field of every format changes the settings, is told, or is one that changes nothing."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest

from tests.field_paths.unchanged import (
    CLUSTER,
    GPU_GROUP,
    NODE_CLASS,
    NODE_POOL,
    SPOT_GROUP,
    SYSTEM_GROUP,
)
from tests.imports import cluster_config, gpu_group, imported, node_class, node_pool, write
from tests.programs import ROOT

TAINT = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}
SIBLINGS: dict[str, Any] = {
    "addons[]": {"name": "vpc-cni"},
    "accessConfig.accessEntries[]": {
        "principalARN": "arn:aws:iam::111122223333:role/readers",
        "accessPolicies": [
            {
                "policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                "accessScope": {"type": "namespace", "namespaces": ["web"]},
            }
        ],
    },
    "iamIdentityMappings[]": {"arn": "arn:aws:iam::111122223333:role/admins", "groups": ["system:masters"]},
    "karpenter": {"version": "1.15.0"},
    "autoModeConfig": {"enabled": True},
    "vpc.clusterEndpoints": {"publicAccess": True},
    "managedNodeGroups[].taints[]": TAINT,
    "nodeGroups[].taints[]": TAINT,
    "spec.disruption.budgets[]": {"nodes": "2"},
    "spec.template.spec.startupTaints[]": {"key": "starting", "effect": "NoSchedule"},
    "spec.startupTaints[]": {"key": "starting", "effect": "NoSchedule"},
    "spec.blockDeviceMappings[]": {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100Gi"}},
    "vpc.subnets": {
        "private": {"us-west-2a": {"id": "subnet-a"}, "us-west-2b": {"id": "subnet-b"}},
        "public": {"us-west-2a": {"id": "subnet-c"}},
    },
}
"""What stands beside a field, so that the document is a valid one."""


def fields(table: str, under: str = "") -> list[tuple[str, Any]]:
    """Paths of a format's fields, each with a value that is not its default."""
    lines = (ROOT / "tests/field_paths" / f"{table}.txt").read_text().splitlines()
    found = [(path, json.loads(value)) for path, value in (line.split(" ", 1) for line in lines)]
    return [(path, value) for path, value in found if path.startswith(under)]


def with_field(document: Any, path: str, value: Any) -> tuple[Any, str]:
    """The document with the field, and where it is."""
    document = deepcopy(document)
    at: Any = document
    where, steps = "", re.findall(r"[^.\[\]]+|\[\]", path)
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        key: Any = 0 if step == "[]" else "x" if step == "*" else step
        if step == "*" and isinstance(at, dict) and at and not last:
            key = next(iter(at))
        where = f"{where}[0]" if step == "[]" else f"{where}[{key}]" if "-" in key else f"{where}.{key}".lstrip(".")
        if last:
            if step == "[]":
                at[:] = [value]
            else:
                at[key] = value
            break
        below: Any = [] if steps[number + 1] == "[]" else {}
        if step == "[]":
            at[:] = at or [below]
        elif at.get(key) is None:
            at[key] = below
        at = at[key]
    return document, where


def has(document: Any, path: str) -> bool:
    """Whether something stands there."""
    for step in re.findall(r"[^.\[\]]+|\[\]", path):
        if not document or (step != "[]" and step not in document):
            return False
        document = document[0 if step == "[]" else step]
    return True


def with_siblings(document: Any, path: str) -> Any:
    for parent, beside in SIBLINGS.items():
        alone = {f"{parent}.{key}" for key in beside} == {path}
        if path.startswith(f"{parent}.") and not alone and not has(document, parent):
            document, _ = with_field(document, parent, deepcopy(beside))
    if "vpc.subnets" in path or path == "vpc.id":
        document, _ = with_field(document, "vpc.id", "vpc-0")
        document, _ = with_field(document, "vpc.subnets", deepcopy(SIBLINGS["vpc.subnets"]))
    return document


def silent(folder, documents: list[Any], index: int, table: str, under: str = "", apart: str = "-") -> set[str]:
    """Fields of the document at the index without which the settings are the same, and of which nothing is told."""
    found = set()
    for path, value in fields(table, under):
        if apart in path:
            continue
        beside = list(documents)
        before_it = beside[index] = with_siblings(documents[index], path)
        before, told_before = imported(write(folder, *beside))
        beside[index], where = with_field(before_it, path, value)
        if beside[index] == before_it:
            continue
        after, told = imported(write(folder, *beside))
        known = {(one.rule, one.place.path, one.message) for one in told_before}
        new = [one.place.path for one in told if (one.rule, one.place.path, one.message) not in known]
        about = [one for one in new if one.startswith(where)]
        # It is lost with its parent, and a taint is told of at its key.
        about += [one.place.path for one in told if where.startswith(one.place.path.removesuffix("key"))]
        if before.settings == after.settings and not about:
            found.add(path)
    return found


SYSTEM = {"name": "base", "instanceType": "m6i.large", "minSize": 2, "desiredCapacity": 2, "maxSize": 2}
SIX = ["m8i.xlarge", "m8a.xlarge", "m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m5.xlarge"]
SPOT = {"name": "spot", "instanceTypes": SIX, "spot": True, "minSize": 0, "maxSize": 3}
OWN_SPOT = {
    "name": "spot",
    "instancesDistribution": {"instanceTypes": SIX, "onDemandPercentageAboveBaseCapacity": 0},
    "minSize": 0,
    "maxSize": 3,
}
TAINTED = {"taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]}


def test_no_field_of_a_cluster_is_lost_without_a_word(tmp_path):
    assert len(fields("cluster_config")) > 400
    assert silent(tmp_path, [cluster_config()], 0, "cluster_config", apart="odeGroups[]") == {*CLUSTER}


@pytest.mark.parametrize(
    ("groups", "group", "unchanged"),
    [
        ("managedNodeGroups", gpu_group(), GPU_GROUP),
        ("nodeGroups", gpu_group(instancesDistribution={"onDemandPercentageAboveBaseCapacity": 0}), GPU_GROUP),
        ("managedNodeGroups", SYSTEM, SYSTEM_GROUP),
        ("managedNodeGroups", SPOT, SPOT_GROUP),
        ("nodeGroups", OWN_SPOT, SPOT_GROUP),
    ],
    ids=["managed gpu", "own gpu", "system", "managed spot", "own spot"],
)
def test_no_field_of_a_group_is_lost_without_a_word(groups, group, unchanged, tmp_path):
    config = cluster_config(**{groups: [group]})
    found = silent(tmp_path, [config], 0, "cluster_config", f"{groups}[]")
    assert {path.partition("[].")[2] for path in found} == {
        path for path in unchanged if f"{groups}[].{path}" in dict(fields("cluster_config"))
    }


def provisioner(**spec: Any) -> dict[str, Any]:
    types = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]}
    own = {"requirements": [types], "limits": {"resources": {"nvidia.com/gpu": 4}}, **TAINTED, **spec}
    return {
        "apiVersion": "karpenter.sh/v1alpha5",
        "kind": "Provisioner",
        "metadata": {"name": "gpu"},
        "spec": own,
    }


def beta() -> dict[str, Any]:
    reference = {"nodeClassRef": {"name": "gpu"}}
    return {**node_pool(nodes=reference), "apiVersion": "karpenter.sh/v1beta1"}


@pytest.mark.parametrize(
    ("pool", "table"),
    [(node_pool(), "node_pool_v1"), (beta(), "node_pool_v1beta1"), (provisioner(), "provisioner_v1alpha5")],
    ids=["v1", "v1beta1", "v1alpha5"],
)
def test_no_field_of_a_node_pool_is_lost_without_a_word(pool, table, tmp_path):
    own = {path for path in NODE_POOL if path in dict(fields(table))}
    assert silent(tmp_path, [pool], 0, table) == own


TEMPLATE = {
    "apiVersion": "karpenter.k8s.aws/v1alpha1",
    "kind": "AWSNodeTemplate",
    "metadata": {"name": "gpu"},
    "spec": {"amiFamily": "Bottlerocket"},
}
OLD_CLASS = {
    **node_class(amiSelectorTerms=[]),
    "apiVersion": "karpenter.k8s.aws/v1beta1",
}
AUTO_MODE = {
    "apiVersion": "eks.amazonaws.com/v1",
    "kind": "NodeClass",
    "metadata": {"name": "gpu"},
    "spec": {"role": "nodes"},
}
OF_AUTO_MODE = node_pool(nodes={"nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"}})


@pytest.mark.parametrize(
    ("class_", "pool", "table"),
    [
        (node_class(amiSelectorTerms=[{"id": "ami-1"}]), node_pool(), "ec2_node_class_v1"),
        (OLD_CLASS, beta(), "ec2_node_class_v1beta1"),
        (TEMPLATE, provisioner(providerRef={"name": "gpu"}), "aws_node_template_v1alpha1"),
        (AUTO_MODE, OF_AUTO_MODE, "auto_mode_node_class"),
    ],
    ids=["v1", "v1beta1", "v1alpha1", "auto mode"],
)
def test_no_field_of_a_node_class_is_lost_without_a_word(class_, pool, table, tmp_path):
    own = {path for path in NODE_CLASS if path in dict(fields(table))}
    assert silent(tmp_path, [class_, pool], 0, table) == own
