"""Rules of namespaces and of the small objects in them: ServiceAccount, ConfigMap and Secret."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged, joined
from eks_gpu_components.catalog.label_rules import KUBERNETES_DOMAINS

judges("core.v1.Namespace", "metadata")
judges("core.v1.ServiceAccount", "metadata automountServiceAccountToken imagePullSecrets")
judges("core.v1.ConfigMap", "metadata data binaryData immutable")
judges("core.v1.Secret", "metadata data stringData immutable type")
_POD_SECURITY, _LEVELS = "pod-security.kubernetes.io/", ("privileged", "baseline", "restricted")


@rule("core.v1.ConfigMap", "core.v1.Secret")
def _data(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    texts = given.get("data") or {}
    other = given.get("binaryData") or {}
    size = 0
    for field in ("data", "binaryData", "stringData"):
        for key, value in (given.get(field) or {}).items():
            yield from refused(joined(joined(path, field), key), names.file_key(key))
            size += len((value or "").encode())
    for key in texts.keys() & other.keys():
        yield Refused(joined(joined(path, "data"), key), "is in binaryData too")
    if size > 2**20:
        yield Unjudged(joined(path, "data"))


@rule("core.v1.Secret")
def _secret(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if str(given.get("type") or "").startswith((f"{KUBERNETES_DOMAINS[0]}/", f"bootstrap.{KUBERNETES_DOMAINS[0]}/")):
        yield Unjudged("type")


@rule("core.v1.Namespace")
def _namespace(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Pod security standards are labels, and the API server reads them."""
    for key, value in ((given.get("metadata") or {}).get("labels") or {}).items():
        if key.startswith(_POD_SECURITY) and key.removeprefix(_POD_SECURITY) in ("enforce", "audit", "warn"):
            if value not in _LEVELS:
                yield Refused(f"metadata.labels.{key}", f"must be one of {', '.join(_LEVELS)}, got {value!r}")
        elif key.startswith(_POD_SECURITY) and value != "latest":
            yield Unjudged(f"metadata.labels.{key}")
