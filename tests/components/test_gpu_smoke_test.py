"""GpuSmokeTest: nvidia-smi on a GPU of a given name, and on no other."""

from typing import Any

import kubernetes_validate
import pytest

from components.gpu_smoke_test import GpuSmokeTest
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

JOB = "kubernetes:batch/v1:Job"
POOL: Any = {"instance_types": ["g6.xlarge", "g6.2xlarge", "g6e.xlarge", "g6e.2xlarge"], "max_gpus": 4}
L40S: Any = {"pool": POOL, "backend": "auto-mode", "gpu": "l40s", "cpu_millicores": 3500, "memory_mib": 30720}


def smoke_test(preview: bool = False, **args: Any):
    given: Any = {**L40S, **args}
    return run(lambda: GpuSmokeTest("nvidia-smi", given), preview=preview)


def pod(**args: Any) -> dict[str, Any]:
    return smoke_test(**args).one(JOB).inputs["spec"]["template"]["spec"]


def refusal(**args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        smoke_test(**args)
    return refused.value.problems


def test_the_pod_takes_one_l40s_of_the_pool():
    assert pod() == {
        "nodeSelector": {
            "nvidia.com/gpu.present": "true",
            "k8s.amazonaws.com/accelerator": "nvidia",
            "eks.amazonaws.com/instance-gpu-name": "l40s",
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "nvidia-smi",
                "image": "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal",
                "command": ["nvidia-smi"],
                "resources": {
                    "requests": {"cpu": "3500m", "memory": "30720Mi"},
                    "limits": {"memory": "30720Mi", "nvidia.com/gpu": "1"},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "restartPolicy": "Never",
    }


def test_karpenter_calls_the_same_label_by_its_own_domain():
    assert pod(backend="karpenter")["nodeSelector"]["karpenter.k8s.aws/instance-gpu-name"] == "l40s"
    assert "eks.amazonaws.com/instance-gpu-name" not in pod(backend="karpenter")["nodeSelector"]


def test_the_gpu_need_not_be_named_where_the_pool_has_one_kind():
    args: Any = {"pool": {"instance_types": ["g6.xlarge", "g6.2xlarge"], "max_gpus": 2}, "backend": "auto-mode"}
    ran = run(lambda: GpuSmokeTest("nvidia-smi", args))
    found = ran.one(JOB).inputs["spec"]["template"]["spec"]
    assert found["nodeSelector"]["eks.amazonaws.com/instance-gpu-name"] == "l4"
    assert found["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "256Mi", "nvidia.com/gpu": "1"},
    }


def test_it_tolerates_the_taint_that_its_pool_really_has():
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}
    assert pod(pool={**POOL, "taint": taint})["tolerations"] == [
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}
    ]


def test_it_runs_once_and_is_waited_for_as_long_as_a_node_from_zero_takes():
    job = smoke_test().one(JOB)
    assert job.inputs["spec"]["backoffLimit"] == 3
    assert job.options["customTimeouts"] == {"create": "30m", "update": "30m"}


def test_it_runs_in_the_namespace_asked_for():
    assert smoke_test().one(JOB).inputs["metadata"] == {"name": "nvidia-smi", "namespace": "default"}
    assert smoke_test(namespace="gpu").one(JOB).inputs["metadata"]["namespace"] == "gpu"


def test_kubernetes_takes_it_and_a_preview_plans_the_same():
    found = smoke_test()
    kubernetes_validate.validate(dict(found.one(JOB).inputs), "1.35", strict=True)
    assert problems(JOB, found.one(JOB).inputs) == []
    assert smoke_test(preview=True).urns() == found.urns()


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"gpu": "h100"}, "gpu must be one that the pool has, l4, l40s, got 'h100'"),
        ({"gpu": ""}, "gpu is required where a pool has several kinds, one of l4, l40s"),
        ({"backend": "node-group"}, "backend must be one of karpenter, auto-mode, got 'node-group'"),
        (
            {"gpu": "l4"},
            "no node with l4 has room for 3500 cpu_millicores and memory_mib 30720; for pods have g6.xlarge 3920 and "
            "14162 MiB, g6.2xlarge 7910 and 29317 MiB",
        ),
        (
            {"pool": {"instance_types": ["inf2.xlarge"], "max_gpus": 1}},
            "pool must have NVIDIA GPUs, got neuron",
        ),
    ],
)
def test_a_test_that_no_node_of_the_pool_could_run_is_refused(args, found):
    assert refusal(**args) == [found]


def test_the_page_has_an_example_that_runs():
    assert run_example("gpu_smoke_test").one(JOB).name == "nvidia-smi"
