"""What objects of a cluster name in its account: roles, instance profiles, queues, and the instances of nodes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.karpenter.objects import part
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import AUTO_NODE_CLASS, EC2_NODE_CLASS, NODE
from eks_gpu.live.observed import Observed
from eks_gpu_components.catalog import SERVICE_ACCOUNT_ROLE_ANNOTATION

_SERVICE_ACCOUNT = Kind("", "ServiceAccount")
_WORKLOADS = (Kind("apps", "Deployment"), Kind("apps", "DaemonSet"), Kind("apps", "StatefulSet"))
_QUEUE_VARIABLES = ("INTERRUPTION_QUEUE", "QUEUE_URL")
"""Variables that tell Karpenter and the node termination handler of a queue. Source: their charts' templates."""


@dataclass(frozen=True)
class Mentioned:
    """Names of things of AWS."""

    roles: frozenset[str] = field(default_factory=frozenset)
    """Names or ARNs."""
    profiles: frozenset[str] = field(default_factory=frozenset)
    queues: frozenset[str] = field(default_factory=frozenset)
    instances: frozenset[str] = field(default_factory=frozenset)
    """Ids of EC2 instances that are nodes."""


def mentioned(observed: Observed) -> Mentioned:
    """What the cluster's objects name."""
    classes = [*observed.of(EC2_NODE_CLASS), *observed.of(AUTO_NODE_CLASS)]
    of_accounts = (
        part(each, "metadata", "annotations").get(SERVICE_ACCOUNT_ROLE_ANNOTATION)
        for each in observed.of(_SERVICE_ACCOUNT)
    )
    workloads = (each for kind in _WORKLOADS for each in observed.of(kind))
    ids = (str(part(each, "spec").get("providerID") or "").rpartition("/")[2] for each in observed.of(NODE))
    return Mentioned(
        _set(*of_accounts, *(part(each, "spec").get("role") for each in classes)),
        _set(*(part(each, "spec").get("instanceProfile") for each in classes)),
        _set(*_queues(workloads)),
        frozenset(id_ for id_ in ids if id_.startswith("i-")),
    )


def _set(*names: object) -> frozenset[str]:
    return frozenset(str(name) for name in names if name)


def _containers(workload: Manifest) -> Iterator[Mapping[str, Any]]:
    yield from part(workload, "spec", "template", "spec").get("containers") or ()


def _queues(workloads: Iterable[Manifest]) -> Iterator[str]:
    for each in workloads:
        for container in _containers(each):
            for variable in container.get("env") or ():
                if variable.get("name") in _QUEUE_VARIABLES and variable.get("value"):
                    yield str(variable["value"]).rpartition("/")[2]
