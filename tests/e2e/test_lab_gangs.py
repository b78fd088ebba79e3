"""Gangs for real: the pods that a plan counts are those that the controllers of JobSet and LeaderWorkerSet make."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.control_plane import down, up
from eks_gpu.lab.gangs import CONTROLLERS, start_gang_controllers
from eks_gpu.lab.toolchain import is_built
from eks_gpu.pods.demand import workloads_of
from tests.waiting import until

pytestmark = [
    pytest.mark.xdist_group("lab_gangs"),
    pytest.mark.minutes(2),
    pytest.mark.skipif(not is_built(*CONTROLLERS), reason="jobset and lws are not built: `make replays` builds them"),
]

PODS = "/api/v1/namespaces/default/pods"
QUIET_S = 5
"""Seconds after which no controller makes one more pod."""
ENDS = "example.com/ends"
"""Label of pods that are Succeeded as soon as they are there."""


def template(ends: bool = False, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "example/llm:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    return {"metadata": {"labels": {ENDS: str(ends).lower()}}, "spec": {"containers": [container], **spec}}


def group(leader: bool = False, replicas: Any = None, size: Any = None, **spec: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {"workerTemplate": template(), **({"size": size} if size is not None else {})}
    inner |= {"leaderTemplate": template()} if leader else {}
    inner |= {key: spec.pop(key) for key in ("restartPolicy", "subGroupPolicy") if key in spec}
    stated = {} if replicas is None else {"replicas": replicas}
    return {"leaderWorkerTemplate": inner, **stated, **spec}


LEADER_WORKER_SETS: dict[str, dict[str, Any]] = {
    "nothing-but-a-template": group(),
    "two-groups-of-four": group(replicas=2, size=4),
    "a-leader-of-its-own": group(leader=True, replicas=2, size=4),
    "one-pod-that-leads": group(leader=True, size=1),
    "groups-of-one": group(replicas=3, size=1),
    "no-groups": group(replicas=0, size=4),
    "no-groups-with-leader": group(leader=True, replicas=0, size=3),
    "workers-when-the-leader-is-ready": group(leader=True, replicas=2, size=3, startupPolicy="LeaderReady"),
    "workers-when-the-leader-is-there": group(leader=True, replicas=2, size=3, startupPolicy="LeaderCreated"),
    "ready-without-a-leader-template": group(replicas=1, size=3, startupPolicy="LeaderReady"),
    "restarts-by-pod": group(replicas=1, size=2, restartPolicy="None"),
    "sub-groups": group(leader=True, replicas=1, size=5, subGroupPolicy={"subGroupSize": 2}),
    "sub-groups-of-all": group(replicas=2, size=4, subGroupPolicy={"subGroupSize": 2}),
    "a-large-group": group(leader=True, size=9),
    "many-groups": group(leader=True, replicas=5, size=2, networkConfig={"subdomainPolicy": "UniquePerReplica"}),
}


def job(name: str, replicas: Any = None, ends: bool = False, depends_on: Any = None, **spec: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "template": {"spec": {**spec, "template": template(ends)}}}
    made |= {} if replicas is None else {"replicas": replicas}
    return made | ({} if depends_on is None else {"dependsOn": depends_on})


def several(pods: int, at_once: int | None = None) -> dict[str, Any]:
    return {"parallelism": at_once or pods, "completions": pods}


def after(name: str, status: str) -> list[dict[str, str]]:
    return [{"name": name, "status": status}]


IN_ORDER = {"startupPolicyOrder": "InOrder"}
JOB_SETS: dict[str, dict[str, Any]] = {
    "one-job-of-one-pod": {"replicatedJobs": [job("a")]},
    "three-jobs-of-four": {"replicatedJobs": [job("a", 3, **several(4))]},
    "leader-and-workers": {"replicatedJobs": [job("leader"), job("workers", **several(3))]},
    "fewer-completions": {"replicatedJobs": [job("a", parallelism=5, completions=2)]},
    "more-completions": {"replicatedJobs": [job("a", 2, **several(6, at_once=2))]},
    "completions-alone": {"replicatedJobs": [job("a", completions=4)]},
    "no-jobs-of-one": {"replicatedJobs": [job("a", 0), job("b", 2)]},
    "suspended": {"suspend": True, "replicatedJobs": [job("a", 2, **several(3))]},
    "not-suspended": {"suspend": False, "replicatedJobs": [job("a", 2, **several(3))]},
    "in-order": {"startupPolicy": IN_ORDER, "replicatedJobs": [job("a", **several(2)), job("b", 2, **several(2))]},
    "any-order": {"startupPolicy": {"startupPolicyOrder": "AnyOrder"}, "replicatedJobs": [job("a"), job("b", 3)]},
    "after-readiness": {"replicatedJobs": [job("a", 2), job("b", **several(3), depends_on=after("a", "Ready"))]},
    "after-the-end": {"replicatedJobs": [job("a", ends=True), job("b", 2, depends_on=after("a", "Complete"))]},
    "not-indexed": {"replicatedJobs": [job("a", 2, parallelism=3, completionMode="NonIndexed")]},
    "no-parallelism": {"replicatedJobs": [job("a", **several(3)), job("b", parallelism=0, completions=3)]},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterApi]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("lab")))
        try:
            yield ClusterApi(start_gang_controllers(up()))
        finally:
            down()


def manifests(api_version: str, kind: str, specs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}
        for name, spec in specs.items()
    ]


def counted(manifest: Mapping[str, Any], roles: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """The plan's pods by object and role; a role without pods is left out."""
    found: Counter[tuple[str, str]] = Counter()
    for workload in workloads_of(manifest):
        assert workload.replicas is not None
        found[workload.name, roles.get(workload.template, workload.template)] += workload.replicas
    return +found


