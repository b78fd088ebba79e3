"""A running cluster: what is held of it, and the words in which it is judged."""

import pytest

from eks_gpu.checks import CHECKS
from eks_gpu.live.judged import in_words_of_a_cluster
from eks_gpu.live.observed import Alike
from tests.eks_gpu.live.test_resources import CONTAINER, made, owner, pod


@pytest.mark.parametrize(
    ("said", "of_a_cluster"),
    [
        ("stack", "cluster"),
        ("because the stack has no karpenter", "because the cluster has no karpenter"),
        ("it works for the stack's cluster", "it works for this cluster"),
        ("its launch template is not of this stack", "its launch template is not of the cluster"),
        ("haystacks", "haystacks"),
    ],
)
def test_findings_are_in_the_words_of_a_cluster(said, of_a_cluster):
    assert in_words_of_a_cluster(said) == of_a_cluster


def test_checks_of_what_a_program_does_are_marked():
    assert {id_ for id_, check in CHECKS.items() if check.of_a_program} == {
        "api-address-is-given",
        "custom-resources-follow-their-definitions",
        "desired-size-belongs-to-the-autoscaler",
        "karpenter-keeps-its-permissions-to-the-end",
        "load-balanced-services-go-before-their-controller",
        "managed-groups-fit-their-launch-template",
        "monitors-have-their-operator",
        "namespaces-exist",
        "node-pools-go-before-karpenter",
        "objects-are-accepted",
        "resources-belong-to-the-cluster",
        "selectors-match-their-pods",
        "update-reaches-the-cluster-api",
        "what-makes-aws-resources-is-deleted",
    }


def test_what_equal_pods_have_in_common_is_held_once():
    def with_token(number: int) -> dict[str, object]:
        token = {"name": f"kube-api-access-{number}"}
        mounts = [{**token, "mountPath": "/var/run/secrets"}, {"name": "cache", "mountPath": "/cache"}]
        volumes = [dict(token), {"name": "cache", "emptyDir": {}}]
        return pod(f"web-{number}", volumes=volumes, containers=[{**CONTAINER, "volumeMounts": mounts}])

    keep = Alike().kept
    one, other = (keep(with_token(number))["spec"] for number in range(2))
    assert one["containers"] is other["containers"]
    assert one["volumes"] is other["volumes"]
    assert one["containers"][0]["volumeMounts"] == [{"name": "cache", "mountPath": "/cache"}]
    assert (one["nodeName"], other["nodeName"]) == ("node-of-web-0", "node-of-web-1")


def test_of_a_past_revision_no_template_is_held():
    spec = {"replicas": 0, "template": {"spec": {"containers": [CONTAINER]}}}
    past = made("ReplicaSet", "web-1", "apps/v1", "ml", metadata=owner("Deployment", "web"), spec=spec)
    assert Alike().kept(past)["spec"] == {"replicas": 0}
    assert Alike().kept({**past, "spec": {**spec, "replicas": 1}})["spec"]["template"] == spec["template"]
