"""What a pod needs to run on the nodes of a pool: tolerations of their taints, and a node selector."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from pulumi import Output

from ..catalog import Taint
from .gpu_pool import GpuPool
from .gpu_pool_args import GpuPoolArgs
from .validation_messages import shown
from .value import BadInput, check

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import TolerationArgsDict


class NodesOfPool(Protocol):
    """A component that makes nodes: `GpuNodeGroup`, `KarpenterGpuPool`, `KarpenterPool`, `AutoModeGpuPool` or
    `SpotNodeGroup`."""

    labels: dict[str, str]
    """Labels of every node."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""


@overload
def pool_tolerations(pool: GpuPoolArgs | GpuPool | NodesOfPool) -> "list[TolerationArgsDict]": ...


@overload
def pool_tolerations(pool: Output[Any]) -> "Output[list[TolerationArgsDict]]": ...


def pool_tolerations(pool: Any) -> Any:
    """The tolerations with which a pod can run on the nodes of a pool, for `spec.tolerations`.

    pool: a component that makes nodes, the description of a pool (`GpuPoolArgs`), or an output of either, such as a
    pool that another stack exports; of an output the result is an output. A toleration has the operator Exists, so
    it holds for every value of the taint. Raises BadInput for something else.
    """
    if isinstance(pool, Output):
        return pool.apply(pool_tolerations)
    return [taint.toleration() for taint in _nodes(pool)[1]]


@overload
def pool_selector(pool: GpuPoolArgs | GpuPool | NodesOfPool) -> dict[str, str]: ...


@overload
def pool_selector(pool: Output[Any]) -> Output[dict[str, str]]: ...


def pool_selector(pool: Any) -> Any:
    """The labels that every node of a pool has, for `spec.nodeSelector` of a pod.

    pool: a component that makes nodes, the description of a pool (`GpuPoolArgs`), or an output of either, such as a
    pool that another stack exports; of an output the result is an output. Nodes of two pools with the same GPU have
    the same labels unless one has `labels` of its own. Raises BadInput for something else.
    """
    if isinstance(pool, Output):
        return pool.apply(pool_selector)
    return dict(_nodes(pool)[0])


def _nodes(pool: Any) -> tuple[Mapping[str, str], Sequence[Taint]]:
    """Labels and taints of the nodes."""
    if isinstance(pool, GpuPool):
        return pool.node_labels, pool.taints
    # A component, or what a stack exports of one.
    made: Mapping[str, Any] = pool if isinstance(pool, Mapping) else getattr(pool, "__dict__", {})
    if {"labels", "taints"} <= made.keys():
        return made["labels"], [Taint.from_kubernetes(taint) for taint in made["taints"]]
    if isinstance(pool, Mapping):
        return _nodes(check(GpuPool, pool, "pool"))
    raise BadInput([f"pool must be a component that makes nodes, or the description of a pool, got {shown(pool)}"])
