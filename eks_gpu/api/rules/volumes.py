"""Rules of volumes, of their mounts, and of the classes that they are made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import inside, refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged
from eks_gpu.pods.quantities import quantity

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
