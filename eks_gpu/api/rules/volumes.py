"""Rules of volumes, of their mounts and claims, and of the classes that they are made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import inside, refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog.nearest import hint

judges(
    "core.v1.VolumeMount",
    "mountPath mountPropagation:None|HostToContainer|Bidirectional name readOnly subPath",
    "mountPath name",
)
judges("core.v1.Volume", "configMap emptyDir hostPath name~dns_label persistentVolumeClaim secret", "name")
judges("core.v1.ConfigMapVolumeSource", "name items optional defaultMode=0..511", "name")
judges("core.v1.SecretVolumeSource", "secretName items optional defaultMode=0..511", "secretName")
judges("core.v1.KeyToPath", "key mode=0..511 path", "key path")
judges("core.v1.EmptyDirVolumeSource", "medium sizeLimit")
judges(
    "core.v1.HostPathVolumeSource",
    "path type:|DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice",
    "path",
)
judges("core.v1.PersistentVolumeClaimVolumeSource", "claimName readOnly", "claimName")


judges("core.v1.PersistentVolumeClaim", "metadata spec", "spec")
judges(
    "core.v1.PersistentVolumeClaimSpec",
    "accessModes dataSource dataSourceRef resources selector storageClassName~subdomain "
    "volumeAttributesClassName~subdomain volumeMode:Filesystem|Block volumeName",
    "accessModes resources",
)
judges("core.v1.VolumeResourceRequirements", "limits requests")
judges("core.v1.TypedObjectReference", "apiGroup kind name namespace")

_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_SNAPSHOTS = "snapshot.storage.k8s.io"


@rule("core.v1.PersistentVolumeClaimSpec")
def _claim(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    modes = given.get("accessModes") or ()
    for index, mode in enumerate(modes):
        if mode not in _ACCESS_MODES:
            why = f"must be one of {', '.join(_ACCESS_MODES)}, got {mode!r}{hint(mode, _ACCESS_MODES)}"
            yield Refused(f"{path}.accessModes[{index}]", why)
    if _ACCESS_MODES[-1] in modes and set(modes) & {*_ACCESS_MODES[:-1]}:
        yield Refused(f"{path}.accessModes", f"must have nothing beside {_ACCESS_MODES[-1]}")
    size = ((given.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        if given.get("resources"):
            yield Refused(f"{path}.resources.requests.storage", "is required")
    elif quantity(size) <= 0:
        yield Refused(f"{path}.resources.requests.storage", f"must be greater than 0, got {size}")
    yield from _sources(given, path)


def _sources(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """What a claim is filled from. The API server drops a `dataSource` that is neither a claim nor a snapshot."""
    old, new = given.get("dataSource"), given.get("dataSourceRef")
    if old is not None and new is not None:
        yield Unjudged(f"{path}.dataSource")
        return
    if new is not None and new.get("namespace"):
        yield Unjudged(f"{path}.dataSourceRef.namespace")
        return
    for key, source in (("dataSource", old), ("dataSourceRef", new)):
        if source is None:
            continue
        at, kind, group = f"{path}.{key}", source.get("kind") or "", source.get("apiGroup") or ""
        known = (kind, group) in (("PersistentVolumeClaim", ""), ("VolumeSnapshot", _SNAPSHOTS))
        if key == "dataSource" and not known:
            yield Unjudged(at)
            continue
        for field in ("kind", "name"):
            if not source.get(field):
                yield Refused(f"{at}.{field}", "is required")
        if not group and kind != "PersistentVolumeClaim":
            yield Refused(at, "must be a PersistentVolumeClaim where there is no apiGroup")
        elif group:
            yield from refused(f"{at}.apiGroup", names.subdomain(group))


@rule("core.v1.VolumeMount")
def _mount(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from inside(given.get("subPath") or "", f"{path}.subPath")


@rule("core.v1.KeyToPath")
def _item(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from inside(given.get("path") or "", f"{path}.path")


@rule("core.v1.Volume")
def _volume(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    sources = [key for key in given if key != "name"]
    if len(sources) > 1:
        yield Refused(path, f"must have one source, got {' and '.join(sources)}")


@rule("core.v1.EmptyDirVolumeSource")
def _empty(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("medium") not in (None, "", "Memory"):
        yield Unjudged(f"{path}.medium")
    if given.get("sizeLimit") is not None and quantity(given["sizeLimit"]) < 0:
        yield Refused(f"{path}.sizeLimit", f"must be at least 0, got {given['sizeLimit']}")


@rule("core.v1.HostPathVolumeSource")
def _host(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if ".." in str(given.get("path") or "").split("/"):
        yield Refused(f"{path}.path", f"must be without '..', got {given['path']!r}")


judges(
    "storage.v1.StorageClass",
    "allowVolumeExpansion metadata mountOptions parameters provisioner reclaimPolicy:|Delete|Retain "
    "volumeBindingMode:Immediate|WaitForFirstConsumer",
    "provisioner",
)


@rule("storage.v1.StorageClass")
def _class(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("provisioner"):
        yield from refused("provisioner", names.key(given["provisioner"].lower()))
    for key in given.get("parameters") or {}:
        if not key:
            yield Refused("parameters", "must have no empty key")
