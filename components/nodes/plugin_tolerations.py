"""What the pods of a chart must tolerate to run on every node of some pools."""

from collections.abc import Iterable, Mapping

from ..values.gpu_pool import GpuPool


def plugin_tolerations(own: Iterable[Mapping[str, str]], pools: Iterable[GpuPool]) -> list[dict[str, str]]:
    """The chart's own tolerations, which Helm would replace, and one for each further taint of the pools."""
    found = [*map(dict, own), *(taint.toleration() for pool in pools for taint in pool.taints)]
    return [toleration for number, toleration in enumerate(found) if toleration not in found[:number]]
