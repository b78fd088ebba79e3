"""Where the rules of checks are from, when they were read there, and how sure that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """One place that says so."""

    title: str
    """Such as `Karpenter 1.15.0, package instancetype`."""
    read: date
    """The day on which it was read, or measured."""
    sure: bool = True
    """Whether it is the program itself, its maker's reference, or was measured; False for a single word of somebody."""

    def as_json(self) -> dict[str, Any]:
        """The row in a plan's JSON."""
        return {"title": self.title, "read": self.read.isoformat(), "sure": self.sure}

    def __str__(self) -> str:
        return f"{self.title} ({'' if self.sure else 'one source, '}read {self.read})"


def is_sure(sources: Sequence[Source]) -> bool:
    """Whether a rule may fail a plan: one sure source, or two that say the same. Without sources it may."""
    return not sources or any(source.sure for source in sources) or len(sources) > 1


DRIVER_OF_G7 = Source(
    "NVIDIA/aicr pull 2743: G7 needs driver 595, EKS's images have 580", date(2026, 11, 28), sure=False
)
"""Why EKS's images have no driver for an RTX PRO 4500."""
API_SERVER = Source("kube-apiserver 1.36, package validation, run", date(2026, 11, 29))
RUNTIME_CLASS_ADMISSION = Source("Kubernetes 1.36, plugin/pkg/admission, RuntimeClass and Priority", date(2026, 11, 29))
CLUSTER_AUTOSCALER = Source("cluster autoscaler 1.33, aws_manager.go, buildNodeFromTemplate, run", date(2026, 11, 29))
