"""A pod template of a custom resource that is no pod's: wrong input with its place, and no crash."""

import copy
from typing import Any

import pytest

from eks_gpu.graph.unknown import Asked, Told, listening
from eks_gpu.pods.demand import workloads_of
from eks_gpu.pods.pod import pod_from_template

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def robot(**spec: Any) -> dict[str, Any]:
    """An object of a kind that nobody here knows."""
    container = {"name": "main", "image": "a", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    made = {"apiVersion": "example.com/v1", "kind": "Robot", "metadata": {"name": "it", "namespace": "ml"}}
    return {**made, "spec": {"template": {"spec": {"containers": [container], **spec}}}}


def affinity(*terms: Any) -> dict[str, Any]:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"nodeSelector": ["gpu"]}, "nodeSelector must be a map, got ['gpu']"),
        ({"nodeSelector": "gpu"}, "nodeSelector must be a map, got 'gpu'"),
        ({"tolerations": {"key": "a"}}, "tolerations must be a list, got {'key': 'a'}"),
        ({"tolerations": ["a"]}, "tolerations[0] must be a map, got 'a'"),
        ({"tolerations": [None]}, "tolerations[0] must be a map, got nothing"),
        ({"affinity": []}, "affinity must be a map, got []"),
        ({"affinity": affinity("a")}, f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0] must be a map, got 'a'"),
        (
            {"affinity": affinity({"matchExpressions": [{"operator": "Exists"}]})},
            f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0] must have key and operator, "
            "got {'operator': 'Exists'}",
        ),
        ({"initContainers": 3}, "initContainers must be a list, got 3"),
        (
            {"initContainers": [{"name": "a", "resources": {"limits": ["gpu"]}}]},
            "initContainers[0].resources.limits must be a map, got ['gpu']",
        ),
        ({"volumes": "data"}, "volumes must be a list, got 'data'"),
        ({"topologySpreadConstraints": [1]}, "topologySpreadConstraints[0] must be a map, got 1"),
    ],
)
def test_a_field_of_another_shape(spec, said):
    with pytest.raises(ValueError, match="Robot ml/it: ") as refused:
        workloads_of(robot(**spec))
    assert str(refused.value) == f"Robot ml/it: spec.template.spec.{said}"


def test_labels_of_another_shape():
    made = robot()
    made["spec"]["template"]["metadata"] = {"labels": ["a"]}
    with pytest.raises(ValueError, match=r"^Robot ml/it: spec.template.metadata.labels must be a map, got \['a'\]$"):
        workloads_of(made)


def test_keys_and_values_that_are_numbers_are_read_as_texts():
    toleration = {"key": 5, "operator": "Exists", "effect": None}
    limits = {"nvidia.com/gpu": 1, 7: 2}
    container = {"name": "main", "image": "a", "resources": {"limits": limits}}
    (made,) = workloads_of(robot(nodeSelector={1: 2, "a": True}, tolerations=[toleration], containers=[container]))
    assert made.pod.node_selector == {"1": "2", "a": "True"}
    assert made.pod.tolerations[0].key == "5"
    assert made.pod.requests == {"7": 2, "nvidia.com/gpu": 1}
    assert hash(made.pod.shape)


def test_what_is_null_is_left_out():
    fields = ("nodeSelector", "tolerations", "affinity", "initContainers", "volumes", "overhead")
    (made,) = workloads_of(robot(**dict.fromkeys(fields)))
    (plain,) = workloads_of(copy.deepcopy(robot()))
    assert made.pod == plain.pod


def test_a_look_at_the_shape_asks_for_no_value():
    spec = Told({"containers": []}, {"volumes": Asked("urn", "spec.volumes")})
    with listening() as asked:
        pod_from_template({"spec": spec})
    assert not asked
