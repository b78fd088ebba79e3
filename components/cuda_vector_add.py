"""CudaVectorAdd: a test of a pool with NVIDIA's sample, which adds two vectors on one GPU."""

from typing import Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, CustomTimeouts, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.disposable import ONCE_TIMEOUT, disposable
from .values.gpu_pool import GpuPool, plugin_problem
from .values.gpu_pool_args import GpuPoolArgs
from .values.pool_pods import pool_selector, pool_tolerations
from .values.value import Value, check

SAMPLE = "/cuda-samples/vectorAdd"
# The sample ends at once, and a container that ends is CrashLoopBackOff. The trap lets a node drain without waiting.
FOR_EVER = f"trap 'exit 0' TERM; while {SAMPLE}; do sleep 10 & wait; done; exit 1"


class CudaVectorAddArgs(TypedDict):
    """Which pool to test, and for how long."""

    pool: GpuPoolArgs
    """The GPU pool whose nodes the pods run on."""
    replicas: NotRequired[int]
    """Number of pods that repeat the sample forever. Default none: one pod runs it once, and `pulumi up` waits for it.
    """
    namespace: NotRequired[str]
    """Namespace of the pods. Default default."""


class CudaVectorAddSpec(Value):
    """CudaVectorAddArgs as a checked value."""

    pool: GpuPool
    replicas: int | None = Field(default=None, ge=0)
    namespace: str = "default"

    @model_validator(mode="after")
    def _has_nvidia_gpus(self) -> Self:
        if self.pool.accelerator != "nvidia":
            raise ValueError(f"pool must have NVIDIA GPUs, got {self.pool.accelerator}")
        if problem := plugin_problem(self.pool):
            raise ValueError(problem)
        return self


class CudaVectorAdd(ComponentResource):
    """A Job or a Deployment whose pods take one GPU each."""

    workload_name: Output[str]
    """Name of the Job or Deployment in Kubernetes."""

    def __init__(self, name: str, args: CudaVectorAddArgs, opts: ResourceOptions | None = None):
        """Runs the test in the pods `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `CudaVectorAddArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(CudaVectorAddSpec, args)
        super().__init__("eks-gpu-components:index:CudaVectorAdd", name, args, opts)

        if spec.replicas is None:
            workload = kubernetes.batch.v1.Job(
                name,
                **job(name, spec),
                opts=disposable(self, opts, custom_timeouts=CustomTimeouts(create=ONCE_TIMEOUT, update=ONCE_TIMEOUT)),
            )
        else:
            workload = kubernetes.apps.v1.Deployment(
                name, **deployment(name, spec, spec.replicas), opts=disposable(self, opts)
            )

        self.workload_name = workload.metadata.name
        self.register_outputs({"workload_name": self.workload_name})


def job(name: str, spec: CudaVectorAddSpec) -> dict[str, Any]:
    """A Job with one pod, which is retried if its node is removed."""
    return {
        "metadata": {"name": name, "namespace": spec.namespace},
        "spec": {"backoffLimit": 3, "template": {"spec": {**pod(spec.pool, SAMPLE), "restartPolicy": "Never"}}},
    }


def deployment(name: str, spec: CudaVectorAddSpec, replicas: int) -> dict[str, Any]:
    """Pods that hold their GPUs until the replicas are lowered."""
    labels = {"app.kubernetes.io/name": "cuda-vector-add", "app.kubernetes.io/instance": name}
    return {
        "metadata": {
            "name": name,
            "namespace": spec.namespace,
            "labels": labels,
            # Whether a zone has GPUs to sell right now is not for `pulumi up` to wait for.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": catalog.COLD_START_S,
            "selector": {"matchLabels": labels},
            # A rolling update would want a GPU more than the pool may have.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels}, "spec": pod(spec.pool, FOR_EVER)},
        },
    }


def pod(pool: GpuPool, script: str) -> dict[str, Any]:
    """A pod's spec that only the pool's nodes can take, and with no more rights than it needs."""
    return {
        "nodeSelector": pool_selector(pool),
        "tolerations": pool_tolerations(pool),
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "cuda-vector-add",
                "image": catalog.CUDA_SAMPLE_IMAGE,
                "command": ["sh", "-c", script],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "1Gi", pool.resource: "1"},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
