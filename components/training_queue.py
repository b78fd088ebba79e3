"""TrainingQueue: Kueue's queues over the GPUs of some pools, so that gangs start whole and take turns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations, permutations
from math import ceil
from typing import Annotated, Any, NotRequired, Self

from pulumi import ComponentResource, CustomResource, Output, ResourceOptions
from pydantic import Field, field_validator, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.disposable import disposable
from .values.arg_words import QuotaReclaimArg
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.patterns import like
from .values.validation_messages import refused
from .values.value import Value, check
from .values.words import QuotaReclaim

# As the API server wants names of objects; 63 characters, because a queue's name is a label of its jobs.
_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
ObjectName = Annotated[str, like(_NAME, "63 lower-case letters, digits and '-' at most, as training")]
_RECLAIM = {"never": "Never", "lower-priority": "LowerPriority", "any": "Any"}


class QueueShareArgs(TypedDict):
    """A share of the pools' GPUs, for jobs of one team."""

    namespaces: NotRequired[Sequence[str]]
    """Namespaces whose jobs may wait in the queue; they must exist. Default default."""
    gpus: NotRequired[Mapping[str, int]]
    """Accelerators that are the queue's own, by pool; of a pool that is left out it has none. Default all of each pool,
    which only the one queue of a `TrainingQueue` may have.
    """
    borrows_at_most: NotRequired[int]
    """Accelerators of each pool that its jobs may have beyond their own while other queues do not use them. Default no
    limit.
    """
    lends_at_most: NotRequired[int]
    """Accelerators of each pool that others may have while its jobs do not use them. Default no limit."""


class TrainingQueueArgs(TypedDict):
    """The arguments of queues that share some pools."""

    pools: Mapping[str, GpuPoolArgs]
    """The pools, by the names of their components, in the order in which a job tries them. Each becomes a flavor, whose
    quota is its `max_gpus`, in whole nodes, or what its fixed number of `nodes` has. Not with `devices` claims.
    """
    queues: NotRequired[Mapping[str, QueueShareArgs]]
    """The queues, by name, which jobs have as the label kueue.x-k8s.io/queue-name. Several lend each other what they do
    not use. Default one with the component's name, for all of the GPUs, in namespace default.
    """
    priorities: NotRequired[Mapping[str, int]]
    """Priorities, by the name that jobs have as the label kueue.x-k8s.io/priority-class; the higher goes first. Default
    none.
    """
    preempts: NotRequired[bool]
    """Whether a job suspends jobs of its queue with a lower priority if there is no other room. Default no: what such a
    job has not saved is lost.
    """
    reclaims: NotRequired[QuotaReclaimArg]
    """Whose jobs are suspended when a queue wants back what others borrow from it: nobody's with never, those with a
    lower priority, or any. Default any: a queue gets its own GPUs back at once.
    """
    strict_order: NotRequired[bool]
    """Whether no job passes another one that waits for more GPUs. Default no: small jobs can keep a large one waiting.
    """


class _Named(Value):
    name: ObjectName


class QueueShare(Value):
    """QueueShareArgs as a checked value."""

    namespaces: tuple[ObjectName, ...] = ("default",)
    gpus: Mapping[str, Annotated[int, Field(ge=0)]] | None = None
    borrows_at_most: int | None = Field(default=None, ge=0)
    lends_at_most: int | None = Field(default=None, ge=0)

    @field_validator("namespaces")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names):
            raise refused("must have one entry or more, none of them twice")
        return names

    def gpus_of(self, name: str, pool: GpuPool) -> int:
        """Accelerators of a pool that are its own."""
        return gpus_in_nodes(pool) if self.gpus is None else self.gpus.get(name, 0)


def gpus_in_nodes(pool: GpuPool) -> int:
    """Accelerators of the nodes that jobs may count on, which are whole: of ten there are eight if a node has four."""
    return pool.max_nodes_for_pods * pool.accelerators_per_node


class TrainingQueueSpec(Value):
    """TrainingQueueArgs as a checked value."""

    pools: Mapping[ObjectName, GpuPool] = Field(min_length=1, max_length=catalog.MAX_FLAVORS)
    queues: Mapping[ObjectName, QueueShare] | None = Field(default=None, min_length=1)
    priorities: Mapping[ObjectName, Annotated[int, Field(ge=-(2**31), lt=2**31)]] = Field(default_factory=dict)
    preempts: bool = False
    reclaims: QuotaReclaim = "any"
    strict_order: bool = False

    def by_name(self, name: str) -> Mapping[str, QueueShare]:
        """The queues; without any, one with this name for all."""
        return self.queues or {name: QueueShare()}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problems = [*_uncounted(self.pools), *_alike(self.pools), *_shares(self.pools, self.queues or {})]
        if self.preempts and not self.priorities:
            problems.append("preempts needs priorities: without them no job has a lower one")
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _uncounted(pools: Mapping[str, GpuPool]) -> Iterator[str]:
    """Source: Kueue 0.17.0, pkg/features, DynamicResourceAllocation, which is alpha and off."""
    reason = "Kueue does not count what jobs claim, so it would admit gangs that the pool has no room for"
    for name, pool in pools.items():
        if pool.claims:
            yield f"pools.{name}.devices must be plugin: {reason}, got {pool.devices}"


