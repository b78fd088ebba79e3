"""What a cluster has at one moment: objects by kind, one list a kind, without what nobody asks of them."""

import gc
import marshal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from eks_gpu.graph.unread import Unread, What
from eks_gpu.live.cluster import ClusterReader, Keep, Kind, Manifest, Refused
from eks_gpu.live.kinds import CONFIG_MAP, NAMED, READ
from eks_gpu_components.catalog import EKS_COMPONENT_LABEL

AT_ONCE = 4
"""Lists that are asked for at the same time: more make the API server wait, not the reader."""
_NOISE = ("managedFields", "selfLink")
_EKS = "eks"
"""How EKS calls itself in `managedFields`."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Observed:
    """One cluster at one moment."""

    at: datetime
    server: str
    objects: Mapping[Kind, list[Manifest]] = field(repr=False)
    """As the API server has them, `status` too; an empty list for a kind that it does not have."""
    unread: tuple[Unread, ...] = ()
    """Kinds that may not be read, each with the permission that it takes."""

    def of(self, kind: Kind) -> list[Manifest]:
        """The objects of a kind; none of one that may not be read, of which `is_read` tells."""
        return self.objects.get(kind, [])

    def is_read(self, kind: Kind) -> bool:
        """Whether the cluster's objects of this kind are known."""
        return kind in self.objects


def observe(cluster: ClusterReader, kinds: Iterable[Kind] = READ) -> Observed:
    """Reads the kinds. Raises Refused if not even the list of kinds may be read, and InputError if nobody answers."""
    at, wanted = datetime.now(UTC), list(kinds)
    _ = cluster.served  # asked once, before the threads
    with _no_garbage(), ThreadPoolExecutor(AT_ONCE) as threads:
        keep = Alike().kept
        answers = dict(zip(wanted, threads.map(lambda kind: _listed(cluster, kind, keep), wanted), strict=True))
        named = list(threads.map(lambda name: _named(cluster, *name), NAMED)) if kinds is READ else []
    found = {kind: answer for kind, answer in answers.items() if not isinstance(answer, Unread)}
    if named:
        found[CONFIG_MAP] = [each for each in named if each and not isinstance(each, Unread)]
    rows = (each for each in (*answers.values(), *named) if isinstance(each, Unread))
    return Observed(at, cluster.server, found, tuple(rows))


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Nothing looks for garbage meanwhile: what is read stays, and to go through it again is a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _listed(cluster: ClusterReader, kind: Kind, keep: Keep) -> list[Manifest] | Unread:
    try:
        return cluster.objects(kind, keep)
    except Refused as refused:
        plural = cluster.served[kind].plural
        why = f"the API server refuses it: {refused}"
        if refused.forbids:
            why = f"RBAC does not allow to list {plural}"
        permission = f"allow `list` of {plural} in API group {kind.group!r}" if refused.forbids else "ask again"
        return Unread(f"{kind} objects", READ.get(kind, "values"), why, permission)


def _named(cluster: ClusterReader, namespace: str, name: str) -> Manifest | Unread | None:
    """One ConfigMap; None if the cluster does not have it."""
    try:
        found = cluster.get(config_map_path(namespace, name))
    except Refused as refused:
        return config_map_unread(refused, namespace, name, "software")
    return kept({**found, "apiVersion": "v1", "kind": CONFIG_MAP.name})


def config_map_path(namespace: str, name: str) -> str:
    """Where the API server has a ConfigMap."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def config_map_unread(refused: Refused, namespace: str, name: str, what: What) -> Unread | None:
    """What is unknown because a ConfigMap was refused; None where there is no such one."""
    if refused.is_of_nothing:
        return None
    forbidden = refused.forbids
    why = "RBAC does not allow to get it" if forbidden else f"the API server refuses it: {refused}"
    how = f"allow `get` of configmaps named {name}" if forbidden else "ask again"
    return Unread(f"ConfigMap {namespace}/{name}", what, why, how)


def is_of_eks(manifest: Manifest) -> bool:
    """Whether EKS keeps the object, as it does those of its add-ons. Source: Amazon EKS User Guide, "Determine fields
    you can customize for Amazon EKS add-ons".
    """
    metadata = manifest["metadata"]
    return bool(metadata.get("managedFields")) or EKS_COMPONENT_LABEL in (metadata.get("labels") or {})


class Alike:
    """Holds what objects have in common once: ten thousand pods are made of a few hundred templates."""

    def __init__(self) -> None:
        self._held: dict[bytes, Any] = {}

    def kept(self, manifest: Manifest) -> Manifest:
        """What is kept of an object: nothing of the template of a revision that has no pods any more."""
        found = kept(manifest)
        if found["kind"] == "Pod":
            spec = self._shared({**found["spec"], **_without_token(found["spec"])})
        elif is_past(found):
            spec = {key: value for key, value in found["spec"].items() if key != "template"}
        else:
            return found
        return {**found, "metadata": self._shared(found["metadata"]), "spec": spec}

    def _shared(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The same with each part that another object has too being that object's."""
        return {key: self._one(value) if isinstance(value, dict | list) else value for key, value in parts.items()}

    def _one(self, value: Any) -> Any:
        return self._held.setdefault(marshal.dumps(value, 2), value)


def is_past(manifest: Manifest) -> bool:
    """Whether it is a ReplicaSet of an earlier revision, which its Deployment keeps to go back to."""
    owned = manifest["kind"] == "ReplicaSet" and manifest["metadata"].get("ownerReferences")
    return bool(owned) and (manifest.get("spec") or {}).get("replicas") == 0


def _without_token(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Containers and volumes without the token that admission gives each pod under another name."""
    containers = {
        key: [
            {**each, "volumeMounts": [one for one in each["volumeMounts"] if not is_token(one.get("name"))]}
            if each.get("volumeMounts")
            else each
            for each in spec[key]
        ]
        for key in ("initContainers", "containers")
        if spec.get(key)
    }
    if not spec.get("volumes"):
        return containers
    return {**containers, "volumes": [each for each in spec["volumes"] if not is_token(each.get("name"))]}


def is_token(volume: Any) -> bool:
    """Whether a volume is the one in which a pod finds the token of its service account."""
    return str(volume).startswith("kube-api-access-")


def kept(manifest: Manifest) -> Manifest:
    """An object without the bookkeeping of its fields, of which only that EKS keeps it is left."""
    metadata: dict[str, Any] = {key: value for key, value in manifest["metadata"].items() if key not in _NOISE}
    if any(each.get("manager") == _EKS for each in manifest["metadata"].get("managedFields") or ()):
        metadata["managedFields"] = [{"manager": _EKS}]
    if _LAST_APPLIED in (annotations := metadata.get("annotations") or {}):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return {**manifest, "metadata": metadata}
