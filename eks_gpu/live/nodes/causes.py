"""Why a node is there: one cause from a closed list, and everything that keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from eks_gpu.pods.durations import written

IN_USE, LAUNCHING, STARTING, DRAINING = "in-use", "launching", "starting", "draining"
IDLE_TIMER, GOING, BUDGET = "idle-timer", "going", "budget"
DRAIN_HELD, FINALIZER, NO_OWNER, NEVER_REGISTERED = "drain-held", "finalizer", "no-owner", "never-registered"
NOT_INITIALIZED, STATIC, NEVER_CONSOLIDATED = "not-initialized", "static-capacity", "never-consolidated"
NODE_DO_NOT_DISRUPT, DO_NOT_DISRUPT, NOT_SAFE_TO_EVICT = "node-do-not-disrupt", "do-not-disrupt", "not-safe-to-evict"
SCALE_DOWN_DISABLED, SCALE_DOWN_OFF, PDB = "scale-down-disabled", "scale-down-off", "pdb"
LOCAL_STORAGE, NO_CONTROLLER, SYSTEM_POD = "local-storage", "no-controller", "system-pod"
CPU_POD, MINIMUM_SIZE, NOTHING_SCALES = "cpu-pod", "minimum-size", "nothing-scales"
BUFFER, UNKNOWN = "buffer", "unknown"

CAUSES: Mapping[str, str] = {
    IN_USE: "pods use it",
    LAUNCHING: "its instance is starting and has not registered",
    STARTING: "it has registered and prepares for pods",
    DRAINING: "it is being removed",
    IDLE_TIMER: "its time of being idle is not over",
    GOING: "it is idle long enough and goes next",
    BUDGET: "a disruption budget of its NodePool allows none to go now",
    DRAIN_HELD: "it is being removed, and a pod that nobody may evict holds it",
    FINALIZER: "it is deleted, and a finalizer that nobody takes away holds it",
    NO_OWNER: "what made it is gone, or its instance is",
    NEVER_REGISTERED: "its instance runs and never became a node",
    NOT_INITIALIZED: "Karpenter waits for it to become whole, and consolidates no such node",
    STATIC: "its NodePool has a fixed number of nodes",
    NEVER_CONSOLIDATED: "its NodePool removes no idle node",
    NODE_DO_NOT_DISRUPT: "it is annotated karpenter.sh/do-not-disrupt",
    DO_NOT_DISRUPT: "a pod on it is annotated karpenter.sh/do-not-disrupt",
    NOT_SAFE_TO_EVICT: "a pod on it is annotated cluster-autoscaler.kubernetes.io/safe-to-evict: false",
    SCALE_DOWN_DISABLED: "it is annotated cluster-autoscaler.kubernetes.io/scale-down-disabled",
    SCALE_DOWN_OFF: "the autoscaler runs without scale-down",
    PDB: "a PodDisruptionBudget allows no pod of it to be evicted",
    LOCAL_STORAGE: "a pod on it has local storage",
    NO_CONTROLLER: "a pod on it has no controller that would make it again",
    SYSTEM_POD: "a pod of kube-system without a PodDisruptionBudget is on it",
    CPU_POD: "a pod that asks for no accelerator is on it",
    MINIMUM_SIZE: "its group has its least number of nodes",
    NOTHING_SCALES: "no controller changes the size of its group",
    BUFFER: "a CapacityBuffer wants it there",
    UNKNOWN: "what was read does not tell",
}
"""Every id, with what it means."""

FINE = frozenset({IN_USE, LAUNCHING, STARTING, DRAINING, IDLE_TIMER, GOING})
"""Causes that need nobody: the node is at work, or comes, or goes by itself. A budget is one too while it is known when
it opens.
"""


@dataclass(frozen=True)
class Keeper:
    """One thing that keeps a node, whether or not it is the cause."""

    kind: str
    """Kind of the object, as `PodDisruptionBudget`."""
    object: str
    rule: str
    """What it says; a clause."""

    def as_json(self) -> dict[str, str]:
        """A row of `kept_by`."""
        return {"kind": self.kind, "object": self.object, "rule": self.rule}


@dataclass(frozen=True)
class Cause:
    """What decides that a node is there."""

    id: str
    """A key of `CAUSES`."""
    message: str
    fix: str = ""
    """Empty where nothing is to be done."""
    goes_at: datetime | None = None
    """When it goes by itself, at the soonest; None where nobody knows or it does not."""

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to do anything."""
        return self.id in FINE or (self.id == BUDGET and self.goes_at is not None)

    def as_json(self) -> dict[str, str | None]:
        """`cause` of a node."""
        return {"id": self.id, "message": self.message, "fix": self.fix or None}


def until(moment: datetime, now: datetime) -> str:
    """`12m`, the time that is left; `no time` once it is over."""
    left = int((moment - now).total_seconds())
    return for_people(left) if left > 0 else "no time"


def for_people(seconds: int) -> str:
    """A time in one unit or two: `45s`, `12m`, `3h20m`, `5d`."""
    if seconds >= 2 * 86_400:
        return f"{seconds // 86_400}d"
    if seconds >= 600:
        seconds -= seconds % 60
    return written(max(0, seconds))


def clock(moment: datetime) -> str:
    """In UTC, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
