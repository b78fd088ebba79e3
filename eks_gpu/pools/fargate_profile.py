"""Fargate profiles of EKS: a pool without instances, whose every pod gets a node of its own size.

Source: Amazon EKS User Guide, "Define which Pods use AWS Fargate when launched" (selectors, wildcards, the label that
names a profile), "Understand Fargate Pod configuration details" (sizes, 256 MB for Kubernetes) and "Simplify compute
management with AWS Fargate" (what a pod there cannot have).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import texts
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import CPU, EPHEMERAL_STORAGE, MEMORY, written
from eks_gpu.pods.reasons import NOTHING, Reason, Rule
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import FARGATE, STAYS, Pool, Selector, Upgrade
from eks_gpu_components.catalog import CapacityType
from eks_gpu_components.catalog.api_groups import AUTO_MODE_GROUP

PROFILE_LABEL = f"{AUTO_MODE_GROUP}/fargate-profile"
"""Label of a pod that chooses among the profiles that select it."""
_KUBERNETES_MIB = 256
"""Memory that Fargate adds to each pod's for kubelet, kube-proxy and containerd."""
_STORAGE_GIB = 175
"""Largest ephemeral storage of a pod; 20 GiB without a request."""


@dataclass(frozen=True, slots=True)
class Size:
    """One of Fargate's combinations."""

    vcpus: float
    memory_gib: float

    def as_json(self) -> dict[str, float]:
        """A part of `explain`'s row."""
        return {"vcpus": self.vcpus, "memory_gib": self.memory_gib}

    def __str__(self) -> str:
        return f"{self.vcpus:g} vCPU and {self.memory_gib:g} GiB"


def _sizes() -> Iterator[Size]:
    yield from (Size(0.25, memory) for memory in (0.5, 1, 2))
    for vcpus, least, most, step in (
        (0.5, 1, 4, 1),
        (1, 2, 8, 1),
        (2, 4, 16, 1),
        (4, 8, 30, 1),
        (8, 16, 60, 4),
        (16, 32, 120, 8),
    ):
        yield from (Size(vcpus, memory) for memory in range(least, most + 1, step))


SIZES = tuple(_sizes())
"""Every combination of vCPU and memory, the smallest first."""
LARGEST = SIZES[-1]


def fargate_profile(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """A pool of the pods that its selectors name. It scales by itself, and nothing but an account's quota ends it."""
    inputs = resource.inputs
    subnet_ids = list(inputs.get("subnetIds") or ())
    yield Pool(
        name=str(resource["fargateProfileName"] or resource.name),
        backend=FARGATE,
        urn=resource.urn,
        cluster=str(inputs.get("clusterName") or lookups.owners.only),
        region=lookups.region,
        instance_types=(),
        capacity_types=(CapacityType.ON_DEMAND.value,),
        on_demand_percentage=100,
        upgrade=Upgrade(STAYS, "a pod on Fargate keeps the kubelet of its start until it is made again"),
        zones=lookups.zones(subnet_ids),
        subnets=len(subnet_ids),
        min_nodes=0,
        desired_nodes=None,
        max_nodes=None,
        selectors=tuple(found for item in inputs.get("selectors") or () if (found := _selector(item))),
    )


def _selector(item: Mapping[str, Any]) -> Selector | None:
    namespace = item.get("namespace")
    return Selector(str(namespace), texts(item.get("labels"))) if namespace else None  # unknown, it selects nothing yet


def rejection(pool: Pool, pod: Pod) -> Reason:
    """Why a profile does not run a pod, empty if it does: first whether it selects the pod, then what Fargate lacks."""
    wanted = pod.labels.get(PROFILE_LABEL)
    if wanted and wanted != pool.name:
        return Reason(f"the pod names profile {wanted} in its label {PROFILE_LABEL}", Rule.PROFILE, PROFILE_LABEL)
    if not any(selects(selector, pod) for selector in pool.selectors):
        of = f"namespace {pod.namespace}" + (f" with {_listed(pod.labels)}" if pod.labels else "")
        profile = " or ".join(map(str, pool.selectors)) or "nothing"
        return Reason(f"pod is of {of}, and the profile selects {profile}", Rule.PROFILE)
    if pod.node_name:
        return Reason(f"the pod names its node itself, {pod.node_name}", Rule.NODE_NAME)
    if pod.daemon:
        return Reason("Fargate runs no DaemonSets", Rule.FARGATE)
    if pod.of_the_host:
        return Reason(f"Fargate runs no pod with {' or '.join(pod.of_the_host)}", Rule.FARGATE)
    for resource, amount in pod.requests.items():
        if resource not in (CPU, MEMORY, EPHEMERAL_STORAGE) and amount:
            needs = f"pod needs {written(resource, amount)} of {resource}"
            return Reason(f"{needs}, and Fargate has none", Rule.RESOURCE, resource)
    return _too_large(pod)


def _too_large(pod: Pod) -> Reason:
    if size(pod) is None:
        cpu, memory = pod.requests.get(CPU, 0), pod.requests.get(MEMORY, 0)
        needs = f"{written(CPU, cpu)} of CPU and {written(MEMORY, memory)} of memory"
        resource = CPU if cpu > LARGEST.vcpus * 1000 else MEMORY
        most = f"{LARGEST}, of which Kubernetes takes {_KUBERNETES_MIB} MiB"
        return Reason(f"pod needs {needs}, and Fargate has at most {most}", Rule.RESOURCE, resource)
    storage = pod.requests.get(EPHEMERAL_STORAGE, 0)
    if storage > _STORAGE_GIB * 1024:
        needs = f"pod needs {written(EPHEMERAL_STORAGE, storage)} of {EPHEMERAL_STORAGE}"
        return Reason(f"{needs}, and Fargate has at most {_STORAGE_GIB}Gi", Rule.RESOURCE, EPHEMERAL_STORAGE)
    return NOTHING


def selects(selector: Selector, pod: Pod) -> bool:
    """Whether a selector names the pod, by its namespace and each of its labels; `*` and `?` are wildcards in all."""
    if not _like(selector.namespace, pod.namespace):
        return False
    return all(
        any(_like(key, name) and _like(value, str(own)) for name, own in pod.labels.items())
        for key, value in selector.labels.items()
    )


def _like(pattern: str, text: str) -> bool:
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(char, re.escape(char)) for char in pattern), text, re.DOTALL) is not None


def _listed(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def size(pod: Pod) -> Size | None:
    """The combination that Fargate gives a pod: the smallest that holds what it requests. None if none does."""
    cores = pod.requests.get(CPU, 0) / 1000
    memory_gib = (pod.requests.get(MEMORY, 0) + _KUBERNETES_MIB) / 1024
    return next((each for each in SIZES if each.vcpus >= cores and each.memory_gib >= memory_gib), None)
