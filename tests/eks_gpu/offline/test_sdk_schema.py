"""The check of recorded inputs finds what the SDK lets through."""

from eks_gpu.offline.sdk_schema import ignored_path_problem, problems

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
GROUP = {
    "clusterName": "c",
    "nodeRoleArn": "r",
    "subnetIds": ["s"],
    "scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 0},
}


def test_a_complete_group_has_no_problem():
    assert problems(NODE_GROUP, GROUP) == []


def test_a_wrong_key_in_a_nested_object_is_found_with_the_right_one():
    taints = [{"key": "k", "effct": "NO_SCHEDULE"}]
    assert problems(NODE_GROUP, {**GROUP, "taints": taints}) == [
        "NodeGroup.taints[0].effct: no such property; nearest: effect",
        "NodeGroup.taints[0].effect: required",
    ]


def test_a_missing_property_and_a_wrong_type_are_found():
    scaling = {"minSize": "0", "maxSize": 1, "desiredSize": 0}
    assert problems(NODE_GROUP, {"nodeRoleArn": "r", "subnetIds": "s", "scalingConfig": scaling}) == [
        "NodeGroup.subnetIds: want a list, got 's'",
        "NodeGroup.scalingConfig.minSize: want int, got '0'",
        "NodeGroup.clusterName: required",
    ]


def test_kubernetes_objects_are_checked_too():
    spec = {"selector": {}, "template": {"spec": {"containers": [{"name": "a", "imag": "b"}]}}}
    assert problems("kubernetes:apps/v1:Deployment", {"spec": spec}) == [
        "Deployment.spec.template.spec.containers[0].imag: no such property; nearest: image"
    ]


def test_a_snake_case_path_below_the_top_ignores_nothing():
    assert ignored_path_problem(NODE_GROUP, "scalingConfig.desiredSize") is None
    assert ignored_path_problem(NODE_GROUP, "scaling_config.desired_size") == (
        "aws:eks/nodeGroup:NodeGroup: no property 'scaling_config' in 'scaling_config.desired_size'"
    )
