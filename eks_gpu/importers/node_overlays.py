"""Karpenter's NodeOverlay, which counts shares of a GPU as GPUs."""

from fractions import Fraction

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.requirements import read_requirements
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import quantity
from eks_gpu.pools.overlays import Overlay


def read_node_overlay(name: str, spec: Fields, findings: Findings) -> Overlay:
    """`spec` of a NodeOverlay, for which the settings have no place."""
    capacity: dict[str, Fraction] = {}
    given = spec.part("capacity")
    for resource in given:
        try:
            capacity[resource] = quantity(given.quantity(resource) or "")
        except ValueError as error:
            findings.lose(given.place(resource), str(error))
    for key in ("price", "priceAdjustment"):
        spec.quantity(key)
    message = "the settings have no NodeOverlay: keep its file, beside the gate NodeOverlay of Karpenter"
    findings.lose(spec.place(), message)
    requirements = tuple(Expression(*each.parts) for each in read_requirements(spec, findings, required=False))
    return Overlay(name, requirements, capacity, weight=spec.whole("weight") or 0)
