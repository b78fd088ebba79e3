"""Karpenter's NodeOverlay, which counts shares of a GPU as GPUs."""

from collections.abc import Sequence
from fractions import Fraction

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_pools import Settled
from eks_gpu.importers.model import Described
from eks_gpu.importers.requirements import read_requirements
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import quantity
from eks_gpu.pools.overlays import Overlay

_PRICES = ("price", "priceAdjustment")


def read_node_overlay(name: str, spec: Fields, findings: Findings) -> Overlay:
    """`spec` of a NodeOverlay, of which a pool's `sharing` or `mig` may say the same."""
    capacity: dict[str, Fraction] = {}
    given = spec.part("capacity")
    for resource in given:
        try:
            capacity[resource] = quantity(given.quantity(resource) or "")
        except ValueError as error:
            findings.lose(given.place(resource), str(error))
    for key in _PRICES:
        spec.quantity(key)
    requirements = tuple(Expression(*each.parts) for each in read_requirements(spec, findings, required=False))
    return Overlay(name, requirements, capacity, weight=spec.whole("weight") or 0)


def tell_of_overlays(described: Described, pools: Sequence[Settled], findings: Findings) -> None:
    """Those that no pool's `sharing` or `mig` stands for."""
    for name, spec in described.overlay_places.items():
        concerned = [pool for pool in pools if name in pool.overlays]
        if concerned and all(name in pool.settled_overlays for pool in concerned):
            for key in _PRICES:
                if key in spec:
                    findings.lose(spec.place(key), "a pool that shares GPUs has AWS's own price")
            continue
        message = "the settings have no NodeOverlay: keep its file, beside the gate NodeOverlay of Karpenter"
        shared = ", ".join(pool.name for pool in concerned if not {"sharing", "mig"} & pool.settings["pool"].keys())
        hint = f"; or write `sharing` of {shared} with its strategy, which the file does not say" if shared else ""
        findings.lose(spec.place(), f"{message}{hint}")
