"""import: what an API server takes is read, whatever it is, and what import does not take is lost by name."""

import json
from typing import Any

import pytest
import yaml

from tests.imports import (
    auto_mode_pool,
    cluster_config,
    deployment,
    gpu_group,
    imported,
    node_class,
    node_pool,
    plugin,
    rules,
    write,
)

TYPES = [f"m{generation}{kind}.{size}xlarge" for generation in (5, 6, 7) for kind in "aid" for size in range(2, 40)]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({**cluster_config(), "apiVersion": "eksctl.io/v1alpha4"}, "apiVersion"),
        ({**node_pool(), "apiVersion": "karpenter.sh/v2"}, "apiVersion"),
        ({**node_class(), "apiVersion": "karpenter.k8s.aws/v1alpha5"}, "apiVersion"),
        ({**deployment(), "apiVersion": "v1"}, "apiVersion"),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}, "kind"),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "a-"}}, "kind"),
        ({"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "a"}}, "kind"),
        (
            node_pool(nodes={"nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "a"}}),
            None,
        ),
    ],
    ids=lambda given: f"{given['apiVersion']} {given['kind']}" if isinstance(given, dict) else "",
)
def test_an_object_that_import_does_not_take_is_lost_and_no_wrong_input(document, path, tmp_path):
    answer, found = imported(write(tmp_path, document))
    assert rules(found) == [("lost", path or "spec.template.spec.nodeClassRef.kind")]
    assert answer.settings == {}


def test_what_import_does_not_take_stops_nothing_beside_it(tmp_path):
    answer, found = imported(write(tmp_path, {**deployment(), "apiVersion": "apps/v9"}, node_pool()))
    assert [*answer.settings["karpenter_gpu_pools"]] == ["gpu"]
    assert rules(found) == [("lost", "apiVersion")]


@pytest.mark.parametrize("kind", ["List", "NodePoolList", "EC2NodeClassList"])
def test_every_list_is_read_object_by_object(kind, tmp_path):
    listed = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"resourceVersion": ""},
        "items": [node_class(), node_pool()],
    }
    answer, found = imported(write(tmp_path, listed))
    assert (found, [*answer.settings["karpenter_gpu_pools"]]) == ([], ["gpu"])


def test_empty_documents_are_no_objects(tmp_path):
    file = tmp_path / "given.yaml"
    file.write_text(f"---\n---\nnull\n---\n~\n---\n{json.dumps(node_pool())}\n---\n# the end\n---\n")
    assert imported(file)[1] == []


def live(document: dict[str, Any]) -> dict[str, Any]:
    """As `kubectl get -o yaml` prints it."""
    own = {
        "annotations": {"karpenter.sh/nodepool-hash": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "creationTimestamp": "2026-11-01T10:00:00Z",
        "finalizers": ["karpenter.k8s.aws/termination"],
        "generation": 3,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
        "resourceVersion": "123",
        "uid": "1-2-3",
    }
    status = {"conditions": [{"type": "Ready", "status": "True"}], "resources": {"nodes": "0"}, "amis": [{"id": "a"}]}
    return {**document, "metadata": {**document["metadata"], **own}, "status": status}


@pytest.mark.parametrize("documents", [[node_class(), node_pool()], [auto_mode_pool()], [deployment()], [plugin()]])
def test_what_the_api_server_adds_is_no_loss(documents, tmp_path):
    listed = {"apiVersion": "v1", "kind": "List", "items": list(map(live, documents))}
    assert imported(write(tmp_path, listed))[1] == []


@pytest.mark.parametrize("operator", ["In", "NotIn"])
def test_a_list_of_many_values_is_read_whole(operator, tmp_path):
    names = [name for name in TYPES if name != "g6.xlarge"]
    assert len(names) > 300
    values = [*names, "g6.xlarge"] if operator == "In" else names
    excluded = {"key": "node.kubernetes.io/instance-type", "operator": operator, "values": values}
    one = {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g6"]}
    answer, _ = imported(write(tmp_path, node_pool([one, excluded])))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]
    assert ("g6.xlarge" in pool["instance_types"], len(pool["instance_types"]) > 1) == (True, operator == "NotIn")


def test_a_daemon_set_may_select_hundreds_of_types(tmp_path):
    expression = {
        "key": "node.kubernetes.io/instance-type",
        "operator": "In",
        "values": [f"m5.{i}xlarge" for i in range(300)],
    }
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    daemon = {
        **deployment({"limits": {"cpu": 1}}, affinity=affinity, tolerations=[{"operator": "Exists"}]),
        "kind": "DaemonSet",
    }
    assert [rule for rule, _ in rules(imported(write(tmp_path, daemon))[1])] == ["instance-types-are-offered"]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"limits": {"nvidia.com/gpu": "4e0"}}, {"max_gpus": 4}),
        ({"limits": {"nvidia.com/gpu": 4, "cpu": "1k", "memory": "1e12"}}, {"max_gpus": 4}),
        ({"limits": {"nodes": 3}}, {"max_gpus": 3}),
        ({"disruption": {"consolidateAfter": "90m30s"}}, {"idle_s": 5430}),
        ({"disruption": {"budgets": [{"nodes": "100%"}]}}, {"disruption_budget": "100%"}),
        ({"disruption": {"budgets": []}}, {}),
    ],
    ids=str,
)
def test_spellings_that_the_api_server_takes_lose_nothing(spec, wanted, tmp_path):
    answer, found = imported(write(tmp_path, node_pool(spec=spec)))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]
    assert (found, pool) == ([], {"instance_types": ["g6.xlarge"], "max_gpus": 4, **wanted})


def test_a_job_may_have_a_name_that_the_server_completes(tmp_path):
    template = deployment(restartPolicy="Never")["spec"]["template"]
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "train-"},
        "spec": {"template": template},
    }
    assert imported(write(tmp_path, job))[1] == []


def test_accounts_of_aws_auth_are_lost_by_name(tmp_path):
    data = {"mapAccounts": yaml.safe_dump(["111122223333"])}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": data}
    _, found = imported(write(tmp_path, cluster_config(managedNodeGroups=[gpu_group()]), config_map))
    assert ("lost", "data.mapAccounts") in rules(found)
