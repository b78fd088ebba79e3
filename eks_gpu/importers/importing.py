"""Import of a file: which reader reads which object."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from eks_gpu.importers.access import read_aws_auth
from eks_gpu.importers.autoscaler import read_autoscaler
from eks_gpu.importers.eksctl import API_VERSION as EKSCTL
from eks_gpu.importers.eksctl import read_cluster_config
from eks_gpu.importers.fields import Fields, Sheet
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.karpenter import read_node_pool, read_provisioner
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, MAX_POOLS, Described, Stated
from eks_gpu.importers.node_classes import read_auto_mode_node_class, read_ec2_node_class, read_node_template
from eks_gpu.importers.node_overlays import read_node_overlay
from eks_gpu.importers.plugin_configs import read_plugin_configs
from eks_gpu.importers.services import read_ingress, read_service
from eks_gpu.importers.settings import Answer, compose
from eks_gpu.importers.warm_capacity import read_buffer
from eks_gpu.importers.workloads import CLUSTER_AUTOSCALER, TEMPLATES, read_made_pods, read_template, read_workload
from eks_gpu.io.documents import Map, Seq, read
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import AUTO_MODE_GROUP, KARPENTER_API_VERSION, KARPENTER_CORE_GROUP, KARPENTER_GROUP
from eks_gpu_components.catalog.api_groups import CAPACITY_BUFFER_API_VERSION, CAPACITY_BUFFER_GROUP

KINDS: dict[str, dict[str, bool]] = {
    "ClusterConfig": {EKSCTL: True},
    "NodePool": {KARPENTER_API_VERSION: True, f"{KARPENTER_CORE_GROUP}/v1beta1": False},
    "Provisioner": {f"{KARPENTER_CORE_GROUP}/v1alpha5": False},
    "EC2NodeClass": {f"{KARPENTER_GROUP}/v1": True, f"{KARPENTER_GROUP}/v1beta1": False},
    "AWSNodeTemplate": {f"{KARPENTER_GROUP}/v1alpha1": False},
    "NodeOverlay": {f"{KARPENTER_CORE_GROUP}/v1alpha1": True},
    "NodeClass": {f"{AUTO_MODE_GROUP}/v1": True},
    "CapacityBuffer": {CAPACITY_BUFFER_API_VERSION: True, f"{CAPACITY_BUFFER_GROUP}/v1alpha1": True},
    "ConfigMap": {"v1": True},
    "CronJob": {"batch/v1": True, "batch/v1beta1": False, "batch/v2alpha1": False},
    "DaemonSet": {"apps/v1": True, "apps/v1beta2": False, "extensions/v1beta1": False},
    "Deployment": {"apps/v1": True, "apps/v1beta1": False, "apps/v1beta2": False, "extensions/v1beta1": False},
    "Ingress": {"networking.k8s.io/v1": True, "networking.k8s.io/v1beta1": False, "extensions/v1beta1": False},
    "Job": {"batch/v1": True},
    "Pod": {"v1": True},
    "PodTemplate": {"v1": True},
    "PriorityClass": {"scheduling.k8s.io/v1": True},
    "ReplicaSet": {"apps/v1": True, "apps/v1beta2": False, "extensions/v1beta1": False},
    "ReplicationController": {"v1": True},
    "Service": {"v1": True},
    "StatefulSet": {"apps/v1": True, "apps/v1beta1": False, "apps/v1beta2": False},
}
"""Kind -> API version -> whether Kubernetes 1.35, or Karpenter 1.15, serves it."""
MAX_OBJECTS = 2000
_FIRST = (
    "ClusterConfig",
    "NodeOverlay",
    "PriorityClass",
    "EC2NodeClass",
    "AWSNodeTemplate",
    "NodeClass",
    "Provisioner",
    "NodePool",
)
"""Read before what refers to them."""
_OF_THE_SERVER = (
    *("annotations", "creationTimestamp", "deletionTimestamp", "finalizers", "generateName", "generation", "labels"),
    *("managedFields", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid"),
)


def import_file(file: Path, on: date) -> tuple[Answer, Findings]:
    """Settings and findings. Raises InputError, with every problem, if the file cannot be read."""
    problems: list[str] = []
    documents = read(file, file.name, holds="a Kubernetes object or a ClusterConfig")
    described, findings = Described(), Findings()
    objects = sorted(_objects(documents, file.name, problems), key=_order)
    if len(objects) > MAX_OBJECTS:
        raise InputError(f"{file.name}: must have at most {MAX_OBJECTS} objects, got {len(objects)}")
    for fields, kind, sheet in objects:
        _read(fields, kind, sheet, described, findings, on)
    if len(described.pools) > MAX_POOLS:
        problems.append(f"{file.name}: must have at most {MAX_POOLS} pools of nodes, got {len(described.pools)}")
    if not objects and not problems:
        kinds = ", ".join(sorted(KINDS))
        problems.append(f"{file.name}: must have one object or more, such as {kinds}")
    if problems:
        raise InputError(problems)
    return compose(described, findings), findings


def _order(found: tuple[Fields, str, Sheet]) -> int:
    kind = found[1]
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _objects(documents: list[Map], name: str, problems: list[str]) -> Iterator[tuple[Fields, str, Sheet]]:
    """Each object with its kind; those of a List one by one."""
    for document in documents:
        if str(document.get("kind")).endswith("List") and isinstance(document.get("items"), Seq):
            yield from _objects([item for item in document["items"] if isinstance(item, Map)], name, problems)
            continue
        sheet = Sheet(name, problems=problems)
        fields = Fields(document, sheet)
        kind = fields.text("kind", required=True)
        sheet.object = kind or ""
        fields.text("apiVersion", required=True)
        yield fields, kind or "", sheet


def _read(fields: Fields, kind: str, sheet: Sheet, described: Described, findings: Findings, on: date) -> None:
    """Reads an object, or tells that import takes none of its kind."""
    version = fields.text("apiVersion") or ""
    metadata = fields.part("metadata", required=_is_ours(kind, version))
    name = metadata.text("name", required=_is_ours(kind, version) and "generateName" not in metadata) or ""
    sheet.object = f"{kind} {name}".strip()[:100]
    if not kind or not version:
        return
    if not _is_ours(kind, version):
        if read_made_pods(kind, name, fields, described, findings):
            return
        if not _belongs_to_autoscaler(name):
            findings.lose(fields.place("kind"), f"import takes no {kind}: keep its file")
        return
    if version not in KINDS[kind]:
        message = f"import takes a {kind} of {' or '.join(KINDS[kind])}, and not of {version}: keep its file"
        findings.lose(fields.place("apiVersion"), message)
        return
    if not KINDS[kind][version] and kind not in ("Provisioner", "NodePool"):
        current = next((found for found, served in KINDS[kind].items() if served), "an EC2NodeClass")
        message = f"{version} is removed, and no API server takes it: write {current}"
        findings.tell("api-versions-are-served", fields.place("apiVersion"), message)
    metadata.replaced(*_OF_THE_SERVER)
    fields.replaced("status")
    _dispatch(fields, kind, name, version.rpartition("/")[2], described, findings, on)


def _is_ours(kind: str, version: str) -> bool:
    """Whether the kind is of a group that it belongs to: Knative has a Service too."""
    groups = {known.rpartition("/")[0] for known in KINDS.get(kind, ())}
    return bool(groups) and version.rpartition("/")[0] in {*groups, ""}


def _belongs_to_autoscaler(name: str) -> bool:
    """Its account and permissions, which the program's chart brings."""
    return name == CLUSTER_AUTOSCALER


