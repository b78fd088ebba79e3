"""import: each rule, by a document that breaks it and nothing else."""

import re
from typing import Any

import pytest

from eks_gpu_importers.findings import RULES
from tests.imports import (
    ROOT,
    auto_mode_pool,
    cluster_config,
    deployment,
    gpu_group,
    imported,
    node_class,
    node_pool,
    write,
)

PREFIX = "k8s.io/cluster-autoscaler/node-template"
ARM = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
CLASSES = "karpenter.k8s.aws/instance"
CPU_GROUP = {"name": "general", "instanceType": "m5.large", "minSize": 2, "maxSize": 2}
SPOT = {"name": "spot", "spot": True, "minSize": 0, "maxSize": 3}
SIX = ["m8i.xlarge", "m8a.xlarge", "m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m5.xlarge"]
POD = "spec.template.spec"


def managed(**group: Any) -> list[dict[str, Any]]:
    return [cluster_config(managedNodeGroups=[gpu_group(**group)])]


def self_managed(**group: Any) -> list[dict[str, Any]]:
    tags = {
        f"{PREFIX}/taint/nvidia.com/gpu": "true:NoSchedule",
        "k8s.io/cluster-autoscaler/enabled": "true",
        "k8s.io/cluster-autoscaler/gaia": "owned",
        **group.pop("tags", {}),
    }
    return [cluster_config(nodeGroups=[gpu_group(**{"tags": tags, **group})])]


def autoscaler(flag: str, image: str = "v1.35.2") -> dict[str, Any]:
    container = {"name": "main", "image": f"registry.k8s.io/autoscaling/cluster-autoscaler:{image}", "args": [flag]}
    return {**deployment(containers=[container], tolerations=[]), "metadata": {"name": "cluster-autoscaler"}}


