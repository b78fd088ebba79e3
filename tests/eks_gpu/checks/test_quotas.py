"""Quotas and limit ranges that refuse pods."""

import pytest

from tests.graphs import analysed
from tests.whole_graphs import changed, failure, healthy, holds, limit_range, quota, serving

ROOM, TAKES = "quotas-leave-room-for-workloads", "limit-ranges-take-the-pods"
QUOTA, LIMITS = "ResourceQuota serving/quota", "LimitRange serving/limits"


@pytest.mark.parametrize(
    ("hard", "said"),
    [
        ({"pods": "1"}, "pods is 1, and its workloads need 2"),
        ({"count__pods": "0"}, "count/pods is 0, and its workloads need 2"),
        ({"requests_cpu": "150m"}, "requests.cpu is 150m, and its workloads need 200m"),
        ({"cpu": "0.1"}, "cpu is 0.1, and its workloads need 200m"),
        ({"requests_memory": "128Mi"}, "requests.memory is 128Mi, and its workloads need 256Mi"),
    ],
)
def test_a_quota_that_is_too_small(hard, said):
    assert failure(ROOM, quota=quota(**hard), pod_autoscaler=None) == (QUOTA, said)


def test_a_quota_on_gpus():
    asking = changed(serving(), resources={"limits": {"nvidia.com/gpu": 2}})
    assert failure(ROOM, serving=asking, quota=quota(**{"requests_nvidia.com/gpu": "3"}), pod_autoscaler=None) == (
        QUOTA,
        "requests.nvidia.com/gpu is 3, and its workloads need 4",
    )


def test_what_an_autoscaler_may_add_is_a_warning():
    found = [one for one in analysed(*healthy(quota=quota(pods="3"))).findings if one.id == ROOM]
    assert [(one.passed, one.severity, one.message) for one in found] == [
        (False, "warning", "pods is 3, and its workloads need 4")
    ]
    assert holds(ROOM, quota=quota(pods="4"))


def test_a_quota_of_limits_refuses_containers_without_one():
    said = "it counts limits.cpu, and container api of Deployment serving/api says none: set resources.limits.cpu"
    assert failure(ROOM, quota=quota(limits_cpu="64")) == (QUOTA, said)
    assert holds(ROOM, quota=quota(limits_cpu="64"), limit_range=limit_range(default={"cpu": "1"}))
    limited = changed(serving(), resources={"limits": {"cpu": "1"}})
    assert holds(ROOM, quota=quota(limits_cpu="64"), serving=limited)


@pytest.mark.parametrize("hard", [{"pods": "10"}, {"requests_nvidia.com/gpu": "0"}, {"services": "0"}])
def test_a_quota_with_room(hard):
    assert holds(ROOM, quota=quota(**hard))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"max": {"memory": "64Mi"}}, "container api of Deployment serving/api has 128Mi of memory, and max is 64Mi"),
        ({"min": {"cpu": "1"}}, "container api of Deployment serving/api asks for 100m of cpu, and min is 1"),
    ],
)
def test_a_limit_range_that_refuses_a_container(row, said):
    assert failure(TAKES, limit_range=limit_range(**row)) == (LIMITS, said)


FITTING = ({"max": {"cpu": "100m"}}, {"min": {"memory": "128Mi"}}, {"max": {"nvidia.com/gpu": "0"}})


@pytest.mark.parametrize("row", FITTING)
def test_a_limit_range_that_takes_a_container(row):
    assert holds(TAKES, limit_range=limit_range(**row))
