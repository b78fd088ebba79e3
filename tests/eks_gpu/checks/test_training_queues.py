"""Training queues: what waits in one has a way out of it."""

from dataclasses import replace
from typing import Any

import pytest

from components.karpenter_gpu_pool import KarpenterGpuPool
from tests.engine import run
from tests.graphs import analysed, findings, gpu_group, healthy
from tests.karpenter_gpu_pools import ARGS
from tests.training_queues import cluster_queue, flavor, job, local_queue, release

NAMESPACE = "kubernetes.io/metadata.name"


def said(check: str, nodes: int = 4, **objects: Any) -> dict[str, tuple[Any, str]]:
    whole = {"flavor": flavor(), "shared": cluster_queue(), "local": local_queue(), "train": job()}
    made = {name: found for name, found in (whole | objects).items() if found is not None}
    return findings(check, *healthy(gpu=gpu_group(maxSize=nodes), train=made.pop("train")), *made.values())


def test_a_job_a_queue_and_its_flavor_hold():
    found = said("queues-lead-to-quota")
    assert found == {
        "ClusterQueue all": (True, "its flavors are there"),
        "LocalQueue default/training": (True, "it leads to a ClusterQueue"),
        "Job default/train": (True, "LocalQueue training is there"),
    }


@pytest.mark.parametrize(
    ("objects", "subject", "message"),
    [
        ({"local": local_queue("al")}, "LocalQueue default/training", "the stack has no ClusterQueue al"),
        ({"flavor": None}, "ClusterQueue all", "the stack has no ResourceFlavor gpu"),
        ({"train": job(queue="gpus")}, "Job default/train", "namespace default has no LocalQueue gpus"),
        (
            {"shared": cluster_queue(namespaceSelector=None)},
            "ClusterQueue all",
            "it has no namespaceSelector, and so takes jobs of no namespace: set namespaceSelector, {} for all",
        ),
        (
            {"shared": cluster_queue(namespaceSelector={"matchLabels": {NAMESPACE: "vision"}})},
            "LocalQueue default/training",
            "ClusterQueue all takes no jobs of namespace default: add default to the namespaceSelector of ClusterQueue "
            "all",
        ),
    ],
)
def test_a_name_of_nothing_on_the_way_to_the_quota(objects, subject, message):
    assert said("queues-lead-to-quota", **objects)[subject] == (False, message)


@pytest.mark.parametrize(
    ("selector", "takes"),
    [
        ({}, True),
        ({"matchLabels": {"team": "vision"}}, True),  # a label that is not read
        ({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["default"]}]}, True),
        (
            {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"]}]},
            False,
        ),
    ],
)
def test_a_queue_takes_jobs_of_the_namespaces_that_it_selects(selector, takes):
    found = said("queues-lead-to-quota", shared=cluster_queue(namespaceSelector=selector))
    assert found["LocalQueue default/training"][0] is takes


def test_a_job_of_a_queue_that_somebody_makes_by_hand_is_a_warning():
    stack = healthy(gpu=gpu_group(maxSize=4), train=job())
    (found,) = [each for each in analysed(*stack).findings if each.id == "queues-lead-to-quota"]
    assert (found.passed, found.severity) == (False, "warning")


def test_quotas_above_what_the_pools_can_have_are_told():
    assert said("quotas-are-what-pools-can-have") == {
        "ResourceFlavor gpu": (True, "gpu can have what its queues give away")
    }
    assert said("quotas-are-what-pools-can-have", shared=cluster_queue(5)) == {
        "ResourceFlavor gpu": (False, "its queues give away 5 nvidia.com/gpu, and gpu can have 4")
    }
    two = said("quotas-are-what-pools-can-have", nodes=5, other=cluster_queue(2, "other"))
    assert two["ResourceFlavor gpu"] == (False, "its queues give away 6 nvidia.com/gpu, and gpu can have 5")
    lost = said("quotas-are-what-pools-can-have", flavor=flavor({"team": "vision"}))
    assert lost["ResourceFlavor gpu"][1] == "no pool's nodes have its labels: take the labels of a pool's nodes"


