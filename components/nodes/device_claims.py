"""A GpuPool whose pods claim GPUs by DRA: its class of devices, what a pod claims, and where it works."""

from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as kubernetes
from pulumi import Resource, ResourceOptions

from ..catalog import DRA_DRIVER, DRA_SINCE, SHARED_DRA_SINCE, SHARES, dra_devices, minor_of
from ..values.gpu_pool import GpuPool
from ..values.gpu_pool_args import GpuPoolArgs
from ..values.value import BadInput, check

if TYPE_CHECKING:
    from pulumi_kubernetes.resource.v1 import ResourceClaimTemplateSpecArgsDict

REQUEST = "gpu"
"""Name of the request in a claim, and of the claim in a pod."""


def device_class(pool: GpuPool) -> dict[str, Any]:
    """A DeviceClass's `spec`: whole GPUs of the products that the pool's types have. Source: resource.k8s.io/v1."""
    return {
        "selectors": [_selector(f"device.driver == '{DRA_DRIVER}' && {_attribute('type')} == 'gpu' && {_of(pool)}")]
    }


def create_device_class(name: str, pool: GpuPool, parent: Resource) -> None:
    """Creates the class of a pool with claims, which has the pool's name; nothing for another pool."""
    if pool.claims:
        spec: Any = device_class(pool)
        kubernetes.resource.v1.DeviceClass(
            f"{name}-device-class",
            metadata={"name": name},
            spec=spec,
            opts=ResourceOptions(parent=parent),
        )


def pool_claim(
    name: str,
    pool: GpuPoolArgs | GpuPool,
    *,
    gpus: int = 1,
    gpu_memory_gib: int = 0,
    shares: int = 0,
    expression: str = "",
) -> "ResourceClaimTemplateSpecArgsDict":
    """What each pod of a pool with `devices` claims claims, for `spec` of a ResourceClaimTemplate.

    name: name of the component that makes the pool's nodes, which its DeviceClass has too.
    pool: description of the pool.
    gpus: number of GPUs of one pod, at most as many as a node has.
    gpu_memory_gib: memory that each of them has at least, in GiB; 0 for any.
    shares: of a GPU that pods share, the number of shares that a pod takes; 0 for the one that is the default.
    expression: a further condition in CEL on `device`, such as a compute capability.
    Raises BadInput with every problem.
    """
    made = pool if isinstance(pool, GpuPool) else check(GpuPool, pool, "pool")
    if problems := _claim_problems(made, gpus, gpu_memory_gib, shares):
        raise BadInput(problems)
    memory = f"device.capacity['{DRA_DRIVER}'].memory.compareTo(quantity('{gpu_memory_gib}Gi')) >= 0"
    conditions = [*([memory] if gpu_memory_gib else []), *([expression] if expression else [])]
    exactly: dict[str, Any] = {"deviceClassName": name, "allocationMode": "ExactCount", "count": gpus}
    if conditions:
        exactly["selectors"] = [_selector(each) for each in conditions]
    if shares:
        exactly["capacity"] = {"requests": {SHARES: str(shares)}}
    claim: Any = {"spec": {"devices": {"requests": [{"name": REQUEST, "exactly": exactly}]}}}
    return claim


def claim_problems(pool: GpuPool, kubernetes_version: Any, since: tuple[int, ...] = DRA_SINCE) -> list[str]:
    """A sentence for each thing that keeps pods of a pool with claims from their GPUs on this version.

    A version that is known after the update only is not judged.
    """
    if not pool.claims or not isinstance(kubernetes_version, str):
        return []
    minor, problems = minor_of(kubernetes_version), []
    if minor < since:
        reason = f"claims need Kubernetes {_written(since)} or later here, and the cluster has {kubernetes_version}"
        problems.append(f"pool.devices: {reason}: take plugin, or update the cluster")
    elif pool.sharing and minor < SHARED_DRA_SINCE:
        reason = f"claims share a GPU from Kubernetes {_written(SHARED_DRA_SINCE)} on"
        problems.append(f"pool.sharing: {reason}, and the cluster has {kubernetes_version}: leave it out")
    return problems


def _claim_problems(pool: GpuPool, gpus: int, gpu_memory_gib: int, shares: int) -> list[str]:
    problems = []
    if not pool.claims:
        problems.append("pool.devices must be claims: the nodes' driver makes no devices otherwise, got plugin")
    if not 1 <= gpus <= pool.accelerators_per_node:
        most = pool.accelerators_per_node
        problems.append(f"gpus must be 1 to {most}, as many as a node of the pool has, got {gpus}")
    has = max(
        (dra_devices()[row.name].memory_mib for row in pool.instance_types if row.name in dra_devices()), default=0
    )
    if not 0 <= gpu_memory_gib * 1024 <= has:
        rule = f"gpu_memory_gib must be at most {has // 1024}, as much as a GPU of the pool has for pods"
        problems.append(f"{rule}, got {gpu_memory_gib}")
    most = pool.sharing.replicas if pool.sharing else 0
    if not 0 <= shares <= most:
        rule = f"must be 0 to {most}" if most else "needs a pool with sharing"
        problems.append(f"shares {rule}, got {shares}")
    return problems


def _of(pool: GpuPool) -> str:
    products = sorted({dra_devices()[row.name].product for row in pool.instance_types})
    return f"{_attribute('productName')} in [{', '.join(repr(name) for name in products)}]"


def _attribute(name: str) -> str:
    return f"device.attributes['{DRA_DRIVER}'].{name}"


def _selector(expression: str) -> dict[str, Any]:
    return {"cel": {"expression": expression}}


def _written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
