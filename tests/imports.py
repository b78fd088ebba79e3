"""What the importer says of a text, for tests."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from eks_gpu.importers.findings import Finding
from eks_gpu.importers.importing import import_file
from eks_gpu.importers.settings import Answer
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.plan.plan import Plan, make_plan
from tests.programs import ROOT

Broken = tuple[str, list[dict[str, Any]], str, str]
"""A rule; documents that break it and nothing else; the path where; a part of what is said."""
NODE_TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
IMPORTED = ROOT / "tests/imported"
ON = date(2026, 11, 21)


def imported(file: Path) -> tuple[Answer, list[Finding]]:
    answer, findings = import_file(file, ON)
    return answer, findings.in_order()


def rules(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.place.path) for finding in found]


def cluster_config(**more: Any) -> dict[str, Any]:
    metadata = {"name": "gaia", "region": "us-west-2", **more.pop("metadata", {})}
    return {"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig", "metadata": metadata, **more}


def gpu_group(**more: Any) -> dict[str, Any]:
    """A managed group with nothing to find."""
    group = {
        "name": "gpu",
        "instanceType": "g6.xlarge",
        "availabilityZones": ["us-west-2a"],
        "minSize": 0,
        "maxSize": 4,
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    }
    return {key: value for key, value in {**group, **more}.items() if value is not None}


def managed(**group: Any) -> list[dict[str, Any]]:
    return [cluster_config(managedNodeGroups=[gpu_group(**group)])]


def self_managed(**group: Any) -> list[dict[str, Any]]:
    tags = {
        f"{NODE_TEMPLATE}/taint/nvidia.com/gpu": "true:NoSchedule",
        "k8s.io/cluster-autoscaler/enabled": "true",
        "k8s.io/cluster-autoscaler/gaia": "owned",
        **group.pop("tags", {}),
    }
    return [cluster_config(nodeGroups=[gpu_group(**{"tags": tags, **group})])]


def node_pool(requirements: Any = None, *, spec: Any = None, nodes: Any = None) -> dict[str, Any]:
    """A NodePool v1 with nothing to find, of Karpenter."""
    own = [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]},
    ]
    template = {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
        "requirements": own if requirements is None else requirements,
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        **(nodes or {}),
    }
    if not any(one.get("key") == "karpenter.sh/capacity-type" for one in template["requirements"]):
        on_demand = {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}
        template["requirements"] = [*template["requirements"], on_demand]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {"limits": {"nvidia.com/gpu": 4}, "template": {"spec": template}, **(spec or {})},
    }


def node_class(**spec: Any) -> dict[str, Any]:
    own = {
        "role": "KarpenterNodeRole-gaia",
        "amiSelectorTerms": [{"alias": "al2023@v20260714"}],
        "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "gaia"}}],
        "securityGroupSelectorTerms": [{"tags": {"karpenter.sh/discovery": "gaia"}}],
        **spec,
    }
    return {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "gpu"}, "spec": own}


def auto_mode_pool(**more: Any) -> dict[str, Any]:
    reference = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"}
    return node_pool(nodes={"nodeClassRef": reference, **more.pop("nodes", {})}, **more)


def deployment(resources: Any = None, *, metadata: Any = None, **spec: Any) -> dict[str, Any]:
    """One GPU a pod, and nothing to find."""
    container = {
        "name": "main",
        "image": "example.com/main:1",
        "resources": resources or {"limits": {"nvidia.com/gpu": 1}},
    }
    own = {
        "containers": [container],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        **spec,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata or {"name": "main"},
        "spec": {"template": {"spec": own}},
    }


def plugin(image: str = "v0.20.0", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": f"nvcr.io/nvidia/k8s-device-plugin:{image}"}
    return {**deployment(containers=[container], **spec), "kind": "DaemonSet"}


def write(folder: Path, *documents: Mapping[str, Any]) -> Path:
    """Documents of a file; JSON is YAML."""
    file = folder / "given.yaml"
    file.write_text("\n---\n".join(json.dumps(document, indent=1) for document in documents))
    return file


def planned(answer: Answer) -> Plan:
    """The plan of the project's own program under imported settings, with an address of one's own."""
    own = {"eks-gpu-components:api_cidrs": '["192.88.99.7/32"]'}
    config = {"aws:region": answer.region, "eks-gpu:settings": json.dumps(answer.settings), **own}
    stack = StackConfig("dev", Path("Pulumi.dev.yaml"), answer.region, config, frozenset())
    return make_plan(Project.load(ROOT), stack)


def settings(folder: Path, *documents: Mapping[str, Any]) -> Any:
    """The settings that the documents become."""
    return imported(write(folder, *documents))[0].settings


def bought(folder: Path, *documents: Mapping[str, Any]) -> Any:
    """The settings that Karpenter's pool gpu becomes."""
    return settings(folder, *documents)["karpenter_gpu_pools"]["gpu"]
