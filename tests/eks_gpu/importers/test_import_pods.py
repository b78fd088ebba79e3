"""import: pods that controllers make of custom resources, and lists of any length."""

import time
from typing import Any

import pytest

from tests.imports import auto_mode_pool, imported, write

GPU = {"nvidia.com/gpu": 1}
TOLERATED = [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def custom(api_version: str, kind: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it"}, "spec": spec}


def template(**spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "example/a:1", "resources": {"limits": GPU}}
    return {"spec": {"containers": [container], "tolerations": TOLERATED, **spec}}


def leader_worker_set(**worker: Any) -> dict[str, Any]:
    parts = {"leaderTemplate": template(), "workerTemplate": template(**worker)}
    return custom("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", {"leaderWorkerTemplate": {"size": 2, **parts}})


def volcano_job(**spec: Any) -> dict[str, Any]:
    return custom("batch.volcano.sh/v1alpha1", "Job", {"tasks": [{"replicas": 2, "template": template(**spec)}]})


def job_set(**spec: Any) -> dict[str, Any]:
    jobs = [{"name": "a", "template": {"spec": {"template": template(**spec)}}}]
    return custom("jobset.x-k8s.io/v1alpha2", "JobSet", {"replicatedJobs": jobs})


def ray_cluster(**spec: Any) -> dict[str, Any]:
    groups = {"headGroupSpec": {"template": template()}, "workerGroupSpecs": [{"template": template(**spec)}]}
    return custom("ray.io/v1", "RayCluster", groups)


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (leader_worker_set, "spec.leaderWorkerTemplate.workerTemplate.spec"),
        (volcano_job, "spec.tasks[0].template.spec"),
        (job_set, "spec.replicatedJobs[0].template.spec.template.spec"),
        (ray_cluster, "spec.workerGroupSpecs[0].template.spec"),
    ],
)
def test_pods_of_a_custom_resource_are_judged_where_they_stand(made, path, tmp_path):
    assert imported(write(tmp_path, auto_mode_pool(), made()))[1] == []
    _, found = imported(write(tmp_path, auto_mode_pool(), made(nodeSelector={"team": "none"})))
    assert [(each.rule, each.place.path) for each in found] == [
        ("pods-select-what-nodes-have", f"{path}.nodeSelector.team")
    ]


def test_a_kind_that_is_not_known_keeps_its_file(tmp_path):
    unknown = custom("example.com/v1", "Job", {"template": template()})
    _, found = imported(write(tmp_path, auto_mode_pool(), unknown))
    assert [each.message for each in found] == ["import takes no Job: keep its file"]


def test_a_list_of_values_may_be_as_long_as_kubernetes_takes_it(tmp_path):
    types = [f"g5.{size}xlarge" for size in (2, 4, 8, 12, 16, 24, 48)] * 3000
    term = {"matchExpressions": [{"key": "node.kubernetes.io/instance-type", "operator": "NotIn", "values": types}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    start = time.process_time()
    assert imported(write(tmp_path, auto_mode_pool(), job_set(affinity=affinity)))[1] == []
    assert time.process_time() - start < 5


def test_of_many_types_that_there_are_not_one_is_named_and_the_others_counted(tmp_path):
    values = ["g6.xlarge", *(f"g9.{number}xlarge" for number in range(150))]
    term = {"matchExpressions": [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": values}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    _, found = imported(write(tmp_path, auto_mode_pool(), job_set(affinity=affinity)))
    (gone,) = [each.message for each in found if each.rule == "instance-types-are-offered"]
    assert gone.startswith("instance type g9.0xlarge is not in the catalog")
    assert gone.endswith("; and 149 more")
