"""Programs on loopback that the API server asks as Services: webhooks, conversions and aggregated APIs.

A Service of type ExternalName leads there, so the objects that ask it stay as their project wrote them, but for the
port, which such a Service cannot map.
"""

import base64
from collections.abc import Mapping
from typing import Any

from eks_gpu.lab.cluster_api import ClusterApi

SERVICES = "/api/v1/namespaces/{}/services"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def ensure_service(api: ClusterApi, namespace: str, name: str) -> None:
    """The Service, which leads to this machine."""
    spec = {"type": "ExternalName", "externalName": "localhost"}
    metadata = {"namespace": namespace, "name": name}
    api.ensure(SERVICES.format(namespace), {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def ensure_api(api: ClusterApi, group: str, version: str, service: Mapping[str, Any], authority: bytes) -> None:
    """The API server hands on what is asked of this API; `service` has namespace, name and port."""
    name = f"{version}.{group}"
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": dict(service),
        "caBundle": base64.b64encode(authority).decode(),
    }
    kind = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
    api.ensure(API_SERVICES, {**kind, "metadata": {"name": name}, "spec": spec})


def remove_api(api: ClusterApi, group: str, version: str) -> None:
    """The API server no longer hands on what is asked of this API."""
    api.delete(f"{API_SERVICES}/{version}.{group}")


def on_port(manifest: dict[str, Any], port: int) -> dict[str, Any]:
    """The manifest of webhooks or of a CRD, whose Services are asked on this port."""
    spec = manifest.get("spec", {})
    conversion = spec.get("conversion", {}).get("webhook") if isinstance(spec, Mapping) else None
    for asks in (*manifest.get("webhooks", ()), *([conversion] if conversion else [])):
        asks["clientConfig"]["service"]["port"] = port
    return manifest