def plugin(image: str = "v0.20.0", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": f"nvcr.io/nvidia/k8s-device-plugin:{image}"}
    return {**deployment(containers=[container], **spec), "kind": "DaemonSet"}


def service(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "main", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": "LoadBalancer", **spec}}


SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
BROKEN: list[tuple[str, list[dict[str, Any]], str, str]] = [
    ("lost", managed(maxPodsPerNode=30), "managedNodeGroups[0].maxPodsPerNode", "no place for maxPodsPerNode"),
    ("lost", [cluster_config(fargateProfiles=[{"name": "f"}])], "fargateProfiles", "no place for fargateProfiles"),
    ("lost", managed(ssh={"allow": True}), "managedNodeGroups[0].ssh", "Session Manager"),
    ("lost", managed(volumeSiz=50), "managedNodeGroups[0].volumeSiz", "no place for volumeSiz; nearest: volumeSize"),
    ("lost", [node_pool(nodes={"kubelet": {}})], f"{POD}.kubelet", "no place for kubelet"),
    ("lost", [node_pool(spec={"replicas": 2})], "spec.replicas", "no place for replicas"),
    ("lost", [node_class(userData="#!"), node_pool()], "spec.userData", "no place for userData"),
    (
        "lost",
        [node_pool(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}],
        "kind",
        "no Namespace",
    ),
    (
        "api-is-private-or-restricted",
        [cluster_config(vpc={"clusterEndpoints": {"publicAccess": True}})],
        "vpc.clusterEndpoints.publicAccess",
        "open to the whole internet",
    ),
    (
        "architecture-is-required",
        [
            node_pool(
                [
                    {"key": f"{CLASSES}-gpu-name", "operator": "In", "values": ["t4g", "t4"]},
                    {"key": f"{CLASSES}-gpu-count", "operator": "Lt", "values": ["2"]},
                ]
            )
        ],
        f"{POD}.requirements",
        "g5g.xlarge",
    ),
    (
        "autoscaler-plans-with-the-smallest-type",
        managed(instanceType=None, instanceTypes=["g6.4xlarge", "g6.xlarge"]),
        "managedNodeGroups[0].instanceTypes[0]",
        "EC2 may start g6.xlarge, which is smaller",
    ),
    (
        "autoscaler-watches-this-cluster-only",
        [cluster_config(), autoscaler("--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled")],
        f"{POD}.containers[0].args[0]",
        "add k8s.io/cluster-autoscaler/gaia",
    ),
    (
        "autoscaler-watches-this-cluster-only",
        [cluster_config(), autoscaler("--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/other")],
        f"{POD}.containers[0].args[0]",
        "it watches k8s.io/cluster-autoscaler/other",
    ),
    (
        "cpu-work-stays-off-gpu-nodes",
        [node_pool(), deployment({"limits": {"cpu": "1"}})],
        f"{POD}.tolerations[0].operator",
        "asks for no GPU",
    ),
    (
        "device-plugin-reaches-gpu-pools",
        [node_pool(), plugin(tolerations=[])],
        "metadata.name",
        "does not tolerate nvidia.com/gpu=true:NoSchedule of gpu",
    ),
    ("device-plugin-reaches-gpu-pools", [cluster_config(), node_pool()], "metadata.name", "nothing here installs"),
    ("disks-have-room", managed(volumeSize=20), "managedNodeGroups[0].volumeSize", "30 is taken"),
    (
        "gpu-limit-not-blocked-by-cpu-or-memory",
        [node_pool(spec={"limits": {"nvidia.com/gpu": 8, "cpu": 8}})],
        "spec.limits",
        "let 2 nodes come, though nvidia.com/gpu allows 8",
    ),
    ("gpu-nodes-are-tainted", managed(taints=None), "managedNodeGroups[0].taints", "any pod may land there"),
    (
        "gpu-nodes-are-tainted",
        managed(taints={"nvidia.com/gpu": "true"}),
        "managedNodeGroups[0].taints[nvidia.com/gpu]",
        "nearest: true:NoSchedule",
    ),
    (
        "gpu-pods-tolerate-the-taint",
        [auto_mode_pool(), deployment(tolerations=[])],
        "metadata.name",
        "tolerate none of nvidia.com/gpu=true:NoSchedule",
    ),
    (
        "gpu-pods-tolerate-the-taint",
        [
            auto_mode_pool(),
            deployment(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}]),
        ],
        f"{POD}.tolerations[0].operator",
        "nodes have nvidia.com/gpu=true:NoSchedule",
    ),
    ("gpu-pools-are-capped", [node_pool(spec={"limits": {}})], "spec.limits", "nothing limits the GPUs"),
    (
        "gpu-pools-consolidate-when-empty",
        [node_pool(spec={"disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized"}})],
        "spec.disruption.consolidationPolicy",
        "nodes go only when they are empty",
    ),
    ("gpu-pools-start-at-zero", managed(minSize=1), "managedNodeGroups[0].maxSize", "1 GPU nodes run"),
    (
        "gpu-requests-equal-limits",
        [auto_mode_pool(), deployment({"requests": {"nvidia.com/gpu": 1}})],
        f"{POD}.containers[0].resources.requests[nvidia.com/gpu]",
        "write limits.nvidia.com/gpu: 1",
    ),
    (
        "gpu-requests-equal-limits",
        [auto_mode_pool(), deployment({"limits": {"nvidia.com/gpu": "0.5"}})],
        f"{POD}.containers[0].resources.limits[nvidia.com/gpu]",
        "counts whole devices, got 0.5",
    ),
    (
        "gpu-requests-fit-a-node",
        [auto_mode_pool(), deployment({"limits": {"nvidia.com/gpu": 8}})],
        f"{POD}.containers[0].resources.limits[nvidia.com/gpu]",
        "asks for 8, and the pools' nodes have 1",
    ),
    (
        "gpus-are-whole-and-have-a-driver",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6f.xlarge"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "0.125 of a GPU",
    ),
    (
        "instance-types-offered-in-zones",
        managed(instanceType=None, instanceTypes=["p4d.24xlarge", "p3dn.24xlarge"], availabilityZones=["us-west-2a"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "p3dn.24xlarge is not offered in us-west-2a: it is in us-west-2b, us-west-2c",
    ),
    (
        "limits-name-the-real-resource",
        [node_pool(spec={"limits": {"gpu": 4}})],
        "spec.limits.gpu",
        "nodes have nvidia.com/gpu",
    ),
    (
        "lifetimes-are-in-bounds",
        [auto_mode_pool(nodes={"expireAfter": "720h"})],
        f"{POD}.expireAfter",
        "336h is taken",
    ),
    ("lifetimes-are-in-bounds", [node_pool(nodes={"expireAfter": "Never"})], f"{POD}.expireAfter", "after 720h"),
    ("names-fit", managed(name="GPU.nodes"), "managedNodeGroups[0].name", "gpu-nodes is taken"),
    (
        "node-disks-are-encrypted",
        managed(volumeEncrypted=False),
        "managedNodeGroups[0].volumeEncrypted",
        "in the clear",
    ),
    (
        "node-images-are-pinned",
        [node_class(amiSelectorTerms=[{"alias": "al2023@latest"}]), node_pool()],
        "spec.amiSelectorTerms[0].alias",
        "the program pins one",
    ),
    (
        "nodes-require-imdsv2",
        [node_class(metadataOptions={"httpPutResponseHopLimit": 2}), node_pool()],
        "spec.metadataOptions.httpPutResponseHopLimit",
        "Pod Identity",
    ),
    (
        "one-gpu-count-a-group",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6.12xlarge"]),
        "managedNodeGroups[0].instanceTypes",
        "Types with 1 are taken",
    ),
    (
        "one-kind-of-node-a-pool",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g5g.xlarge"]),
        "managedNodeGroups[0].instanceTypes",
        "without g5g.xlarge arm64 nvidia",
    ),
    ("one-owner-of-the-gpu-stack", [auto_mode_pool(), plugin()], "metadata.name", "remove this DaemonSet"),
    (
        "one-shape-a-group",
        [cluster_config(managedNodeGroups=[{**SPOT, "instanceTypes": [*SIX, "m5.2xlarge"]}])],
        "managedNodeGroups[0].instanceTypes",
        "without m5.2xlarge",
    ),
    ("one-zone-a-gpu-group", managed(availabilityZones=None), "managedNodeGroups[0].name", "makes a group a zone"),
    (
        "placeholders-are-filled-in",
        [cluster_config(metadata={"region": "${AWS_REGION}"})],
        "metadata.region",
        "${AWS_REGION} must be filled in",
    ),
    (
        "pods-select-what-nodes-have",
        [auto_mode_pool(), deployment(nodeSelector={"nvidia.com/gpu.product": "NVIDIA-L4"})],
        f"{POD}.nodeSelector[nvidia.com/gpu.product]",
        "there only after a node is",
    ),
    (
        "pods-select-what-nodes-have",
        [auto_mode_pool(), deployment(nodeSelector={f"{CLASSES}-gpu-name": "l4"})],
        f"{POD}.nodeSelector[{CLASSES}-gpu-name]",
        "they are of auto-mode",
    ),
    (
        "pods-select-what-nodes-have",
        [auto_mode_pool(), deployment(nodeSelector={"team": "vision"})],
        f"{POD}.nodeSelector.team",
        "add it to the pool's labels",
    ),
    (
        "regions-and-zones-exist",
        [cluster_config(metadata={"region": "us-wset-2"})],
        "metadata.region",
        "nearest: us-west-2, which is taken",
    ),
    (
        "regions-and-zones-exist",
        [cluster_config(availabilityZones=["us-west-2a", "us-west-2x"])],
        "availabilityZones[1]",
        "is none of us-west-2's",
    ),
    (
        "scale-from-zero-labels-match-node",
        self_managed(labels={"team": "vision"}),
        "nodeGroups[0].labels",
        "no tag tells the autoscaler of team",
    ),
    (
        "scale-from-zero-labels-match-node",
        self_managed(tags={f"{PREFIX}/label/team": "audio"}),
        f"nodeGroups[0].tags[{PREFIX}/label/team]",
        "expects label team=audio, which no node gets",
    ),
    (
        "scale-from-zero-taints-match-node",
        self_managed(tags={f"{PREFIX}/taint/nvidia.com/gpu": "present:NoSchedule"}),
        f"nodeGroups[0].tags[{PREFIX}/taint/nvidia.com/gpu]",
        "the nodes' taint is true:NoSchedule",
    ),
    (
        "services-are-private-or-restricted",
        [node_pool(), service({SCHEME: "internet-facing"}, loadBalancerSourceRanges=["0.0.0.0/0"])],
        f"metadata.annotations[{SCHEME}]",
        "plain HTTP",
    ),
    ("services-are-private-or-restricted", [node_pool(), service({})], "spec.type", "the whole internet"),
    (
        "spot-groups-have-six-types",
        [cluster_config(managedNodeGroups=[{**SPOT, "instanceTypes": SIX[:4]}])],
        "managedNodeGroups[0].instanceTypes",
        "with 4 of one shape",
    ),
    (
        "taint-tags-have-value-and-effect",
        self_managed(tags={f"{PREFIX}/taint/nvidia.com/gpu": "true"}),
        f"nodeGroups[0].tags[{PREFIX}/taint/nvidia.com/gpu]",
        "must be value:Effect, got 'true'",
    ),
    (
        "taints-have-a-value",
        managed(taints=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]),
        "managedNodeGroups[0].taints[0].key",
        "its value is true",
    ),
    (
        "tolerations-use-exists",
        [auto_mode_pool(), deployment(tolerations=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}])],
        f"{POD}.tolerations[0].key",
        "Equal to an empty value",
    ),
    (
        "access-entries-instead-of-aws-auth",
        [cluster_config(accessConfig={"authenticationMode": "CONFIG_MAP"})],
        "accessConfig.authenticationMode",
        "uses access entries",
    ),
    (
        "api-versions-are-served",
        [{**node_pool(), "apiVersion": "karpenter.sh/v1beta1"}],
        "apiVersion",
        "removed in Karpenter 1.1",
    ),
    (
        "autoscaler-matches-kubernetes-minor",
        [cluster_config(), autoscaler("--v=4", image="v1.31.0")],
        f"{POD}.containers[0].image",
        "the program runs v1.35.2",
    ),
    ("device-plugin-is-current", [node_pool(), plugin("v0.14.5")], f"{POD}.containers[0].image", "installs 0.20.0"),
    ("disks-are-gp3", managed(volumeType="gp2"), "managedNodeGroups[0].volumeType", "gp3, which is taken"),
    (
        "images-are-from-living-registries",
        [
            auto_mode_pool(),
            deployment(initContainers=[{"name": "a", "image": "k8s.gcr.io/pause:3.1"}]),
        ],
        f"{POD}.initContainers[0].image",
        "frozen",
    ),
    (
        "instance-types-are-offered",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6.xlrage"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "nearest: g6.xlarge",
    ),
    ("instance-types-are-offered", managed(instanceType="p2.xlarge"), "managedNodeGroups[0].instanceType", "K80"),
    (
        "karpenter-is-current",
        [cluster_config(karpenter={"version": "0.37.0"}), plugin(), node_pool()],
        "karpenter.version",
        "the program installs 1.14.1",
    ),
    (
        "kubernetes-version-is-supported",
        [cluster_config(metadata={"version": "1.33"})],
        "metadata.version",
        "extended support, which costs more",
    ),
    (
        "labels-are-current",
        [auto_mode_pool(), deployment(nodeSelector={"beta.kubernetes.io/instance-type": "g6.xlarge"})],
        f"{POD}.nodeSelector[beta.kubernetes.io/instance-type]",
        "write node.kubernetes.io/instance-type",
    ),
    ("node-images-are-current", managed(amiFamily="AmazonLinux2"), "managedNodeGroups[0].amiFamily", "AL2023 is taken"),
    (
        "node-policies-are-current",
        managed(iam={"attachPolicyARNs": ["arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM"]}),
        "managedNodeGroups[0].iam.attachPolicyARNs[0]",
        "AmazonSSMManagedInstanceCore",
    ),
    (
        "spot-allocation-is-current",
        self_managed(instancesDistribution={"spotAllocationStrategy": "lowest-price"}),
        "nodeGroups[0].instancesDistribution.spotAllocationStrategy",
        "price-capacity-optimized",
    ),
]


