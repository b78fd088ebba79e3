"""CudaVectorAdd: a test of a pool with NVIDIA's sample, which adds two vectors on one GPU."""

from typing import Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.disposable import disposable
from .control_plane.gpu_trials import create_job, trial_pod, trial_problem
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
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
        if problem := trial_problem(self.pool):
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
            workload = create_job(name, spec.namespace, pod(spec.pool, SAMPLE), self, opts)
        else:
            workload = kubernetes.apps.v1.Deployment(
                name, **deployment(name, spec, spec.replicas), opts=disposable(self, opts)
            )

        self.workload_name = workload.metadata.name
        self.register_outputs({"workload_name": self.workload_name})


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
    """A pod's spec that runs a script of the sample's image on one GPU."""
    return trial_pod(
        pool,
        {
            "name": "cuda-vector-add",
            "image": catalog.CUDA_SAMPLE_IMAGE,
            "command": ["sh", "-c", script],
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"memory": "1Gi", pool.resource: "1"},
            },
        },
    )
