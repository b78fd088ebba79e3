"""Pods that wait: those that are Pending, and those that do not even exist although something should make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from eks_gpu.io.problems import InputError
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import POD
from eks_gpu.live.observed import Observed
from eks_gpu.live.resources import maker_of, owner_of
from eks_gpu.live.why.said import FAILED_CREATE, Events, Said, called, condition, created, holds
from eks_gpu_components.catalog.nearest import hint_or_all

PENDING = "Pending"
_MAKES_PODS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController")
_KUEUE_WORKLOAD = Kind("kueue.x-k8s.io", "Workload")


@dataclass(frozen=True)
class Waiting:
    """A pod, or pods that something should make and does not."""

    manifest: Manifest
    """The pod; where none exists, the object that should make it."""
    owner: str
    """`Deployment web`; empty for a pod that stands for itself."""
    missing: int = 0
    """Pods that do not exist."""
    refused: Said | None = None
    """What was said when they could not be made."""
    workload: Manifest | None = None
    """Kueue's Workload that holds them back."""

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"].get("namespace") or "default")

    @property
    def name(self) -> str:
        """The pod's; empty where it does not exist."""
        return "" if self.missing else str(self.manifest["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.manifest["metadata"].get("uid") or "")

    @property
    def called(self) -> str:
        """As `Said` names the object."""
        return called(self.manifest["kind"], self.manifest["metadata"]["name"], self.namespace)

    @property
    def phase(self) -> str:
        """The pod's phase; Terminating for one that is being deleted."""
        return "NotCreated" if self.missing else _phase(self.manifest)

    @property
    def node(self) -> str:
        """The node that it is bound to."""
        return str((self.manifest.get("spec") or {}).get("nodeName") or "")

    @property
    def since(self) -> datetime | None:
        """Since when it waits: since it is there, or since it cannot be made."""
        failed = condition(self.manifest, "ReplicaFailure") if self.missing else {}
        return (self.refused.at if self.missing and not failed and self.refused else None) or created(self.manifest)

    @property
    def gates(self) -> list[str]:
        """Names of what holds its scheduling back."""
        return [str(each.get("name")) for each in (self.manifest.get("spec") or {}).get("schedulingGates") or ()]

    def waits(self) -> bool:
        """Whether it is one that waits at all."""
        return bool(self.missing) or self.phase == PENDING


class Owners:
    """Who is at the head of a pod's owners."""

    def __init__(self, observed: Observed):
        self._known = {each["metadata"].get("uid"): each for objects in observed.objects.values() for each in objects}

    def of(self, manifest: Manifest) -> tuple[Manifest, str]:
        """The uppermost object that controls this one, itself if none does, and what to call it; empty for none."""
        name = ""
        for _ in range(10):  # an owner of itself ends too
            ref = owner_of(manifest)
            if ref is None:
                break
            name = f"{ref['kind']} {ref['name']}"
            if ref["uid"] not in self._known:
                name = " ".join(maker_of(manifest, ref))
                break
            manifest = self._known[ref["uid"]]
        return manifest, name


def waiting_pods(observed: Observed, events: Events, namespace: str = "") -> list[Waiting]:
    """All that wait, of one namespace or of all, by namespace, owner and name."""
    owners = Owners(observed)
    pods = [Waiting(each, owners.of(each)[1]) for each in observed.of(POD) if _phase(each) == PENDING]
    found = [*pods, *_never_made(observed, events, owners)]
    return sorted(
        (each for each in found if namespace in ("", each.namespace)),
        key=lambda each: (each.namespace, each.owner, each.name),
    )


def _phase(pod: Manifest) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str((pod.get("status") or {}).get("phase") or PENDING)


def named(observed: Observed, waiting: list[Waiting], namespace: str, name: str) -> list[Waiting]:
    """The pod of this name, or those of the owner of this name. Raises InputError, with the nearest, for none."""
    owners = Owners(observed)
    pods = [each for each in observed.of(POD) if each["metadata"].get("namespace") == namespace]
    if found := [Waiting(each, owners.of(each)[1]) for each in pods if each["metadata"]["name"] == name]:
        return found
    of_owner = [
        each
        for each in [*waiting, *(Waiting(pod, owners.of(pod)[1]) for pod in pods if _phase(pod) != PENDING)]
        if each.namespace == namespace and each.owner.partition(" ")[2] == name
    ]
    if of_owner:
        return of_owner
    known = {each["metadata"]["name"] for each in pods}
    known |= {each.owner.partition(" ")[2] for each in waiting if each.namespace == namespace and each.owner}
    elsewhere = sorted(
        f"{each['metadata']['namespace']}/{name}" for each in observed.of(POD) if each["metadata"]["name"] == name
    )
    if elsewhere:
        raise InputError(f"no pod {namespace}/{name}; nearest: {', '.join(elsewhere)}")
    if not pods and not known:
        spaces = {each["metadata"].get("namespace", "") for each in observed.of(POD)}
        raise InputError(f"no pod {namespace}/{name}: namespace {namespace} has none{hint_or_all(namespace, spaces)}")
    raise InputError(f"no pod {namespace}/{name}{hint_or_all(name, known)}")


# --- pods that do not exist ------------------------------------------------------------------------------------------


def _never_made(observed: Observed, events: Events, owners: Owners) -> Iterator[Waiting]:
    for kind, objects in observed.objects.items():
        if kind.name in _MAKES_PODS and kind.group in ("", "apps", "batch"):
            for each in objects:
                if (missing := _missing(each)) > 0 and (refused := _refused(each, events)):
                    yield Waiting(each, _owner(each, owners), missing, refused)
    yield from _held_back(observed, owners)


def _owner(manifest: Manifest, owners: Owners) -> str:
    return owners.of(manifest)[1] or f"{manifest['kind']} {manifest['metadata']['name']}"


def _missing(manifest: Manifest) -> int:
    """Pods fewer than the object is told to have."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    match manifest["kind"]:
        case "DaemonSet":
            return int(status.get("desiredNumberScheduled") or 0) - int(status.get("currentNumberScheduled") or 0)
        case "Job":
            if spec.get("suspend") or holds(manifest, "Complete") or holds(manifest, "Failed"):
                return 0
            done, parallel = int(status.get("succeeded") or 0), int(spec.get("parallelism", 1))
            wanted = parallel if spec.get("completions") is None else min(parallel, int(spec["completions"]) - done)
            return wanted - int(status.get("active") or 0)
        case _:
            return int(spec.get("replicas", 1)) - int(status.get("replicas") or 0)


def _refused(manifest: Manifest, events: Events) -> Said | None:
    """Why the last pod was not made; None if nobody says that one was refused."""
    metadata = manifest["metadata"]
    said = events.of(called(manifest["kind"], metadata["name"], metadata.get("namespace") or ""), metadata.get("uid"))
    last = next((each for each in reversed(said) if each.reason == FAILED_CREATE), None)
    failed = condition(manifest, "ReplicaFailure")
    if failed.get("status") == "True":
        name = called(manifest["kind"], metadata["name"], metadata.get("namespace") or "")
        return last or Said(
            f"{manifest['kind'].lower()}-controller", name, FAILED_CREATE, str(failed.get("message")), uid=""
        )
    return last


def _held_back(observed: Observed, owners: Owners) -> Iterator[Waiting]:
    """What Kueue has suspended until its queue has room."""
    for each in observed.of(_KUEUE_WORKLOAD):
        if holds(each, "Admitted") or holds(each, "Finished"):
            continue
        head, name = owners.of(each)
        if head["kind"] == "Pod" or name.startswith("Pod "):
            continue  # the pod exists, gated
        sets = (each.get("spec") or {}).get("podSets") or ()
        yield Waiting(each, name or f"Workload {each['metadata']['name']}", _count(sets), workload=each)


def _count(sets: object) -> int:
    rows = sets if isinstance(sets, list | tuple) else ()
    return max(1, sum(int(each.get("count") or 1) for each in rows))
