"""What the engine did in the lab, from its own events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.lab.charts import Release


@dataclass(frozen=True)
class Step:
    """What the engine did with one resource."""

    operation: str
    """create, update, delete, same and so on."""
    urn: str
    changed: tuple[str, ...] = field(default=(), compare=False)
    """Paths of the inputs that differed, as `spec.limits` or `metadata.annotations`."""


@dataclass(frozen=True)
class Applied:
    """What `up` did."""

    changes: Mapping[str, int]
    """Resources by what happened to them: create, update, same."""
    seconds: float
    charts: tuple[Release, ...]
    """Installed without their templates."""
    outputs: Mapping[str, Any]
    steps: tuple[Step, ...] = ()
    """Steps in the order in which they ended."""
    translated: tuple[str, ...] = ()
    """A line for each of Auto Mode's words that was said in Karpenter's."""


@dataclass(frozen=True)
class Destroyed:
    """What `destroy` did."""

    deleted: int
    seconds: float
    left: tuple[str, ...]
    """Resources that are left in the lab's AWS and cluster."""
    steps: tuple[Step, ...] = ()
    """Steps in the order in which they ended."""
    ended: tuple[str, ...] = ()
    """What ran in the cluster until it went: nothing of it is in AWS, so nothing deletes it before."""


@dataclass(frozen=True)
class Cancelled:
    """What `cancel` found where an engine was killed."""

    engines: tuple[int, ...]
    """Process ids of the engines that had left the stack locked."""
    changes: Mapping[str, int]
    """Resources by what the refresh found: same, update, delete."""
    found: tuple[str, ...]
    """Type and name of what was being made and had been made: the stack knows it now."""
    unknown: tuple[str, ...]
    """Type and name of what was being made, and may have been without the stack's knowing."""

    def __str__(self) -> str:
        lock = f"unlocked, left by engine {', '.join(map(str, self.engines))}" if self.engines else "no lock was left"
        changes = ", ".join(f"{count} {what}" for what, count in sorted(self.changes.items()))
        lines = [f"{lock}; resources after a refresh: {changes or 'none'}"]
        if self.found:
            lines += ["made before the engine could hear of it, and in the stack now:"]
            lines += [f"  {each}" for each in self.found]
        if self.unknown:
            lines += ["being made, and perhaps in AWS without the stack's knowing:"]
            lines += [f"  {each}" for each in self.unknown]
            lines += ["`eks-gpu lab destroy` names what it leaves of them, `eks-gpu lab down` ends all"]
        return "\n".join(lines)
