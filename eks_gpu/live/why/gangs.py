"""Gangs: pods that start together or not at all, of which some are not there yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import POD
from eks_gpu.live.observed import Observed
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.waiting_pods import Waiting

POD_GROUPS = (
    Kind("scheduling.x-k8s.io", "PodGroup"),
    Kind("scheduling.volcano.sh", "PodGroup"),
    Kind("scheduling.k8s.io", "PodGroup"),
)
"""Kinds that are read for this question alone."""
_WORKLOAD = Kind("kueue.x-k8s.io", "Workload")
_NAMES = (("labels", "scheduling.x-k8s.io/pod-group"), ("annotations", "scheduling.k8s.io/group-name"))
_GROUP_OF_KUEUE, _TOTAL_OF_KUEUE = "kueue.x-k8s.io/pod-group-name", "kueue.x-k8s.io/pod-group-total-count"
_OF_KUEUE = "Kueue's pod group"
_OVER = ("Succeeded", "Failed")

Gang = tuple[str, str, str]
"""What holds it together, namespace and name."""


@dataclass(frozen=True)
class Gangs:
    """The gangs of a cluster."""

    observed: Observed
    groups: Sequence[Manifest] = ()
    """PodGroups of any scheduler."""

    def incomplete(self, waiting: Waiting) -> Cause | None:
        """Why a gang of which the pod is cannot start: it has fewer pods than it must have."""
        gang = gang_of(waiting.manifest)
        least = self._least(gang, waiting.manifest) if gang else 0
        if gang is None or self._sizes[gang] >= least:
            return None
        what, _, name = gang
        message = f"{what} {name} starts with {least} pods or none, and has {self._sizes[gang]}"
        where = waiting.owner or f"{what} {name}"
        fix = f"look why {where} has fewer pods: its replicas, a ResourceQuota, or a smaller minimum of {what} {name}"
        return Cause(Id.GANG, message, fix)

    def _least(self, gang: Gang, pod: Manifest) -> int:
        what, namespace, name = gang
        metadata = pod["metadata"]
        if what == _OF_KUEUE:
            return _whole((metadata.get("annotations") or {}).get(_TOTAL_OF_KUEUE))
        for each in self.groups:
            if each["metadata"]["name"] == name and each["metadata"].get("namespace") == namespace:
                spec = each.get("spec") or {}
                policy = (spec.get("schedulingPolicy") or spec).get("gang") or {}
                return _whole(spec.get("minMember") or policy.get("minCount"))
        return 0

    @cached_property
    def _sizes(self) -> Counter[Gang]:
        pods = self.observed.of(POD)
        alive = [each for each in pods if (each.get("status") or {}).get("phase") not in _OVER]
        return Counter(gang for each in alive if (gang := gang_of(each)))

    def workload_of(self, waiting: Waiting) -> Manifest | None:
        """Kueue's Workload of a pod."""
        uids = {ref.get("uid") for ref in waiting.manifest["metadata"].get("ownerReferences") or ()} | {waiting.uid}
        group = (waiting.manifest["metadata"].get("labels") or {}).get(_GROUP_OF_KUEUE)
        for each in self.observed.of(_WORKLOAD):
            metadata = each["metadata"]
            if metadata.get("namespace") != waiting.namespace:
                continue
            owners = {ref.get("uid") for ref in metadata.get("ownerReferences") or ()}
            if owners & uids or (group and metadata["name"] == group):
                return each
        return None


def gang_of(pod: Manifest) -> Gang | None:
    """The gang that a pod names; None if it names none."""
    metadata = pod["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    namespace = str(metadata.get("namespace") or "default")
    for where, key in _NAMES:
        if name := (metadata.get(where) or {}).get(key):
            return "PodGroup", namespace, str(name)
    if name := ((pod.get("spec") or {}).get("schedulingGroup") or {}).get("podGroupName"):
        return "PodGroup", namespace, str(name)
    if name := labels.get(_GROUP_OF_KUEUE):
        return _OF_KUEUE, namespace, str(name)
    return None


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
