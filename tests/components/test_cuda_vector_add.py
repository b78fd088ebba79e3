"""CudaVectorAdd: one GPU a pod, on the pool's nodes alone, once or for ever."""

from typing import Any

import kubernetes_validate
import pytest

from components.cuda_vector_add import CudaVectorAdd
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

JOB = "kubernetes:batch/v1:Job"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POOL = {"instance_types": ["g5.xlarge"], "max_gpus": 2, "labels": {"team": "vision"}}


def sample(preview: bool = False, **args: Any):
    given: Any = {"pool": POOL, **args}
    return run(lambda: CudaVectorAdd("vectors", given), preview=preview)


def pod(**args: Any) -> dict[str, Any]:
    found = sample(**args)
    (workload,) = [*found.of(JOB), *found.of(DEPLOYMENT)]
    return workload.inputs["spec"]["template"]["spec"]


def container(**args: Any) -> dict[str, Any]:
    (only,) = pod(**args)["containers"]
    return only


def test_without_replicas_it_runs_once_and_is_waited_for():
    job = sample().one(JOB)
    assert job.inputs["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job.inputs["spec"]["backoffLimit"] == 3
    assert container()["command"] == ["sh", "-c", "/cuda-samples/vectorAdd"]
    assert "annotations" not in job.inputs["metadata"]


def test_the_wait_is_long_enough_for_a_node_from_zero():
    assert sample().one(JOB).options["customTimeouts"] == {"create": "30m", "update": "30m"}


def test_with_replicas_the_sample_is_repeated_since_one_that_ends_is_a_crash_loop():
    deployment = sample(replicas=10).one(DEPLOYMENT).inputs
    assert deployment["spec"]["replicas"] == 10
    assert container(replicas=10)["command"] == [
        "sh",
        "-c",
        "trap 'exit 0' TERM; while /cuda-samples/vectorAdd; do sleep 10 & wait; done; exit 1",
    ]
    assert sample(replicas=10).of(JOB) == []


def test_an_update_does_not_wait_for_gpus_that_are_sold_out_nor_ask_for_one_more():
    deployment = sample(replicas=10).one(DEPLOYMENT).inputs
    assert deployment["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_a_deployment_selects_its_own_pods():
    spec = sample(replicas=1).one(DEPLOYMENT).inputs["spec"]
    assert spec["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "cuda-vector-add",
        "app.kubernetes.io/instance": "vectors",
    }
    assert spec["template"]["metadata"]["labels"] == spec["selector"]["matchLabels"]


@pytest.mark.parametrize("args", [{}, {"replicas": 2}])
def test_a_pod_takes_one_gpu_of_the_pool_and_of_no_other(args):
    assert container(**args)["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
    }
    assert pod(**args)["nodeSelector"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-a10g",
        "team": "vision",
    }
    assert pod(**args)["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_it_tolerates_the_taint_that_its_pool_really_has():
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}
    assert pod(pool={**POOL, "taint": taint})["tolerations"] == [
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}
    ]


def test_a_pod_has_no_right_that_it_does_not_need():
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_the_image_is_nvidias_current_one():
    assert container()["image"] == "nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"


def test_it_runs_in_the_namespace_asked_for():
    assert sample().one(JOB).inputs["metadata"] == {"name": "vectors", "namespace": "default"}
    assert sample(namespace="gpu").one(JOB).inputs["metadata"]["namespace"] == "gpu"


@pytest.mark.parametrize("args", [{}, {"replicas": 2}])
def test_kubernetes_takes_it_and_a_preview_plans_the_same(args):
    found = sample(**args)
    (workload,) = [*found.of(JOB), *found.of(DEPLOYMENT)]
    kubernetes_validate.validate(dict(workload.inputs), "1.35", strict=True)
    assert problems(workload.type, workload.inputs) == []
    assert sample(preview=True, **args).urns() == found.urns()


def test_a_pool_without_nvidia_gpus_and_negative_replicas_are_refused():
    with pytest.raises(BadInput, match="pool must have NVIDIA GPUs, got neuron"):
        sample(pool={"instance_types": ["inf2.xlarge"], "max_gpus": 1})
    with pytest.raises(BadInput, match="replicas must be at least 0, got -1"):
        sample(replicas=-1)


def test_the_page_has_an_example_that_runs():
    assert len(run_example("cuda_vector_add").of("eks-gpu-components:index:CudaVectorAdd")) == 2
