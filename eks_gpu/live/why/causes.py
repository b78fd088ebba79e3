"""The causes for which pods wait: a closed list, so that others can rely on it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Id(StrEnum):
    """A cause; docs/pod-is-pending.md has a section for each."""

    NO_POOL = "no-pool-takes-it"
    LIMIT = "limit-reached"
    QUOTA = "quota"
    NO_CAPACITY = "no-capacity"
    LAUNCH_REFUSED = "launch-refused"
    NODE_CLASS = "node-class-not-ready"
    LAUNCHING = "launch-in-progress"
    NOT_JOINED = "node-does-not-join"
    PLUGIN = "plugin-not-registered"
    IMAGE = "image-pull"
    CONTAINER = "container-cannot-start"
    GANG = "gang-incomplete"
    QUEUED = "queued"
    VOLUME = "volume"
    GATED = "scheduling-gated"
    NAMESPACE_QUOTA = "namespace-quota"
    REFUSED = "admission-refused"
    NO_CONTROLLER = "controller-not-running"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cause:
    """Why a pod waits, and what to do."""

    id: Id
    message: str
    fix: str

    @property
    def passes(self) -> bool:
        """Whether the wait ends by itself."""
        return self.id is Id.LAUNCHING

    def as_json(self) -> dict[str, Any]:
        """A part of the pod's row."""
        return {"id": self.id.value, "message": self.message, "fix": self.fix}