@pytest.mark.parametrize(
    ("rule", "documents", "path", "said"),
    BROKEN,
    ids=[f"{rule}-{path.rpartition('.')[2]}" for rule, _, path, _ in BROKEN],
)
def test_a_document_that_breaks_one_rule_is_told_of_it_and_of_nothing_else(rule, documents, path, said, tmp_path):
    _, found = imported(write(tmp_path, *documents))
    assert [(finding.rule, finding.place.path) for finding in found] == [(rule, path)], found
    assert said in found[0].message


@pytest.mark.parametrize(
    "documents",
    [
        managed(),
        self_managed(),
        [node_pool()],
        [node_class(), node_pool()],
        [auto_mode_pool(), deployment()],
        [cluster_config()],
    ],
    ids=["managed", "self-managed", "node pool", "with class", "auto mode", "cluster"],
)
def test_what_the_broken_documents_are_made_from_breaks_nothing(documents, tmp_path):
    assert imported(write(tmp_path, *documents))[1] == []


def test_every_rule_is_broken_by_a_document_here():
    assert {rule for rule, *_ in BROKEN} == {*RULES}


def test_the_page_lists_every_rule_with_its_kind():
    page = (ROOT / "docs/import.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (wrong|outdated|lost) \|", page, re.MULTILINE)
    assert dict(rows) == RULES
    assert [id_ for id_, _ in rows] == sorted(RULES)
