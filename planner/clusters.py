"""The clusters of a stack: name and Kubernetes version."""

from dataclasses import dataclass
from datetime import date

from eks_gpu_components.catalog import KUBERNETES

from .graph import Graph

COMPONENT, RESOURCE = "eks:index:Cluster", "aws:eks/cluster:Cluster"


@dataclass(frozen=True)
class Cluster:
    """One control plane."""

    name: str
    version: str
    """Its minor, empty where the program leaves it to EKS."""
    urn: str

    def support(self, on: date) -> str:
        """`standard`, `extended` or `ended`; a minor older than the catalog's has ended, a newer one is standard."""
        if self.version in KUBERNETES:
            return KUBERNETES[self.version].support(on)
        return "ended" if self.version and _number(self.version) < _number(next(iter(KUBERNETES))) else "standard"


def clusters(graph: Graph) -> list[Cluster]:
    """Each once: a preview shows the component's own child too."""
    return [
        Cluster(str(found["name"] or found.name), _minor(found["version"]), found.urn)
        for found in graph.of(COMPONENT, RESOURCE)
        if f"{COMPONENT}$" not in found.urn
    ]


def _minor(version: object) -> str:
    return ".".join(str(version or "").removeprefix("v").split(".")[:2])


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split(".") if part.isdigit())