def test_a_node_that_only_replaces_another_is_no_quota():
    """A NodePool of two nodes may have a third while it replaces one."""

    def told(gpus: int) -> tuple[Any, str]:
        args: Any = {**ARGS, "pool": {"instance_types": ["g6.xlarge"], "nodes": 2, "max_gpus": 3}}
        program = run(lambda: KarpenterGpuPool("gpu", args)).graph
        stack = (flavor(), cluster_queue(gpus), local_queue())
        return findings("quotas-are-what-pools-can-have", *program, *stack)["ResourceFlavor gpu"]

    assert told(2) == (True, "gpu can have what its queues give away")
    assert told(3) == (False, "its queues give away 3 nvidia.com/gpu, and gpu can have 2")


def test_a_gang_larger_than_its_quota_waits_for_ever():
    assert said("gangs-fit-their-queue", nodes=9) == {
        "Job default/train": (True, "queue training can have all of its pods at once")
    }
    assert said("gangs-fit-their-queue", nodes=9, train=job(5)) == {
        "Job default/train": (
            False,
            "its 5 pods together ask for 5 of nvidia.com/gpu, and ClusterQueue all can have 4",
        )
    }
    wide = said("gangs-fit-their-queue", nodes=9, train=job(4, cpu=17))["Job default/train"]
    assert wide == (False, "its 4 pods together ask for 68000m of cpu, and ClusterQueue all can have 64000m")


@pytest.mark.parametrize(
    ("own", "other", "fits"),
    [
        ({}, {}, True),
        ({"borrowingLimit": 1}, {}, True),
        ({"borrowingLimit": 0}, {}, False),
        ({}, {"lendingLimit": 0}, False),
    ],
)
def test_what_a_queue_may_borrow_counts(own, other, fits):
    queues = {
        "shared": cluster_queue(4, cohortName="teams", **own),
        "other": cluster_queue(4, "other", cohortName="teams", **other),
    }
    assert said("gangs-fit-their-queue", nodes=9, train=job(5), **queues)["Job default/train"][0] is fits


def test_a_resource_that_no_flavor_covers_blocks_the_job():
    efa: Any = {"vpc.amazonaws.com/efa": 1}
    found = said("gangs-fit-their-queue", train=job(4, **efa))["Job default/train"]
    assert found == (
        False,
        "it asks for vpc.amazonaws.com/efa, which ClusterQueue all does not cover: add vpc.amazonaws.com/efa to "
        "coveredResources, with a quota in each flavor",
    )


def test_a_flavor_whose_taints_its_jobs_do_not_tolerate_is_none():
    def fits(toleration: Any = None) -> tuple[Any, str]:
        made = flavor()
        made.inputs["spec"]["nodeTaints"] = [{"key": "team", "value": "ml", "effect": "NoSchedule"}]
        made.inputs["spec"]["tolerations"] = [toleration] if toleration else []
        return said("gangs-fit-their-queue", flavor=made)["Job default/train"]

    assert fits() == (
        False,
        "it gets no flavor: pod does not tolerate taint team=ml:NoSchedule of ResourceFlavor gpu: add it to the "
        "tolerations of the pods or of the ResourceFlavor, or leave nodeTaints out",
    )
    assert fits({"key": "team", "operator": "Exists"})[0]


def test_all_pods_of_a_job_get_one_flavor():
    def fits(*gpus: int) -> tuple[Any, str]:
        queue = cluster_queue(gpus[0])
        (group,) = queue.inputs["spec"]["resourceGroups"]
        rows = [{**row} for row in group["flavors"][0]["resources"]]
        rows[-1]["nominalQuota"] = gpus[1]
        group["flavors"].append({"name": "other", "resources": rows})
        objects: Any = {"shared": queue, "flavor": flavor(), "other": flavor(name="other")}
        return said("gangs-fit-their-queue", **objects)["Job default/train"]

    assert fits(2, 4)[0]
    assert fits(2, 2) == (
        False,
        "its 4 pods get one flavor together and ask for 4 of nvidia.com/gpu, and the flavors have gpu 2, other 2: give "
        "one flavor enough quota, or split the job",
    )


