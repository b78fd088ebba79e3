"""Every Kubernetes object of a program, in the form that is sent to the API server."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import merged, without

OF_THE_CLUSTER = frozenset(
    {
        *("APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding"),
        *("ComponentStatus", "CustomResourceDefinition", "DeviceClass", "FlowSchema", "IPAddress", "IngressClass"),
        *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "Namespace"),
        *("Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "ResourceSlice", "RuntimeClass"),
        *("ServiceCIDR", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        *("ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass"),
        *("NodePool", "NodeClaim", "NodeOverlay", "EC2NodeClass", "NodeClass", "Provisioner", "AWSNodeTemplate"),
        *("ClusterPolicy", "NVIDIADriver", "ClusterIssuer", "IngressClassParams", "ClusterQueue", "ResourceFlavor"),
        *("ClusterSecretStore", "ClusterExternalSecret", "Cohort", "WorkloadPriorityClass", "AdmissionCheck"),
    }
)
"""Kinds without a namespace. Source: Kubernetes 1.36, API reference; Karpenter 1.14; EKS Auto Mode; GPU operator 26.7.
"""


def kubernetes_objects(graph: Iterable[Resource]) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Each object with its resource; its `apiVersion`, `kind`, name and namespace are texts. Releases are no objects.

    Raises AttributeError, TypeError or ValueError for metadata that is no map.
    """
    return graph.replayed(_objects) if isinstance(graph, Graph) else _objects(graph)


def _objects(graph: Iterable[Resource]) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for resource in graph:
        package, _, rest = resource.type.partition(":")
        if package != "kubernetes" or not resource.custom or rest.startswith(("helm.sh/", "yaml:", "kustomize")):
            continue
        group_version, _, kind = rest.rpartition(":")
        version = group_version.removeprefix("core/")
        given = resource.inputs.get("metadata") or {}
        # An unknown name is the resource's here, and nobody is heard to ask for it.
        metadata = merged(given, _texts(given, resource.name))
        body = without(resource.inputs, "apiVersion", "kind", "metadata")
        told = (("apiVersion", version), ("kind", kind))
        head = {key: str(resource.inputs.get(key) or default) for key, default in told}
        yield resource, merged(head, {"metadata": metadata}, body)


def _texts(metadata: Mapping[str, Any], name: str) -> dict[str, str]:
    """Name and namespace, whatever the metadata has for them."""
    known = without(metadata)
    namespace = dict.get(known, "namespace")
    found = {"name": str(dict.get(known, "name") or name)}
    return found if namespace is None else {**found, "namespace": str(namespace)}


def shown_objects(graph: Iterable[Resource]) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """The same with a mask for each secret: what is written of them."""
    return kubernetes_objects(replace(each, inputs=each.shown) for each in graph)