def _dispatch(
    fields: Fields, kind: str, name: str, version: str, described: Described, findings: Findings, on: date
) -> None:
    told = findings
    match kind:
        case "ClusterConfig" if described.cluster.described:
            findings.lose(fields.place("kind"), "a stack has one cluster, and the file describes another before")
            return
        case "ClusterConfig":
            read_cluster_config(fields, described, findings, on)
        case "Provisioner":
            told = read_provisioner(name, fields, described).findings
        case "NodePool":
            pool = read_node_pool(name, version, fields, described, findings)
            if pool is None:
                return
            told = pool.findings
        case "NodeOverlay":
            spec = fields.part("spec", required=True)
            described.overlays.append(read_node_overlay(name, spec, findings))
            described.overlay_places[name] = spec
        case "CapacityBuffer":
            read_buffer(name, _namespace(fields), fields, described)
        case "PodTemplate":
            pods = read_template(name, fields, findings)
            described.templates[_namespace(fields), name] = (pods, fields.place("kind"))
            return
        case "PriorityClass":
            described.priorities[name] = Stated(fields.raw("value"), fields.place("kind"))
            return
        case "EC2NodeClass" | "AWSNodeTemplate" | "NodeClass":
            backend = AUTO_MODE if kind == "NodeClass" else KARPENTER
            read = {"AWSNodeTemplate": read_node_template, "NodeClass": read_auto_mode_node_class}.get(
                kind, partial(read_ec2_node_class, before_v1=version != "v1")
            )
            found = replace(read(fields.part("spec", required=True)), place=fields.part("metadata").place("name"))
            described.node_classes[backend, name] = found
            told = found.findings
        case _:
            _judge_object(fields, kind, name, described, findings)
            return
    for place, key, meant in fields.lost():
        nearest = f"; nearest: {meant}" if meant else ""
        told.lose(place, f"the settings have no place for {key[:100]}{nearest}")


def _judge_object(fields: Fields, kind: str, name: str, described: Described, findings: Findings) -> None:
    """Checks an object that does not become settings: the user keeps managing it."""
    if kind in TEMPLATES:
        workload = read_workload(kind, name, fields, described, findings)
        images = [image.name.partition("@")[0].rpartition("/")[2].partition(":")[0] for image in workload.images]
        if kind == "Deployment" and CLUSTER_AUTOSCALER in images:
            read_autoscaler(workload, fields, described, findings)
    elif kind == "Service":
        read_service(fields, described, findings)
    elif kind == "Ingress":
        read_ingress(fields, findings)
    elif name == "aws-auth":
        read_aws_auth(fields, described.cluster.settings, findings)
    elif configs := read_plugin_configs(fields, findings):
        described.plugin_configs |= configs
    else:
        message = "import takes no ConfigMap but aws-auth and the NVIDIA device plugin's: keep its file"
        findings.lose(fields.place("kind"), message)


def _namespace(fields: Fields) -> str:
    return fields.part("metadata").text("namespace") or "default"
