"""Gangs: pods that start together find their nodes together."""

import pytest

from tests.gangs import GROUP, TEMPLATE, controlled, group
from tests.graphs import GPU_TOLERATION, analysed, findings, gpu_group, healthy, kubernetes, pod, release

JOB_SET = "jobset.x-k8s.io/v1alpha2"
CHECK, CONTROLLER = "gangs-run-whole", "gangs-have-their-controller"


def job_set(*pods: int, after: str = ""):
    jobs = [
        {
            "name": f"step{number}",
            "template": {"spec": {"parallelism": count, "completions": count, "template": TEMPLATE}},
            "dependsOn": [{"name": f"step{number - 1}", "status": after}] if after and number else [],
        }
        for number, count in enumerate(pods)
    ]
    return kubernetes("JobSet", "big", {"replicatedJobs": jobs}, JOB_SET)


def said(work, nodes: int = 4):
    """What the check says beside a group of so many nodes with one GPU each."""
    stack = healthy(train=work, gpu=gpu_group(maxSize=nodes))
    return findings(CHECK, *stack)


def test_a_group_that_needs_more_nodes_than_there_can_be_is_not_admitted():
    assert said(group(8)) == {
        "LeaderWorkerSet default/big": (False, "its gang of 8 pods needs 8 nodes at once, the pools end at 4")
    }
    found = analysed(*healthy(train=group(8), gpu=gpu_group(maxSize=4)))
    assert [found.admitted_by(work) for work in found.workloads if work.name == "big"] == [[], []]
    failed = {finding.id for finding in found.findings if finding.failed and "big" in finding.subject}
    assert failed == {CHECK, CONTROLLER}


def test_a_group_that_fits_holds_however_many_groups_there_are():
    expected = (True, "its gang of 4 pods finds room at once")
    assert said(group(4, replicas=3)) == {"LeaderWorkerSet default/big": expected}
    assert said(group(5))["LeaderWorkerSet default/big"][0] is False


@pytest.mark.parametrize(("after", "fits"), [("", False), ("Ready", False), ("Complete", True)])
def test_jobs_of_a_set_run_together_unless_they_wait_until_others_complete(after, fits):
    found = said(job_set(3, 2, after=after))["JobSet default/big"]
    assert found[0] is fits


def test_a_gang_whose_pods_no_pool_takes_is_told_by_the_other_check():
    huge = {"spec": pod({"nvidia.com/gpu": 9}, tolerations=[GPU_TOLERATION])}
    spec = {"leaderWorkerTemplate": {"size": 2, "leaderTemplate": huge, "workerTemplate": huge}}
    work = kubernetes("LeaderWorkerSet", "big", spec, GROUP)
    assert said(work) == {}
    found = findings("workloads-are-admitted", *healthy(train=work))
    assert [passed for subject, (passed, _) in found.items() if "big" in subject] == [False, False]


def test_one_pod_is_no_gang():
    assert said(group(1)) == {}


def test_pods_that_start_one_by_one_are_no_gang():
    job = kubernetes("Job", "big", {"parallelism": 9, "completions": 9, "template": TEMPLATE}, "batch/v1")
    assert said(job) == {}


def test_a_gang_that_does_not_fit_still_costs_the_nodes_that_it_waits_on():
    (nodes,) = [
        item
        for item in analysed(*healthy(train=group(8), gpu=gpu_group(maxSize=4))).cost.steady.items
        if item.name.startswith("pool gpu: g")
    ]
    assert nodes.quantity == 4


MISSING = "nothing in the stack brings its kind and makes its pods: install chart lws"


@pytest.mark.parametrize(
    ("stack", "found", "severity"),
    [
        ([group(2)], (False, MISSING), "error"),
        (controlled(group(2)), (True, "its controller is there"), "error"),
        (
            controlled(group(2), replicaCount=0),
            (False, "release lws runs no controller: leave its number of replicas out"),
            "error",
        ),
        ([release("my-platform"), group(2)], (False, MISSING), "warning"),
        (
            [
                kubernetes(
                    "CustomResourceDefinition",
                    "leaderworkersets.leaderworkerset.x-k8s.io",
                    {"group": "leaderworkerset.x-k8s.io"},
                    "apiextensions.k8s.io/v1",
                ),
                group(2),
            ],
            (True, "its controller is there"),
            "error",
        ),
    ],
)
def test_groups_without_their_controller_are_told(stack, found, severity):
    (judged,) = (each for each in analysed(*healthy(), *stack).findings if each.id == CONTROLLER)
    said = f"{judged.message}: {judged.fix}" if judged.failed and judged.fix not in judged.message else judged.message
    assert ((judged.passed, said), judged.severity) == (found, severity)


def test_a_kind_of_another_group_is_not_asked_for_its_controller():
    other = kubernetes("LeaderWorkerSet", "big", {"leaderWorkerTemplate": {}}, "example.com/v1")
    assert findings(CONTROLLER, *healthy(), other) == {}


@pytest.mark.parametrize(
    ("kind", "group", "chart"),
    [
        ("JobSet", JOB_SET, "jobset"),
        ("TrainJob", "trainer.kubeflow.org/v1alpha1", "kubeflow-trainer"),
        ("RayCluster", "ray.io/v1", "kuberay-operator"),
    ],
)
def test_every_kind_of_gang_has_its_controller(kind, group, chart):
    gang = kubernetes(kind, "big", {}, group)
    name = f"{kind} default/big"

    assert findings(CONTROLLER, *healthy(), gang)[name][0] is False
    assert findings(CONTROLLER, *healthy(), gang, release(chart))[name] == (True, "its controller is there")


def test_the_trainer_brings_job_sets_too():
    stack = [*healthy(), job_set(1), release("kubeflow-trainer")]
    assert [passed for passed, _ in findings(CONTROLLER, *stack).values()] == [True]