def _alike(pools: Mapping[str, GpuPool]) -> Iterator[str]:
    for (earlier, one), (later, other) in combinations(pools.items(), 2):
        if one.node_labels == other.node_labels:
            reason = f"its nodes have the labels of pool {earlier}'s, so jobs of one would run on the other"
            yield f"pools.{later}: {reason}: give it labels of its own"
    for (name, one), (wider, other) in permutations(pools.items(), 2):
        if _takes(one) == _takes(other) and one.node_labels.items() < other.node_labels.items():
            reason = f"the nodes of pool {wider} have its labels and more, so its jobs would run there too"
            yield f"pools.{name}: {reason}: give it labels of its own"


def _takes(pool: GpuPool) -> tuple[str, list[dict[str, str]]]:
    """What a job asks for and tolerates that runs on the pool's nodes."""
    return pool.resource, [taint.toleration() for taint in pool.taints]


def _shares(pools: Mapping[str, GpuPool], queues: Mapping[str, QueueShare]) -> Iterator[str]:
    for name, queue in queues.items():
        if queue.gpus is None and len(queues) > 1:
            yield f"queues.{name}.gpus: say how many of each pool are its own, because there are {len(queues)} queues"
        for pool in queue.gpus or ():
            if pool not in pools:
                yield f"queues.{name}.gpus.{pool}: no such pool; there are: {', '.join(pools)}"
        for key in ("borrows_at_most", "lends_at_most"):
            if len(queues) == 1 and getattr(queue, key) is not None:
                yield f"queues.{name}.{key}: there is no other queue, so leave it out"
    for name, pool in pools.items():
        given = sum((queue.gpus or {}).get(name, 0) for queue in queues.values())
        if given > (there := gpus_in_nodes(pool)):
            most = pool.max_nodes_for_pods
            nodes = f"{most} nodes have" if most > 1 else "one node has"
            yield f"queues: {given} of pool {name} are given away, and its {nodes} {there}"


class TrainingQueue(ComponentResource):
    """A flavor for each pool, a ClusterQueue and LocalQueues for each queue, and the priorities.

    Give it `depends_on` the cluster's `Kueue`, whose chart brings these kinds.
    """

    queue_names: Output[Sequence[str]]
    """Names of the queues, which jobs have as the label kueue.x-k8s.io/queue-name. A job that uses this output is
    created after the queues.
    """

    def __init__(self, name: str, args: TrainingQueueArgs, opts: ResourceOptions | None = None):
        """Makes the queues.

        name: begins the names of all that the component makes. It is also the name of the one queue, or of the cohort
        of several queues, which lend to each other; a new name replaces them.
        args: see `TrainingQueueArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster and `depends_on` its `Kueue`.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(TrainingQueueSpec, args)
        check(_Named, {"name": name})
        super().__init__("eks-gpu-components:index:TrainingQueue", name, args, opts)

        made: dict[str, list[CustomResource]] = {}
        for found in kueue_objects(name, spec):
            before = made.get(_AFTER.get(found.kind, ""), [])
            created = CustomResource(
                f"kubernetes:{catalog.KUEUE_API_VERSION}:{found.kind}",
                f"{name}-{found.suffix}",
                found.manifest(),
                disposable(self, opts, depends_on=before, version=version("pulumi-kubernetes")),
            )
            made.setdefault(found.kind, []).append(created)

        names = list(spec.by_name(name))
        urns = [created.urn for several in made.values() for created in several]
        self.queue_names = Output.all(*urns).apply(lambda _: names)
        self.register_outputs({"queue_names": self.queue_names})


@dataclass(frozen=True, slots=True)
class KueueObject:
    """One of Kueue's objects."""

    kind: str
    name: str
    suffix: str
    """The end of its name in the stack."""
    body: Mapping[str, Any]
    namespace: str = ""

    def manifest(self) -> dict[str, Any]:
        """The object as the API server takes it."""
        place = {"namespace": self.namespace} if self.namespace else {}
        metadata = {"name": self.name, **place}
        return {"apiVersion": catalog.KUEUE_API_VERSION, "kind": self.kind, "metadata": metadata, **self.body}