@pytest.mark.parametrize("limit", ["borrowingLimit", "lendingLimit"])
def test_a_limit_of_a_cohort_without_one_is_refused(limit):
    given: Any = {limit: 2}
    alone = said("queues-lead-to-quota", shared=cluster_queue(**given))["ClusterQueue all"]
    assert alone == (
        False,
        f"Kueue refuses it: {limit} is for queues of a cohort, and it has none: leave {limit} out",
    )
    assert said("queues-lead-to-quota", shared=cluster_queue(cohortName="a", **given))["ClusterQueue all"][0]


def test_a_job_beside_the_queue_is_told():
    found = said("jobs-name-their-queue", kueue=release(), train=job(queue=""))
    assert found == {
        "Job default/train": (
            False,
            "it may run on gpu and names no queue, so it starts beside the queue",
        )
    }
    assert said("jobs-name-their-queue", kueue=release()) == {"Job default/train": (True, "it names queue training")}
    managed = said("jobs-name-their-queue", kueue=release(manageJobsWithoutQueueName=True), train=job(queue=""))
    assert managed["Job default/train"][1].endswith("so Kueue suspends it until it names a queue")


@pytest.mark.parametrize(
    "objects",
    [
        {"train": job(queue="")},
        {"kueue": release(integrations={"frameworks": ["jobset.x-k8s.io/jobset"]}), "train": job(queue="")},
        {"kueue": release(), "train": job(queue=""), "flavor": flavor({"team": "vision"})},
    ],
)
def test_jobs_that_kueue_leaves_alone_are_not_told(objects):
    assert said("jobs-name-their-queue", **objects) == {}


def frameworks(*named: Any, version: str = "0.17.0") -> Any:
    made = release(integrations={"frameworks": list(named)})
    return replace(made, inputs={**made.inputs, "version": version})


def test_kueue_that_does_not_queue_jobs_refuses_them():
    assert said("kueue-lets-jobs-through", kueue=frameworks("jobset.x-k8s.io/jobset", "pod")) == {
        "release kueue": (
            False,
            "its frameworks are jobset.x-k8s.io/jobset, pod, and without batch/job its webhook for Jobs panics",
        )
    }
    assert said("kueue-lets-jobs-through", kueue=frameworks("jobset.x-k8s.io/jobset", "batch/job")) == {
        "release kueue": (True, "batch/job is among its frameworks")
    }


@pytest.mark.parametrize(
    ("version", "passed"), [("0.17.3", False), ("v0.17.0", False), ("0.18.0", None), ("0.9.1", None), ("", None)]
)
def test_other_versions_of_kueue_are_not_judged(version, passed):
    found = said("kueue-lets-jobs-through", kueue=frameworks("jobset.x-k8s.io/jobset", version=version))
    assert found["release kueue"][0] is passed


@pytest.mark.parametrize(
    "kueue", [release(), release(waitForPodsReady={"timeout": "20m"}), frameworks(), frameworks(1)]
)
def test_kueue_without_frameworks_queues_jobs(kueue):
    assert said("kueue-lets-jobs-through", kueue=kueue) == {}


@pytest.mark.parametrize(
    ("given", "passed"),
    [({"timeout": "5m"}, False), ({"timeout": "20m"}, True), ({"timeout": "11m0s"}, True), ({"enable": True}, False)],
)
def test_a_gang_must_have_longer_than_a_cold_start(given, passed):
    found = said("gangs-outwait-a-cold-start", kueue=release(waitForPodsReady=given))
    assert found["release kueue"][0] is passed


def test_a_release_that_waits_for_nothing_is_not_judged():
    assert said("gangs-outwait-a-cold-start", kueue=release()) == {}


def test_objects_of_kueue_come_after_its_release():
    found = said("custom-resources-follow-their-definitions", kueue=release())
    assert found["ClusterQueue all"] == (
        False,
        "it may be made before release kueue, which brings its kind: add depends_on=[kueue]",
    )


def test_gangs_that_take_turns_are_no_replicas_without_room():
    second = job(name="second")
    found = said("stated-replicas-find-room", second=second)
    waiting = {subject: each for subject, each in found.items() if "wait for their turn" in each[1]}
    assert list(waiting.values()) == [(True, "4 of 4 wait for their turn in a queue")]
