"""GpuSmokeTest: nvidia-smi on one GPU of a given name, which makes Karpenter or Auto Mode start a node that has it."""

from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.gpu_trials import create_job, trial_pod, trial_problem
from .nodes import node_pool
from .values.arg_words import SmokeTestBackendArg
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check
from .values.words import SmokeTestBackend

PROVISIONERS = {"auto-mode": node_pool.AUTO_MODE, "karpenter": node_pool.KARPENTER}


class GpuSmokeTestArgs(TypedDict):
    """Which GPU to test, of which pool."""

    pool: GpuPoolArgs
    """The GPU pool whose nodes the pods run on."""
    gpu: NotRequired[str]
    """Name of the GPU, such as l40s. Default the one that all the pool's types have."""
    backend: SmokeTestBackendArg
    """What makes the pool's nodes: karpenter or auto-mode. The names of node labels depend on it."""
    cpu_millicores: NotRequired[int]
    """CPU request of the pod, in thousandths of a core. Default 100."""
    memory_mib: NotRequired[int]
    """Memory request and limit of the pod, in MiB. Default 256."""
    namespace: NotRequired[str]
    """Namespace of the Job. Default default."""


class GpuSmokeTestSpec(Value):
    """GpuSmokeTestArgs as a checked value."""

    pool: GpuPool
    gpu: str = ""
    backend: SmokeTestBackend
    cpu_millicores: int = Field(default=100, ge=1)
    memory_mib: int = Field(default=256, ge=32)
    namespace: str = "default"

    @property
    def gpu_name(self) -> str:
        """The GPU asked for, or the only one that the pool's types have."""
        return self.gpu or next(iter(_gpus(self.pool)))

    @model_validator(mode="after")
    def _names_a_gpu_of_the_pool(self) -> Self:
        gpus = _gpus(self.pool)
        if problem := trial_problem(self.pool):
            raise ValueError(problem)
        if not self.gpu and len(gpus) > 1:
            raise ValueError(f"gpu is required where a pool has several kinds, one of {', '.join(gpus)}")
        if self.gpu_name not in gpus:
            raise ValueError(f"gpu must be one that the pool has, {', '.join(gpus)}, got {self.gpu!r}")
        return self

    @model_validator(mode="after")
    def _fits_a_node_with_it(self) -> Self:
        room = {row.name: catalog.allocatable(row) for row in _gpus(self.pool)[self.gpu_name]}
        if not any(self.cpu_millicores <= node["cpu"] and self.memory_mib <= node["memory"] for node in room.values()):
            has = ", ".join(f"{name} {node['cpu']} and {node['memory']} MiB" for name, node in room.items())
            asked = f"{self.cpu_millicores} cpu_millicores and memory_mib {self.memory_mib}"
            raise ValueError(f"no node with {self.gpu_name} has room for {asked}; for pods have {has}")
        return self


class GpuSmokeTest(ComponentResource):
    """A Job that ends when nvidia-smi has seen the GPU; `pulumi up` waits for it."""

    job_name: Output[str]
    """Name of the Job in Kubernetes."""

    def __init__(self, name: str, args: GpuSmokeTestArgs, opts: ResourceOptions | None = None):
        """Runs the test in the Job `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `GpuSmokeTestArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(GpuSmokeTestSpec, args)
        super().__init__("eks-gpu-components:index:GpuSmokeTest", name, args, opts)

        job = create_job(name, spec.namespace, pod(spec), self, opts)

        self.job_name = job.metadata.name
        self.register_outputs({"job_name": self.job_name})


def pod(spec: GpuSmokeTestSpec) -> dict[str, Any]:
    """A pod's spec that only the pool's nodes with this GPU can take."""
    memory = f"{spec.memory_mib}Mi"
    return trial_pod(
        spec.pool,
        {
            "name": "nvidia-smi",
            # Without CUDA: the device plugin puts the node's nvidia-smi into the container.
            "image": catalog.NVIDIA_SMI_IMAGE,
            "command": ["nvidia-smi"],
            "resources": {
                "requests": {"cpu": f"{spec.cpu_millicores}m", "memory": memory},
                "limits": {"memory": memory, spec.pool.resource: "1"},
            },
        },
        # Known to the provisioner of each type, so it may choose the type by it before there is a node.
        {catalog.instance_label("gpu-name", PROVISIONERS[spec.backend].group): spec.gpu_name},
    )


def _gpus(pool: GpuPool) -> dict[str, list[catalog.InstanceType]]:
    """GPU name to the pool's types that have it."""
    found: dict[str, list[catalog.InstanceType]] = {}
    for row in pool.instance_types:
        if row.accelerator:
            found.setdefault(row.accelerator.name, []).append(row)
    return found
