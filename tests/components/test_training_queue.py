"""TrainingQueue: flavors, quotas and queues that follow from the pools."""

from typing import Any

import pytest

from components.training_queue import TrainingQueue
from components.values.value import BadInput
from tests.documentation import run_example
from tests.engine import run

GROUP = "kubernetes:kueue.x-k8s.io/v1beta2:"
POOL = {"instance_types": ["g6.12xlarge"], "max_gpus": 10}
OTHER = {"instance_types": ["g5.xlarge"], "max_gpus": 4, "labels": {"team": "vision"}}
NEURON = {"instance_types": ["inf2.xlarge"], "max_gpus": 2}
LARGE = {"instance_types": ["p5.48xlarge"], "max_gpus": 8}


def queue(pools: Any = None, preview: bool = False, **args: Any):
    given: Any = {"pools": {"gpu": POOL} if pools is None else pools, **args}
    return run(lambda: TrainingQueue("training", given), preview=preview)


def specs(kind: str, **args: Any) -> dict[str, Any]:
    found = (each.inputs for each in queue(**args).under("training").values() if each.type == f"{GROUP}{kind}")
    return {each["metadata"]["name"]: each["spec"] for each in found}


def quotas(name: str = "training", **args: Any) -> dict[str, dict[str, str]]:
    (group,) = specs("ClusterQueue", **args)[name]["resourceGroups"]
    rows = {flavor["name"]: flavor["resources"] for flavor in group["flavors"]}
    assert all([row["name"] for row in of] == group["coveredResources"] for of in rows.values())
    return {flavor: {row["name"]: row["nominalQuota"] for row in of} for flavor, of in rows.items()}


def limits(name: str, **args: Any) -> list[tuple[Any, Any]]:
    (group,) = specs("ClusterQueue", **args)[name]["resourceGroups"]
    return [
        (row.get("borrowingLimit"), row.get("lendingLimit"))
        for flavor in group["flavors"]
        for row in flavor["resources"]
        if row["name"] == "nvidia.com/gpu"
    ]


def refusal(**args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        queue(**args)
    return refused.value.problems


def test_a_flavor_is_the_pools_labels_and_taint():
    assert specs("ResourceFlavor") == {
        "gpu": {
            "nodeLabels": {"k8s.amazonaws.com/accelerator": "nvidia-l4", "nvidia.com/gpu.present": "true"},
            "nodeTaints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        }
    }
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "gang", "effect": "NoExecute"}}
    assert specs("ResourceFlavor", pools={"gpu": dedicated})["gpu"]["nodeTaints"] == [
        {"key": "dedicated", "value": "gang", "effect": "NoExecute"}
    ]


def test_the_quota_is_that_of_the_whole_nodes_under_max_gpus_and_covers_all_that_a_node_has():
    # 2 nodes of 4 GPUs, 48 vCPUs and 192 GiB; 3760 GB of instance store are 3501 GiB.
    assert quotas() == {
        "gpu": {"nvidia.com/gpu": "8", "cpu": "96", "memory": "393216Mi", "ephemeral-storage": "7002Gi"}
    }


def test_pools_are_tried_in_their_order_and_each_has_a_quota_for_what_another_covers():
    assert quotas(pools={"one": OTHER, "neuron": NEURON}) == {
        "one": {
            "nvidia.com/gpu": "4",
            "cpu": "16",
            "memory": "65536Mi",
            "ephemeral-storage": "928Gi",
            "aws.amazon.com/neuron": "0",
            "aws.amazon.com/neuroncore": "0",
        },
        "neuron": {
            "nvidia.com/gpu": "0",
            "cpu": "8",
            "memory": "32768Mi",
            "ephemeral-storage": "200Gi",
            "aws.amazon.com/neuron": "2",
            "aws.amazon.com/neuroncore": "4",
        },
    }


def test_a_shared_gpu_counts_for_each_pod_that_may_have_it():
    shared = {**OTHER, "sharing": {"strategy": "time-slicing", "replicas": 4}}
    share = {"gpus": {"gpu": 2}, "borrows_at_most": 1}
    two = {"pools": {"gpu": shared}, "queues": {"a": share, "b": {"gpus": {}}}}
    assert quotas("a", **two)["gpu"]["nvidia.com/gpu"] == "8"
    assert limits("a", **two) == [("4", None)]


def test_a_queue_lends_no_more_than_it_has_because_kueue_refuses_to():
    teams = {"a": {"gpus": {"gpu": 4}, "lends_at_most": 6}, "b": {"gpus": {"gpu": 4, "other": 4}}}
    assert limits("a", pools={"gpu": POOL, "other": OTHER}, queues=teams) == [(None, "4"), (None, "0")]


def test_the_quota_of_a_fixed_number_of_nodes_is_without_the_one_that_replaces_another():
    fixed = {"instance_types": ["g6.12xlarge"], "nodes": 1, "max_gpus": 8}
    assert quotas(pools={"gpu": fixed}) == {
        "gpu": {"nvidia.com/gpu": "4", "cpu": "48", "memory": "196608Mi", "ephemeral-storage": "3501Gi"}
    }
    assert refusal(pools={"gpu": fixed}, queues={"a": {"gpus": {"gpu": 5}}}) == [
        "queues: 5 of pool gpu are given away, and its one node has 4"
    ]


