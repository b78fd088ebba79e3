"""What is heard: events of both APIs, AWS's activities and health issues, the autoscaler's status."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.live.cluster import Kind
from eks_gpu.live.kinds import POD
from eks_gpu.live.observed import Observed
from eks_gpu.live.why.account_says import health, refused_launch
from eks_gpu.live.why.autoscaler_status import status
from eks_gpu.live.why.held_back import refused_pod
from eks_gpu.live.why.said import Said, events, said
from eks_gpu.live.why.waiting_pods import Waiting, named, waiting_pods
from tests.eks_gpu.live.why.doctors import NOW, meta, pod, word


def test_an_event_of_either_api_has_who_said_it_and_when():
    of = {"kind": "Pod", "namespace": "shop", "name": "web", "uid": "u"}
    old = {"source": {"component": "kubelet"}, "lastTimestamp": "2026-11-30T11:00:00Z"}
    new = {"reportingComponent": "default-scheduler", "eventTime": "2026-11-30T11:00:01.5Z", "source": {}}
    assert [
        (found.by, found.object, found.at)
        for found in (said({"involvedObject": of, "reason": "A", "message": "b", **each}) for each in (old, new))
    ] == [
        ("kubelet", "Pod shop/web", datetime(2026, 11, 30, 11, tzinfo=UTC)),
        ("default-scheduler", "Pod shop/web", datetime(2026, 11, 30, 11, 0, 1, 500000, tzinfo=UTC)),
    ]


def test_an_event_of_another_pod_of_the_same_name_is_not_heard():
    old = Said("kubelet", "Pod shop/web-0", "Failed", "", NOW, uid="old")
    heard = events([old])
    assert heard.of("Pod shop/web-0", "old") == [old]
    assert heard.of("Pod shop/web-0", "new") == []


def activity(minutes: int, code: str, what: str = "Launching a new EC2 instance") -> dict[str, Any]:
    start = NOW - timedelta(minutes=minutes)
    return {"StartTime": start, "StatusCode": code, "Description": what, "StatusMessage": f"{code} {minutes}"}


def test_the_newest_launch_of_a_group_counts_alone():
    found = refused_launch("workers", [activity(9, "Successful"), activity(2, "Failed")])
    assert found and (found.object, found.message) == ("AutoScalingGroup workers", "Failed 2")
    assert refused_launch("workers", [activity(9, "Failed"), activity(2, "Successful")]) is None
    terminated = activity(1, "Failed", "Terminating EC2 instance")
    assert refused_launch("workers", [activity(2, "Successful"), terminated]) is None


def test_health_issues_of_a_node_group_are_told_by_their_code():
    issue = {"code": "AsgInstanceLaunchFailures", "message": "Could not launch On-Demand Instances."}
    (found,) = health({"nodegroupName": "gpu", "health": {"issues": [issue]}})
    assert (found.by, found.object, found.reason) == ("EKS", "NodeGroup gpu", "AsgInstanceLaunchFailures")


NEW_STATUS = """
time: 2026-11-30 11:59:30.1 +0000 UTC m=+12.3
autoscalerStatus: Running
nodeGroups:
- name: workers
  scaleUp:
    status: Backoff
    backoffInfo: {errorCode: VcpuLimitExceeded, errorMessage: too many}
- name: others
  scaleUp: {status: NoActivity}
"""
OLD_STATUS = """Cluster-autoscaler status at 2026-11-30 11:59:30 +0000 UTC:
Cluster-wide:
  Health: Healthy
NodeGroups:
  Name:        workers
  Health:      Healthy
  ScaleUp:     Backoff (ready=0)
"""


def test_the_autoscalers_status_is_read_as_it_is_written_now_and_was_before():
    noted = {"annotations": {"cluster-autoscaler.kubernetes.io/last-updated": "2026-11-30 11:59:30.1 +0000 UTC"}}
    new = status({"metadata": noted, "data": {"status": NEW_STATUS}})
    assert new.backs_off("workers") == "Backoff: VcpuLimitExceeded too many"
    assert new.backs_off("others") == ""
    old = status({"metadata": noted, "data": {"status": OLD_STATUS}})
    assert old.backs_off("workers") == "Backoff"
    assert [each.is_alive(NOW) for each in (new, old)] == [True, True]
    assert not new.is_alive(NOW + timedelta(minutes=10))


# --- pods that are asked for -----------------------------------------------------------------------------------------


def observed(*pods: dict[str, Any]) -> Observed:
    return Observed(NOW, "https://server", {POD: list(pods)})


def test_a_name_that_nothing_has_comes_with_the_nearest():
    seen = observed(pod("web-1"), pod("db-1"))
    with pytest.raises(InputError, match="no pod shop/web-2; nearest: web-1"):
        named(seen, [], "shop", "web-2")
    with pytest.raises(InputError, match="no pod default/web-1; nearest: shop/web-1"):
        named(seen, [], "default", "web-1")
    with pytest.raises(InputError, match="namespace shob has none; nearest: shop"):
        named(seen, [], "shob", "nothing")


def replica_set(replicas: int, there: int) -> dict[str, Any]:
    owner = {"kind": "Deployment", "name": "web", "uid": "d", "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta("web-abc", "shop", ownerReferences=[owner]),
        "spec": {"replicas": replicas},
        "status": {"replicas": there},
    }


def missing(*said_: Said, replicas: int = 5, there: int = 2) -> list[tuple[str, int]]:
    seen = Observed(NOW, "https://server", {Kind("apps", "ReplicaSet"): [replica_set(replicas, there)], POD: []})
    return [(each.owner, each.missing) for each in waiting_pods(seen, events(said_))]


def test_pods_that_are_refused_are_counted_and_those_that_are_just_being_made_are_not():
    refused = word("FailedCreate", "Error creating", "replicaset-controller", "ReplicaSet shop/web-abc")
    assert missing(refused) == [("Deployment web", 3)]
    assert missing() == []
    assert missing(refused, there=5) == []


@pytest.mark.parametrize(
    "text, id_, message",
    [
        (
            'Error creating: pods "a-1" is forbidden: exceeded quota: gpus, requested: '
            "requests.cpu=2,requests.nvidia.com/gpu=1, used: requests.cpu=7,requests.nvidia.com/gpu=4, limited: "
            "requests.cpu=8,requests.nvidia.com/gpu=4",
            "namespace-quota",
            "ResourceQuota gpus of namespace shop is used up: 7 of 8 requests.cpu, one pod asks for 2; 4 of 4 "
            "requests.nvidia.com/gpu, one pod asks for 1",
        ),
        (
            'Error creating: pods "a-1" is forbidden: failed quota: all: must specify limits.cpu for: server',
            "namespace-quota",
            "ResourceQuota all of namespace shop takes only pods that ask for limits.cpu for: server",
        ),
        (
            'Error creating: admission webhook "v.example" denied the request: no owner label',
            "admission-refused",
            'an admission webhook refuses its pods: Error creating: admission webhook "v.example" denied the request: '
            "no owner label",
        ),
        (
            'Error creating: pods "a-1" is forbidden: no PriorityClass with name high was found',
            "admission-refused",
            "the API server refuses its pods: no PriorityClass with name high was found",
        ),
    ],
)
def test_pods_that_cannot_be_made_tell_why(text: str, id_: str, message: str):
    found = refused_pod(text, Waiting(replica_set(1, 0), "Deployment web", 1))
    assert (found.id.value, found.message) == (id_, message)
