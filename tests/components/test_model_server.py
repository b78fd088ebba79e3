"""ModelServer: any server on the contract of LlmInference."""

from typing import Any

import kubernetes_validate
import pytest

from components import ModelServer
from components.inference.model_server_settings import ModelServerSettingsArgs
from components.values.value import BadInput
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import Run, run
from tests.found import every
from tests.given import CLUSTER

COMPONENT = "eks-gpu-components:index:ModelServer"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POOL = {"instance_types": ["g6.12xlarge"], "max_gpus": 8}
IMAGE = "nvcr.io/nvidia/tritonserver:26.07-py3"
KEY = {"name": "keys", "key": "api"}
S3 = {"s3_uri": "s3://models/triton"}
BY_HAND = {"create_namespace": False}


def made(preview: bool = False, pool: Any = POOL, cluster: Any = CLUSTER, service: Any = None, **settings: Any) -> Run:
    given: Any = {"pool": pool, "settings": {"image": IMAGE, "port": 8000, **settings}}
    given |= ({"cluster": cluster} if cluster else {}) | ({"service": service} if service else {})
    return run(lambda: ModelServer("triton", given), preview=preview)


def pod(**args: Any) -> dict[str, Any]:
    return dict(made(**args).one(DEPLOYMENT).inputs)["spec"]["template"]["spec"]


def server(**args: Any) -> dict[str, Any]:
    (only,) = pod(**args)["containers"]
    return only


def test_the_server_runs_as_it_is_told_and_writes_only_where_it_may():
    found = server(command=["tritonserver"], args=["--x"], env={"A": "1"}, writable=["/tmp", "/cache"], user=1000)
    assert (found["command"], found["args"], found["image"]) == (["tritonserver"], ["--x"], IMAGE)
    assert found["env"] == [{"name": "A", "value": "1"}]
    assert found["volumeMounts"] == [
        {"name": "shm", "mountPath": "/dev/shm"},
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "writable-1", "mountPath": "/cache"},
    ]
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["resources"] == {
        "requests": {"cpu": "2000m", "memory": "12288Mi"},
        "limits": {"memory": "12288Mi", "nvidia.com/gpu": "1"},
    }
    assert pod()["securityContext"]["runAsUser"] == 65532
    assert "command" not in server()


def test_a_server_that_knows_nothing_of_draining_is_stopped_when_streams_have_had_their_time():
    assert server()["lifecycle"] == {"preStop": {"sleep": {"seconds": 90}}}
    assert pod()["terminationGracePeriodSeconds"] == 105
    assert server()["startupProbe"]["failureThreshold"] == 90


def test_secrets_are_referred_to_and_a_folder_in_s3_is_readable():
    found = server(secret_env={"KEY": KEY}, service=BY_HAND)
    assert found["env"] == [{"name": "KEY", "valueFrom": {"secretKeyRef": KEY}}]
    stored = made(model=S3)
    assert "s3://" not in str(stored.one(DEPLOYMENT).inputs)
    assert "arn:aws:s3:::models/triton/*" in stored.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    assert server(model=S3)["env"] == [{"name": "AWS_REGION", "value": "us-west-2"}]
    assert pod(model=S3)["serviceAccountName"] == "triton"


def test_a_volume_is_mounted_read_only_and_the_outputs_are_for_what_scales():
    found = pod(model={"volume_claim": "models"}, service=BY_HAND)
    assert found["containers"][0]["volumeMounts"][-1] == {"name": "model", "mountPath": "/models", "readOnly": True}
    outputs = made(service={"max_replicas": 3}).one(COMPONENT).outputs
    assert (outputs["url"], outputs["deployment_name"]) == ("http://triton.models.svc:8000", "triton")


OTHER: dict[str, Any] = {
    "image": "registry.example/tgi:1",
    "port": 9000,
    "health_path": "/v2/health/ready",
    "command": ["serve"],
    "args": ["--fast"],
    "env": {"A": "1"},
    "secret_env": {"KEY": KEY},
    "model": S3,
    "gpus": 2,
    "start_s": 60,
    "cpu_millicores": 500,
    "memory_mib": 2048,
    "shm_mib": 64,
    "user": 1000,
    "writable": [],
}


def registered(**args: Any) -> dict[str, Any]:
    return {resource.urn: resource.inputs for resource in made(**args).graph if resource.custom}


@pytest.mark.parametrize("field", sorted(ModelServerSettingsArgs.__annotations__.keys() - {"gpu_memory_gib"}))
def test_every_setting_reaches_kubernetes(field):
    service = BY_HAND if field == "secret_env" else None
    assert registered(service=service, **{field: OTHER[field]}) != registered(service=service)


@pytest.mark.parametrize("args", [{}, {"model": S3}, {"secret_env": {"KEY": KEY}, "service": BY_HAND}])
def test_kubernetes_and_the_sdk_take_all_of_it_and_a_preview_plans_the_same(args):
    found = made(**args)
    for _, manifest in every(kubernetes_objects(found.graph)):
        kubernetes_validate.validate(manifest, "1.35", strict=True)
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []
    assert made(preview=True, **args).urns() == found.urns()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            {"gpu_memory_gib": 40},
            "settings.gpu_memory_gib must be at most 22.0, which g6.12xlarge has, got 40; "
            "cheapest type that does: g6e.xlarge",
        ),
        (
            {"gpu_memory_gib": 400},
            "settings.gpu_memory_gib must be at most 22.0, which g6.12xlarge has, got 400; no instance type has",
        ),
        (
            {"gpus": 5},
            "settings: a pod must find its GPUs on one node, got 5 and g6.12xlarge has 4; a server over several nodes "
            "is not made here: take a type with more or larger GPUs",
        ),
        ({"gpus": 4, "service": {"replicas": 3}}, "service: the pool has GPUs for 2 pods (max_gpus 8, 4 a pod), got 3"),
        (
            {"pool": {**POOL, "nodes": 1}, "gpus": 4, "service": {"replicas": 2}},
            "service: the pool has GPUs for 1 pods (nodes 1, 4 a pod), got 2",
        ),
        ({"image": "nvcr.io/nvidia/tritonserver"}, "settings.image must have a tag that stays, or a digest, got"),
        ({"port": 80}, "settings.port must be at least 1024, got 80"),
        ({"user": 0}, "settings.user must be at least 1, got 0"),
        ({"env": {"A": "1"}, "secret_env": {"A": KEY}}, "settings: env and secret_env both have A"),
        ({"shm_mib": 20_000}, "settings: shm_mib is a part of memory_mib 12288, got 20000"),
        ({"writable": ["tmp"]}, "settings.writable[0] must be a folder, as /tmp, got 'tmp'"),
        ({"writable": ["/tmp", "/tmp"]}, "settings: writable has a folder twice"),
        ({"model": {}}, "settings.model: give one of s3_uri, volume_claim, got none"),
        ({"model": S3, "cluster": None}, "cluster is required for settings.model.s3_uri"),
        ({"secret_env": {"A": KEY}}, "service.create_namespace must be false for settings.secret_env: it is there"),
        ({"pool": {"instance_types": ["inf2.xlarge"], "max_gpus": 1}}, "pool must have NVIDIA GPUs, got neuron"),
    ],
)
def test_what_cannot_run_is_refused(args, problem):
    with pytest.raises(BadInput) as refused:
        made(**args)
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)


def test_the_page_has_an_example_that_runs():
    assert run_example("model_server").one(COMPONENT)
