"""What a pod that waits is called after."""

from eks_gpu.live.why.waiting_pods import Owners
from tests.eks_gpu.live.test_resources import observed, owner, pod


def test_a_pod_whose_replica_set_may_not_be_read_is_of_the_deployment_by_name():
    of = {"labels": {"pod-template-hash": "5d4c"}, **owner("ReplicaSet", "web-5d4c", "not-read")}
    ours = pod("web-5d4c-x", of)
    assert Owners(observed(ours)).of(ours) == (ours, "Deployment web")
