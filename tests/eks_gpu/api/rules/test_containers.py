"""A container that the API server refuses."""

import pytest

from tests.eks_gpu.api.asked import of, said

CONTAINER = "spec.containers[0]"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"imagePullPolicy": "always"}, "must be one of Always, IfNotPresent, Never, got 'always'; nearest: Always"),
        ({"Image": "x"}, f"{CONTAINER}.Image is no field of Container; nearest: image"),
        (
            {"name": "Main"},
            f"{CONTAINER}.name must be at most 63 small letters, digits and '-', as my-name, got 'Main'",
        ),
        ({"image": ""}, f"{CONTAINER}.image is required"),
        ({"env": [{"name": "A", "value": 1}]}, f"{CONTAINER}.env[0].value must be a text, got 1"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, f"{CONTAINER}.env[1] has the same name as another"),
        ({"ports": [{"containerPort": 0}]}, f"{CONTAINER}.ports[0].containerPort must be at least 1, got 0"),
        ({"ports": [{"containerPort": "80"}]}, f"{CONTAINER}.ports[0].containerPort must be a whole number, got '80'"),
        ({"tty": "yes"}, f"{CONTAINER}.tty must be true or false, got 'yes'"),
        (
            {"volumeMounts": [{"name": "scrach", "mountPath": "/x"}]},
            f"{CONTAINER}.volumeMounts[0].name is no volume of the pod: scrach; nearest: scratch",
        ),
        ({"livenessProbe": {"periodSeconds": 5}}, "must have one of exec, grpc, httpGet, tcpSocket, got none"),
        (
            {"resources": {"requests": {"vpc.amazonaws.com/efa": 4}}},
            f"{CONTAINER}.resources.limits.vpc.amazonaws.com/efa is required beside the request of 4: write 4",
        ),
        (
            {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
            f"{CONTAINER}.resources.requests.cpu must be at most the limit, 1500m, got 2",
        ),
        (
            {"resources": {"limits": {"nvidia.com/mig-1g.5gb": "0.5"}}},
            "must be a whole number, because nobody gets a part of a device, got 0.5",
        ),
        ({"resources": {"limits": {"gpu": 1}}}, f"{CONTAINER}.resources.limits.gpu is no resource of a container"),
        (
            {"resources": {"limits": {"memory": "1GB"}}},
            "must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '1GB'",
        ),
        (
            {"resources": {"limits": {"hugepages-2Mi": "3Mi", "memory": "1Gi"}}},
            "must be a multiple of its pages' size, got 3Mi",
        ),
        ({"resources": {"limits": {"hugepages-2Mi": "4Mi"}}}, "needs cpu or memory beside it"),
    ],
)
def test_a_container_that_is_refused(change, refused):
    made = of("Pod")
    made["spec"]["containers"][0] |= change
    (found,) = said(made)
    assert refused in found
