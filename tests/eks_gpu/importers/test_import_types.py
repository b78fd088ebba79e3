"""import: which instance types a node pool's requirements leave, by the same map of labels as the plan."""

import pytest

from eks_gpu.io.problems import InputError
from tests.imports import deployment, imported, node_pool, rules, write


def pool_of(tmp_path, **labels):
    """A node pool that requires the labels, as settings, and what the import finds."""
    requirements = [
        {"key": f"karpenter.k8s.aws/instance-{name.replace('_', '-')}", "operator": "In", "values": list(values)}
        for name, values in labels.items()
    ]
    arch = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
    answer, found = imported(write(tmp_path, node_pool([arch, *requirements])))
    pools = answer.settings.get("karpenter_gpu_pools", {})
    return pools, rules(found)


def test_a_capability_of_types_is_read_and_not_lost(tmp_path):
    pools, found = pool_of(tmp_path, family=["g6"], size=["xlarge"], capability_flex=["false"])
    assert ("lost", "spec.template.spec.requirements[3].values") not in found
    assert pools["gpu"]["pool"]["instance_types"] == ["g6.xlarge"]


def test_a_cpu_maker_that_no_type_of_the_pool_can_have_leaves_none(tmp_path):
    pools, found = pool_of(tmp_path, family=["g5g"], size=["xlarge"], cpu_manufacturer=["intel"])
    assert ("lost", "spec.template.spec.requirements[3].values") not in found
    assert pools == {}


def test_a_cpu_maker_that_a_types_name_does_not_say_is_known(tmp_path):
    pools, found = pool_of(tmp_path, family=["g6", "g4dn"], size=["xlarge"], cpu_manufacturer=["amd"])
    assert ("lost", "spec.template.spec.requirements[3].values") not in found
    assert pools["gpu"]["pool"]["instance_types"] == ["g6.xlarge"]


def test_a_label_that_the_settings_refuse_is_not_imported(tmp_path):
    pool = node_pool()
    pool["spec"]["template"]["metadata"] = {"labels": {"a..b/team": "vision", "example.com/team": "vision"}}
    answer, found = imported(write(tmp_path, pool))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["labels"] == {"example.com/team": "vision"}
    assert rules(found) == [("lost", "spec.template.metadata.labels")]


def test_an_operator_of_karpenter_is_none_of_a_pods_affinity(tmp_path):
    expression = {"key": "example.com/cards", "operator": "Gte", "values": ["2"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    with pytest.raises(InputError, match=r"operator must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt"):
        imported(write(tmp_path, node_pool(), deployment(affinity=affinity)))
