"""NodeClaims: machines that are on their way, how far each is, and how long the rest takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from eks_gpu.checks.device_plugin import driver_installers
from eks_gpu.cost.time_to_running import Step, steps
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.moments import moment
from eks_gpu.live.why.said import condition, created, holds
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import Software
from eks_gpu.pools.type_facts import known_type
from eks_gpu_components.catalog import (
    INSTANCE_TYPE_LABEL,
    InstanceType,
)

GRACE_S = 180
"""Seconds beyond the estimate after which something is taken to be wrong."""


class Stage(IntEnum):
    """How far a machine is."""

    LAUNCHING = 0
    STARTING = 1
    """Launched; its kubelet has not reported yet."""
    PREPARING = 2
    """A node; not all of its devices are registered."""
    READY = 3


_BEHIND: Mapping[Stage, tuple[str, ...]] = {
    Stage.LAUNCHING: (),
    Stage.STARTING: ("noticed",),
    Stage.PREPARING: ("noticed", "launch"),
    Stage.READY: ("noticed", "launch", "driver"),
}
"""Steps of `time_to_running` that are over."""


def stage(claim: Manifest) -> Stage:
    """By the NodeClaim's conditions."""
    if not holds(claim, "Launched"):
        return Stage.LAUNCHING
    if not holds(claim, "Registered"):
        return Stage.STARTING
    return Stage.READY if holds(claim, "Initialized") else Stage.PREPARING


def reached(claim: Manifest) -> datetime | None:
    """When the claim came to its stage."""
    last = {Stage.STARTING: "Launched", Stage.PREPARING: "Registered", Stage.READY: "Initialized"}.get(stage(claim))
    return (moment(condition(claim, last).get("lastTransitionTime")) if last else None) or created(claim)


@dataclass(frozen=True)
class Rest:
    """What is left of a wait."""

    seconds: int
    """Negative where it should be over."""
    now: str
    """The step that goes on."""

    @property
    def overdue(self) -> bool:
        """Whether it takes much longer than such things do."""
        return self.seconds < -GRACE_S

    def __str__(self) -> str:
        if self.seconds < 0:
            return f"overdue by {about(-self.seconds)}"
        return f"about {about(self.seconds)} left"


def about(seconds: float) -> str:
    """A time that is an estimate, or that nobody needs to the second."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{round(whole / 60)} min"
    return f"{round(whole / 3600)} h" if whole < 172_800 else f"{round(whole / 86_400)} days"


def row_of(manifest: Manifest) -> InstanceType | None:
    """The type of a node or claim; None for one that the catalog lacks, or that is not chosen yet."""
    labels = manifest["metadata"].get("labels") or {}
    return known_type(str(labels.get(INSTANCE_TYPE_LABEL) or ""))


def rest(
    pool: Pool | None,
    row: InstanceType | None,
    pod: Pod,
    spec: Mapping[str, Any],
    releases: Iterable[Software],
    at: Stage,
    for_s: float,
) -> Rest | None:
    """What is left for a pod whose machine is at a stage for some seconds; None where no type is known."""
    row = row or (pool.types[0] if pool and pool.types else None)
    if pool is None or row is None:
        return None
    installs = any(driver_installers(releases, pool)) or None
    left = [each for each in steps(pool, row, pod, spec, installs=installs) if each.name not in _BEHIND[at]]
    return _less(left, for_s)


def _less(left: list[Step], for_s: float) -> Rest:
    """The stage's own step is under way; those after it have not begun."""
    first, *later = left
    now = first.seconds - for_s
    after = sum(each.seconds for each in later)
    return Rest(int(now if now < -GRACE_S else max(0, now) + after), first.name)