def play(api: ClusterApi) -> list[dict[str, Any]]:
    """All pods; no node takes them, so each becomes Ready, or ends, by hand."""
    pods = api.list(PODS)
    for pod in pods:
        ends = pod["metadata"]["labels"].get(ENDS) == "true"
        wanted = "Succeeded" if ends else "Running"
        if pod.get("status", {}).get("phase") != wanted:
            ready = {"type": "Ready", "status": str(not ends)}
            try:
                api.patch(
                    f"{PODS}/{pod['metadata']['name']}/status", {"status": {"phase": wanted, "conditions": [ready]}}
                )
            except ApiRefusal as refusal:
                if refusal.status != 404:
                    raise
    return pods


def made(api: ClusterApi, expected: Counter[tuple[str, str]], role_of: Any) -> Counter[tuple[str, str]]:
    """The pods by object and role, as soon as they are as expected and stay so, or else when nothing more comes."""
    quiet_since, last = time.monotonic(), Counter[tuple[str, str]]()

    def settled() -> bool:
        nonlocal quiet_since, last
        now = Counter(role_of(pod["metadata"]["labels"]) for pod in play(api))
        if now != last:
            quiet_since, last = time.monotonic(), now
        patience = QUIET_S if last == expected else 60
        return time.monotonic() - quiet_since > patience

    until(settled, pause_s=0.5)
    return last


def compare(api: ClusterApi, path: str, given: list[dict[str, Any]], expected: Counter[tuple[str, str]], role_of: Any):
    for manifest in given:
        api.create(path, manifest)
    try:
        found = made(api, expected, role_of)
    finally:
        for manifest in given:
            api.delete(f"{path}/{manifest['metadata']['name']}")
        until(lambda: not play(api), pause_s=0.5)
    assert found == expected


def test_leaders_and_workers_are_as_many_as_the_plan_counts(api):
    def role_of(labels: Mapping[str, str]) -> tuple[str, str]:
        name = labels["leaderworkerset.sigs.k8s.io/name"]
        alone = "leaderTemplate" not in LEADER_WORKER_SETS[name]["leaderWorkerTemplate"]
        leads = labels["leaderworkerset.sigs.k8s.io/worker-index"] == "0"
        return name, "" if alone else "leader" if leads else "worker"

    given = manifests("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", LEADER_WORKER_SETS)
    roles = {"leaderWorkerTemplate.leaderTemplate": "leader", "leaderWorkerTemplate.workerTemplate": "worker"}
    expected = sum((counted(manifest, roles) for manifest in given), Counter[tuple[str, str]]())
    assert (len(given), expected.total()) == (15, 70)
    compare(api, "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets", given, expected, role_of)


def test_pods_of_replicated_jobs_are_as_many_as_the_plan_counts(api):
    def role_of(labels: Mapping[str, str]) -> tuple[str, str]:
        return labels["jobset.sigs.k8s.io/jobset-name"], labels["jobset.sigs.k8s.io/replicatedjob-name"]

    given = manifests("jobset.x-k8s.io/v1alpha2", "JobSet", JOB_SETS)
    expected: Counter[tuple[str, str]] = Counter()
    for manifest in given:
        jobs = manifest["spec"]["replicatedJobs"]
        roles = {f"replicatedJobs.{index}": each["name"] for index, each in enumerate(jobs)} | {"": jobs[0]["name"]}
        expected += counted(manifest, roles)
    assert (len(given), expected.total()) == (15, 59)
    compare(api, "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets", given, expected, role_of)
