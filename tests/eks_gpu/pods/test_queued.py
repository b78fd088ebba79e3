"""Objects that wait in a queue of Kueue: what their pods get with their quota."""

from typing import Any

import pytest

from eks_gpu.pods.demand import Workload, workloads_of
from eks_gpu.pods.pod import Toleration

QUOTAS = {"cpu": "8", "nvidia.com/gpu": "4"}
TOLERATES = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def flavor(name: str, **labels: str) -> dict[str, Any]:
    spec = {"nodeLabels": labels, "tolerations": [TOLERATES]}
    return {"kind": "ResourceFlavor", "metadata": {"name": name}, "spec": spec}


def shared(*flavors: str, cohort: str = "", **quotas: str) -> dict[str, Any]:
    rows = [{"name": resource, "nominalQuota": amount} for resource, amount in {**QUOTAS, **quotas}.items()]
    empty = [{**row, "nominalQuota": "0"} if row["name"] == "nvidia.com/gpu" else row for row in rows]
    given = [{"name": name, "resources": empty if name == "empty" else rows} for name in flavors]
    group = {"coveredResources": list(QUOTAS), "flavors": given}
    spec = {"resourceGroups": [group], **({"cohortName": cohort} if cohort else {})}
    return {"kind": "ClusterQueue", "metadata": {"name": "all"}, "spec": spec}


def work(*objects: dict[str, Any], kind: str = "Job", api: str = "batch/v1", **more: Any) -> Workload:
    local = {"kind": "LocalQueue", "metadata": {"name": "training", "namespace": "vision"}}
    local["spec"] = {"clusterQueue": "all"}
    given = [local, *objects]

    def find(kind: str, namespace: str, name: str) -> Any:
        wanted = (kind, namespace or None, name)
        return next(
            (
                each
                for each in given
                if (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) == wanted
            ),
            None,
        )

    labels, annotations = {"kueue.x-k8s.io/queue-name": more.pop("queue", "training")}, more.pop("annotations", {})
    selector = more.pop("selector", {})
    container = {"name": "main", "image": "train", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    spec = {"parallelism": 4, "completions": 4, **more}
    spec["template"] = {"spec": {"containers": [container], "nodeSelector": selector}}
    metadata = {"name": "train", "namespace": "vision", "labels": labels, "annotations": annotations}
    (made,) = workloads_of({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}, find)
    return made


def test_pods_select_the_nodes_of_the_one_flavor_and_tolerate_their_taints():
    found = work(shared("gpu"), flavor("gpu", team="vision"), selector={"zone": "a"})
    assert found.pod.node_selector == {"team": "vision", "zone": "a"}
    assert found.pod.tolerations == (Toleration("nvidia.com/gpu", "Exists", "", "NoSchedule"),)
    assert (found.queue, found.gang) == ("training", 4)


def test_of_several_flavors_any_will_do_and_none_that_has_nothing_of_what_is_asked_for():
    flavors = (flavor("spot", pool="spot"), flavor("od", pool="od"), flavor("empty", pool="cpu"))
    found = work(shared("spot", "od", "empty"), *flavors)
    assert found.pod.node_selector == {}
    assert [str(term.expressions[0]) for term in found.pod.node_affinity or ()] == ["pool In [spot]", "pool In [od]"]
    lent = work(shared("spot", "empty", cohort="teams"), *flavors)
    assert [str(term.expressions[0]) for term in lent.pod.node_affinity or ()] == ["pool In [spot]", "pool In [cpu]"]


def test_a_selector_against_the_flavor_is_met_by_no_node():
    found = work(shared("gpu"), flavor("gpu", team="vision"), selector={"team": "speech"})
    assert found.pod.node_selector == {"team": "speech"}
    assert [str(each) for term in found.pod.node_affinity or () for each in term.expressions] == ["team In [vision]"]


@pytest.mark.parametrize("objects", [(), (shared("gpu"),), (flavor("gpu"),)])
def test_of_a_queue_that_is_not_known_pods_get_nothing(objects):
    found = work(*objects)
    assert (found.pod.tolerations, found.pod.node_selector, found.pod.node_affinity) == ((), {}, None)


def test_a_job_of_a_queue_is_a_gang_of_its_least_pods():
    assert work().gang == 4
    assert work(queue="").gang == 0
    assert work(annotations={"kueue.x-k8s.io/job-min-parallelism": "2"}).gang == 2
    assert work(kind="Deployment", api="apps/v1", replicas=4).gang == 0
