"""What a program says of its pools, and what the cluster has otherwise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError
from eks_gpu.live.audit.belongings import is_named_after
from eks_gpu.live.judged import Running
from eks_gpu.plan.plan import Plan
from eks_gpu.pods.quantities import written
from eks_gpu.pools.cluster_of import same_cluster
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog.nearest import hint_or_all

_FIELDS = (
    *("backend", "instance_types", "capacity_types", "zones", "min_nodes", "max_nodes", "max_gpus", "labels", "taints"),
)
"""Keys of a pool's row that are held against each other. How many nodes a group wants is its autoscaler's."""
WHOLE = "pool"
"""The field of a pool that only one of the two has."""


@dataclass(frozen=True)
class Difference:
    """One field of one pool."""

    pool: str
    field: str
    program: Any
    """As in a plan's JSON; None where the program does not have it."""
    cluster: Any

    def as_json(self) -> dict[str, Any]:
        """A row of the answer."""
        return {"pool": self.pool, "field": self.field, "program": self.program, "cluster": self.cluster}


@dataclass(frozen=True)
class Drift:
    """The answer for one stack and one cluster."""

    project: str
    stack: str
    cluster: str
    at: datetime
    compared: tuple[str, ...]
    """Names of the pools that both have."""
    differences: tuple[Difference, ...]
    unread: tuple[Unread, ...]
    """What nobody could read of the program or of the cluster, so that it was not compared."""

    @property
    def failed(self) -> bool:
        """Whether something differs, or may where nodes were not read."""
        return bool(self.differences) or any(row.what == "nodes" for row in self.unread)

    def as_json(self) -> dict[str, Any]:
        """The answer for `--json`."""
        return {
            "project": self.project,
            "stack": self.stack,
            "cluster": self.cluster,
            "at": self.at.isoformat(timespec="seconds"),
            "compared": list(self.compared),
            "differences": [each.as_json() for each in self.differences],
            "unread": [row.as_json() for row in self.unread],
        }


def drift(plan: Plan, live: Running) -> Drift:
    """Compares the pools of one cluster. Raises InputError where the program makes no such cluster."""
    wanted = [pool for pool in plan.analysis.pools if same_cluster(pool.cluster, live.name)]
    named = {pool.cluster for pool in plan.analysis.pools if pool.cluster}
    if plan.analysis.pools and not wanted:
        raise InputError(
            f"{plan.name}: has no pool of cluster {live.name}{hint_or_all(live.name, named)}; "
            "--context or --cluster-name names another one"
        )
    there = live.judged.analysis.pools
    both = tuple(pool.name for pool in wanted if _found(pool, there))
    unread = (*plan.analysis.unread, *live.judged.analysis.unread)
    return Drift(
        plan.project,
        plan.stack,
        live.name,
        live.observed.at,
        both,
        tuple(differences(wanted, there, live.judged.analysis.nodes_are_unread)),
        tuple(dict.fromkeys(unread)),
    )


def differences(wanted: Sequence[Pool], there: Sequence[Pool], partly_read: bool) -> Iterator[Difference]:
    """Pools of the program in its order, then those that the cluster has besides.

    A pool that was not found where nodes may not be read is no difference: it may be among those.
    """
    known: set[str] = set()
    for pool in wanted:
        if other := _found(pool, there):
            known.add(other.name)
            yield from _of_a_pool(pool, other)
        elif not partly_read:
            yield Difference(pool.name, WHOLE, pool.backend, None)
    yield from (Difference(pool.name, WHOLE, None, pool.backend) for pool in there if pool.name not in known)


def _found(pool: Pool, there: Sequence[Pool]) -> Pool | None:
    """The cluster's pool of the same name, or of that name as Pulumi ends it where the program gives none."""
    of_kind = [other for other in there if other.backend == pool.backend]
    exactly = (other for other in of_kind if other.name == pool.name)
    return next(exactly, None) or next((other for other in of_kind if is_named_after(other.name, pool.name)), None)


def _of_a_pool(program: Pool, cluster: Pool) -> Iterator[Difference]:
    ours, theirs = _fields(program), _fields(cluster)
    for field in dict.fromkeys((*ours, *theirs)):
        if ours.get(field) != theirs.get(field):
            yield Difference(program.name, field, ours.get(field), theirs.get(field))


def _fields(pool: Pool) -> dict[str, Any]:
    """What is compared, in an order of its own where order means nothing."""
    row = pool.as_json()
    fields: dict[str, Any] = {key: row[key] for key in _FIELDS}
    for key in ("zones", "capacity_types", "instance_types"):
        fields[key] = sorted(fields[key])
    fields["taints"] = sorted(fields["taints"], key=lambda taint: (taint["key"], taint["effect"]))
    return fields | {f"limit of {name}": most for name, most in _limits(pool)}


def _limits(pool: Pool) -> Iterator[tuple[str, str]]:
    for resource, most in sorted(pool.limits.amounts.items()) if pool.limits else ():
        yield resource, written(resource, most)