# Kueue keeps a flavor until no ClusterQueue names it, and a ClusterQueue until none of its jobs runs.
_AFTER = {"ClusterQueue": "ResourceFlavor", "LocalQueue": "ClusterQueue"}


def kueue_objects(name: str, spec: TrainingQueueSpec) -> Iterator[KueueObject]:
    """All objects, each after those that it names; `name` is the component's."""
    for pool, of in spec.pools.items():
        yield KueueObject("ResourceFlavor", pool, f"{pool}-flavor", {"spec": resource_flavor(of)})
    for priority, value in spec.priorities.items():
        yield KueueObject("WorkloadPriorityClass", priority, f"{priority}-priority", {"value": value})
    queues = spec.by_name(name)
    for queue, of in queues.items():
        wish = cluster_queue(of, spec, name if len(queues) > 1 else "")
        yield KueueObject("ClusterQueue", queue, f"{queue}-cluster-queue", {"spec": wish})
    for queue, of in queues.items():
        for namespace in of.namespaces:
            place = {"spec": {"clusterQueue": queue}}
            yield KueueObject("LocalQueue", queue, f"{queue}-in-{namespace}", place, namespace)


def resource_flavor(pool: GpuPool) -> dict[str, Any]:
    """A ResourceFlavor's `spec`: jobs that get it select the pool's nodes and tolerate their taints.

    Source: Kueue 0.17.0, apis/kueue/v1beta2.
    """
    return {
        "nodeLabels": pool.node_labels,
        "nodeTaints": [taint.for_kubernetes() for taint in pool.taints],
        "tolerations": [taint.toleration() for taint in pool.taints],
    }


def cluster_queue(queue: QueueShare, spec: TrainingQueueSpec, cohort: str = "") -> dict[str, Any]:
    """A ClusterQueue's `spec`; those of one `cohort` lend to each other.

    A job with a resource that the flavors do not cover is never admitted, so they cover all that a node has.
    Source: Kueue 0.17.0, apis/kueue/v1beta2.
    """
    quotas = {name: quota(pool, queue.gpus_of(name, pool)) for name, pool in spec.pools.items()}
    covered = list(dict.fromkeys(resource for of in quotas.values() for resource in of))
    flavors = [
        {"name": name, "resources": [_row(resource, quotas[name], pool, queue) for resource in covered]}
        for name, pool in spec.pools.items()
    ]
    return {
        **({"cohortName": cohort} if cohort else {}),
        "namespaceSelector": {
            "matchExpressions": [
                {"key": catalog.NAMESPACE_NAME_LABEL, "operator": "In", "values": list(queue.namespaces)}
            ]
        },
        "queueingStrategy": "StrictFIFO" if spec.strict_order else "BestEffortFIFO",
        "preemption": {
            "withinClusterQueue": "LowerPriority" if spec.preempts else "Never",
            "reclaimWithinCohort": _RECLAIM[spec.reclaims] if cohort else "Never",
        },
        "resourceGroups": [{"coveredResources": covered, "flavors": flavors}],
    }


def quota(pool: GpuPool, gpus: int) -> dict[str, str]:
    """What nodes with so many of the pool's accelerators have at most, by resource."""
    per_node = pool.accelerators_per_node
    cpu, memory = (max(getattr(row, key) for row in pool.instance_types) for key in ("vcpus", "memory_mib"))
    disk = max(max(pool.disk_gib, int(row.instance_store_gb * 10**9 / 2**30)) for row in pool.instance_types)
    devices = {name: str(count * gpus // per_node) for name, count in pool.resources.items()}
    return {
        **devices,
        "cpu": str(ceil(cpu * gpus / per_node)),
        "memory": f"{ceil(memory * gpus / per_node)}Mi",
        "ephemeral-storage": f"{ceil(disk * gpus / per_node)}Gi",
    }


def _row(resource: str, most: Mapping[str, str], pool: GpuPool, queue: QueueShare) -> dict[str, Any]:
    row: dict[str, Any] = {"name": resource, "nominalQuota": most.get(resource, "0")}
    if resource == pool.resource:
        shared = pool.resources_per_node // pool.accelerators_per_node
        if queue.borrows_at_most is not None:
            row["borrowingLimit"] = str(queue.borrows_at_most * shared)
        if queue.lends_at_most is not None:
            # Kueue's webhook refuses to lend more than there is.
            row["lendingLimit"] = str(min(queue.lends_at_most * shared, int(row["nominalQuota"])))
    return row
