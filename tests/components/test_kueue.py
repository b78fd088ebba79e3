"""Kueue and the controllers of gangs: what their charts are told, and what is refused."""

import json
from typing import Any

import pytest

from components.job_set_controller import JobSetController
from components.kueue import Kueue
from components.leader_worker_set_controller import LeaderWorkerSetController
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

RELEASE = "kubernetes:helm.sh/v3:Release"
SYSTEM = {
    "nodeSelector": {"eks-gpu-components/role": "system"},
    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
}


def release(component: Any, **args: Any) -> Any:
    return run(lambda: component("it", args)).one(RELEASE).inputs


def configuration(**settings: Any) -> dict[str, Any]:
    values = release(Kueue, settings=settings)["values"]
    return json.loads(values["managerConfig"]["controllerManagerConfigYaml"])


def refusal(component: Any, **args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        run(lambda: component("it", args))
    return refused.value.problems


@pytest.mark.parametrize(
    ("component", "chart", "version", "name", "namespace"),
    [
        (Kueue, "oci://registry.k8s.io/kueue/charts/kueue", "0.17.0", "kueue", "kueue-system"),
        (JobSetController, "oci://registry.k8s.io/jobset/charts/jobset", "0.11.1", "jobset", "jobset-system"),
        (LeaderWorkerSetController, "oci://registry.k8s.io/lws/charts/lws", "0.8.0", "lws", "lws-system"),
    ],
)
def test_charts_are_pinned_and_have_a_namespace_of_their_own(component, chart, version, name, namespace):
    asked = release(component)
    assert (asked["chart"], asked["version"], asked["name"]) == (chart, version, name)
    assert (asked["namespace"], asked["createNamespace"]) == (namespace, True)
    assert release(component, namespace="batch")["namespace"] == "batch"


def test_controllers_run_on_the_system_nodes_and_twice():
    kueue = release(Kueue)["values"]["controllerManager"]
    job_sets = release(JobSetController)["values"]["controller"]
    leaders = release(LeaderWorkerSetController)["values"]
    assert [{key: each[key] for key in SYSTEM} for each in (kueue, job_sets, leaders)] == [SYSTEM] * 3
    assert (kueue["replicas"], job_sets["replicas"], leaders["replicaCount"]) == (2, 2, 2)
    assert kueue["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert job_sets["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}


@pytest.mark.parametrize("component", [JobSetController, LeaderWorkerSetController])
def test_a_controller_runs_where_and_as_often_as_it_is_told(component):
    values = release(component, replicas=1, node_labels={"role": "infra"})["values"]
    values = values.get("controller", values)
    assert (values.get("replicas", values.get("replicaCount")), values["nodeSelector"]) == (1, {"role": "infra"})
    assert "podDisruptionBudget" not in values
    assert refusal(component, replicas=0) == ["replicas must be at least 1, got 0"]


def test_kueue_queues_jobs_that_name_a_queue_and_touches_no_pod():
    told = configuration()
    assert told["integrations"] == {
        "frameworks": ["batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob"]
    }
    assert told["manageJobsWithoutQueueName"] is False
    assert told["managedJobsNamespaceSelector"] == {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "kueue-system"]}
        ]
    }
    assert configuration(manage_jobs_without_queue_name=True)["manageJobsWithoutQueueName"] is True


def test_kinds_that_are_held_back_by_their_pods_bring_pods():
    told = configuration(integrations=["leaderworkerset", "raycluster"])
    assert told["integrations"] == {
        "frameworks": ["leaderworkerset.x-k8s.io/leaderworkerset", "ray.io/raycluster", "batch/job", "pod"]
    }
    assert configuration(integrations=["pod", "deployment"])["integrations"] == {
        "frameworks": ["pod", "deployment", "batch/job"]
    }


def test_a_gang_has_longer_than_a_cold_start_and_waits_again_without_end():
    assert configuration()["waitForPodsReady"] == {
        "timeout": "1200s",
        "recoveryTimeout": "1200s",
        "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60},
    }
    given = {"timeout_s": 3600, "recovery_s": 300, "backoff_s": 5, "retries": 3}
    assert configuration(all_or_nothing=given)["waitForPodsReady"] == {
        "timeout": "3600s",
        "recoveryTimeout": "300s",
        "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 5, "backoffLimitCount": 3},
    }


def test_what_kueue_cannot_do_is_refused():
    assert refusal(Kueue, settings={"all_or_nothing": {"timeout_s": 300}}) == [
        "settings.all_or_nothing.timeout_s must be at least 960, got 300"
    ]
    assert refusal(Kueue, settings={"integrations": []}) == [
        "settings.integrations must have one entry or more, none of them twice, got []"
    ]
    (said,) = refusal(Kueue, settings={"integrations": ["jobsets"]})
    assert said.startswith("settings.integrations[0] must be one of job, jobset, trainjob")
    assert refusal(Kueue, namespace="kube-system") == [
        "namespace must be Kueue's own, where it queues no jobs, got kube-system"
    ]


@pytest.mark.parametrize("component", [Kueue, JobSetController, LeaderWorkerSetController])
def test_every_type_and_input_is_in_the_sdk(component):
    made = run(lambda: component("it", {}))
    assert [problem for each in made.graph for problem in problems(each.type, each.inputs)] == []


@pytest.mark.parametrize(
    ("page", "charts"),
    [
        ("kueue", ["jobset", "kueue"]),
        ("job_set_controller", ["jobset"]),
        ("leader_worker_set_controller", ["lws"]),
    ],
)
def test_the_examples_of_the_pages_run(page, charts):
    assert sorted(each.inputs["name"] for each in run_example(page).of(RELEASE)) == charts
