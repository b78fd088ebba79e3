"""import: each rule, by a document that breaks it and nothing else."""

from typing import Any

import pytest

from eks_gpu.importers.findings import RULES
from eks_gpu_components.catalog import SERVICE_ANNOTATION
from tests.broken_cluster_configs import BROKEN_CLUSTER_CONFIGS
from tests.broken_manifests import BROKEN_MANIFESTS, service
from tests.imports import (
    auto_mode_pool,
    cluster_config,
    deployment,
    imported,
    managed,
    node_class,
    node_pool,
    self_managed,
    write,
)

BROKEN = [*BROKEN_CLUSTER_CONFIGS, *BROKEN_MANIFESTS]


@pytest.mark.parametrize(
    ("rule", "documents", "path", "said"),
    BROKEN,
    ids=[f"{rule}-{path.rpartition('.')[2]}" for rule, _, path, _ in BROKEN],
)
def test_a_document_that_breaks_one_rule_is_told_of_it_and_of_nothing_else(rule, documents, path, said, tmp_path):
    _, found = imported(write(tmp_path, *documents))
    assert [(finding.rule, finding.place.path) for finding in found] == [(rule, path)], found
    assert said in found[0].message


@pytest.mark.parametrize(
    "documents",
    [
        managed(),
        self_managed(),
        [node_pool()],
        [node_class(), node_pool()],
        [auto_mode_pool(), deployment()],
        [cluster_config()],
        [node_pool(), service({f"{SERVICE_ANNOTATION}security-group-prefix-lists": "pl-00000000"})],
    ],
    ids=["managed", "self-managed", "node pool", "with class", "auto mode", "cluster", "prefix list"],
)
def test_what_the_broken_documents_are_made_from_breaks_nothing(documents, tmp_path):
    assert imported(write(tmp_path, *documents))[1] == []


def test_every_rule_is_broken_by_a_document_here():
    # What shares GPUs is itself lost, so no document breaks that rule alone.
    assert {rule for rule, *_ in BROKEN} == {*RULES} - {"shared-gpus-are-planned"}


def quarters(amount: str = "4", **spec: Any) -> dict[str, Any]:
    """A NodeOverlay that gives nodes with one GPU this many."""
    one = {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "In", "values": ["1"]}
    spec = {"requirements": [one], "capacity": {"nvidia.com/gpu": amount}, **spec}
    return {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": "q"}, "spec": spec}


def in_slices(replicas: int, strategy: str = "time-slicing") -> dict[str, Any]:
    user_data = f"""
        [settings.kubelet-device-plugins.nvidia]
        device-sharing-strategy = "{strategy}"
        [settings.kubelet-device-plugins.nvidia.{strategy}]
        replicas = {replicas}
    """
    return node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.46.0"}], userData=user_data)


@pytest.mark.parametrize(
    ("sharing", "limit", "max_gpus"),
    [
        ([in_slices(4)], "42", 10),
        ([in_slices(2, "mps")], "6", 3),
        ([quarters()], "8", 2),
        ([quarters("2", weight=9), quarters("3", weight=10), in_slices(4)], "9", 3),
        ([quarters(requirements=[])], "3", 1),
    ],
    ids=["user data", "mps", "overlay", "heaviest overlay", "less than a GPU"],
)
def test_a_limit_of_shares_becomes_one_of_whole_gpus_and_is_told(sharing, limit, max_gpus, tmp_path):
    pool = node_pool(spec={"limits": {"nvidia.com/gpu": limit}})
    answer, found = imported(write(tmp_path, *sharing, pool))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["max_gpus"] == max_gpus
    (told,) = (one for one in found if one.rule == "shared-gpus-are-planned")
    assert (told.place.path, told.message.partition(":")[0]) == ("spec.limits", f"{limit} counts shares")


@pytest.mark.parametrize(
    "sharing",
    [
        in_slices(1),
        node_class(userData="not = toml = at all"),
        quarters(capacity={"example.com/fpga": "1"}),
        quarters(requirements=[{"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "In", "values": ["8"]}]),
    ],
    ids=["one share", "other user data", "another resource", "other nodes"],
)
def test_a_limit_where_nothing_shares_this_pools_gpus_counts_whole_ones(sharing, tmp_path):
    answer, found = imported(write(tmp_path, sharing, node_pool(spec={"limits": {"nvidia.com/gpu": "8"}})))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["max_gpus"] == 8
    assert "shared-gpus-are-planned" not in [one.rule for one in found]