def test_a_pool_with_claims_has_no_queue_because_kueue_does_not_count_them():
    (said,) = refusal(pools={"gpu": {"instance_types": ["g6.xlarge"], "max_gpus": 2, "devices": "claims"}})
    assert said == (
        "pools.gpu.devices must be plugin: Kueue does not count what jobs claim, so it would admit gangs that the "
        "pool has no room for, got claims"
    )


def test_one_queue_takes_jobs_of_its_namespaces_and_lends_nothing():
    (spec,) = specs("ClusterQueue").values()
    assert "cohortName" not in spec
    assert spec["namespaceSelector"] == {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["default"]}]
    }
    assert spec["queueingStrategy"] == "BestEffortFIFO"
    assert spec["preemption"] == {"withinClusterQueue": "Never", "reclaimWithinCohort": "Never"}
    made = queue(queues={"gangs": {"namespaces": ["vision", "speech"]}}).under("training")
    waiting = [each.inputs for each in made.values() if each.type == f"{GROUP}LocalQueue"]
    assert {each["metadata"]["namespace"]: each["metadata"]["name"] for each in waiting} == {
        "vision": "gangs",
        "speech": "gangs",
    }
    assert [each["spec"] for each in waiting] == [{"clusterQueue": "gangs"}] * 2


def test_several_queues_share_the_pool_and_lend_within_their_limits():
    teams = {
        "vision": {"gpus": {"gpu": 4}, "borrows_at_most": 2, "lends_at_most": 3},
        "speech": {"gpus": {"gpu": 4}},
    }
    found = specs("ClusterQueue", queues=teams)
    assert {name: spec["cohortName"] for name, spec in found.items()} == {"vision": "training", "speech": "training"}
    assert found["vision"]["preemption"]["reclaimWithinCohort"] == "Any"
    assert quotas("vision", queues=teams)["gpu"]["cpu"] == "48"
    assert limits("vision", queues=teams) == [("2", "3")]
    assert limits("speech", queues=teams) == [(None, None)]
    kept = specs("ClusterQueue", queues=teams, reclaims="lower-priority")
    assert kept["vision"]["preemption"]["reclaimWithinCohort"] == "LowerPriority"


def test_priorities_order_the_queue_and_preempt_if_they_may():
    made = queue(priorities={"high": 100, "low": -1}).under("training")
    classes = [each.inputs for each in made.values() if each.type == f"{GROUP}WorkloadPriorityClass"]
    assert [(each["metadata"]["name"], each["value"]) for each in classes] == [("high", 100), ("low", -1)]
    (spec,) = specs("ClusterQueue", priorities={"high": 100}, preempts=True, strict_order=True).values()
    assert spec["preemption"]["withinClusterQueue"] == "LowerPriority"
    assert spec["queueingStrategy"] == "StrictFIFO"


def test_objects_go_before_what_they_name():
    made = queue().under("training")
    assert [urn.rpartition("::")[2] for urn in made["training-training-cluster-queue"].dependencies] == [
        "training-gpu-flavor"
    ]
    assert [urn.rpartition("::")[2] for urn in made["training-training-in-default"].dependencies] == [
        "training-training-cluster-queue"
    ]


def test_a_preview_makes_what_an_update_makes():
    assert queue(preview=True).under("training").keys() == queue().under("training").keys()


def test_what_cannot_be_shared_is_refused_all_at_once():
    assert refusal(
        pools={"gpu": POOL, "twin": POOL},
        queues={"a": {"gpus": {"gpu": 5, "gpo": 1}}, "b": {"gpus": {"gpu": 5}}, "c": {}},
        preempts=True,
    ) == [
        "pools.twin: its nodes have the labels of pool gpu's, so jobs of one would run on the other: give it labels "
        "of its own",
        "queues.a.gpus.gpo: no such pool; there are: gpu, twin",
        "queues.c.gpus: say how many of each pool are its own, because there are 3 queues",
        "queues: 10 of pool gpu are given away, and its 2 nodes have 8",
        "preempts needs priorities: without them no job has a lower one",
    ]
    assert refusal(queues={"a": {"lends_at_most": 1}}) == [
        "queues.a.lends_at_most: there is no other queue, so leave it out"
    ]
    (said,) = refusal(queues={"Vision": {}})
    assert said.startswith("queues.Vision must be 63 lower-case letters, digits and '-' at most, as training")
    (said,) = refusal(pools={})
    assert "pools" in said


def test_a_pool_whose_labels_another_has_beside_more_is_refused():
    wider = {**POOL, "labels": {"team": "vision"}}
    assert refusal(pools={"wider": wider, "gpu": POOL}) == [
        "pools.gpu: the nodes of pool wider have its labels and more, so its jobs would run there too: give it labels "
        "of its own"
    ]
    tainted = {**wider, "taint": {"key": "dedicated", "value": "vision", "effect": "NoSchedule"}}
    apart = {**POOL, "labels": {"team": "speech"}}
    for other in ({"wider": tainted, "gpu": POOL}, {"wider": wider, "gpu": apart}):
        assert len(specs("ResourceFlavor", pools=other)) == 2


def test_the_example_of_the_page_runs():
    assert run_example("training_queue").one(f"{GROUP}ClusterQueue").inputs["metadata"] == {"name": "training"}
