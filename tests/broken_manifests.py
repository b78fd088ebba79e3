"""Kubernetes manifests, beside a ClusterConfig or not, each of which breaks one rule of the importer."""

from typing import Any

from tests.imports import Broken, auto_mode_pool, cluster_config, deployment, node_class, node_pool, plugin

CLASSES = "karpenter.k8s.aws/instance"
POD = "spec.template.spec"
SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"


def autoscaler(flag: str, image: str = "v1.35.2") -> dict[str, Any]:
    container = {"name": "main", "image": f"registry.k8s.io/autoscaling/cluster-autoscaler:{image}", "args": [flag]}
    return {**deployment(containers=[container], tolerations=[]), "metadata": {"name": "cluster-autoscaler"}}


def service(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "main", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": "LoadBalancer", **spec}}


def bottlerocket(**sizes: str) -> dict[str, Any]:
    """A node class with volumes of these sizes, by the device's name without its folder."""
    volumes = [
        {"deviceName": f"/dev/{name}", "ebs": {"volumeSize": size, "volumeType": "gp3", "encrypted": True}}
        for name, size in sizes.items()
    ]
    return node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.46.0"}], blockDeviceMappings=volumes)


BROKEN_MANIFESTS: list[Broken] = [
    (
        "requirements-name-what-there-is",
        [
            node_pool(
                [
                    {"key": f"{CLASSES}-family", "operator": "In", "values": ["g4", "g6"]},
                    {"key": f"{CLASSES}-size", "operator": "In", "values": ["xlarge"]},
                ]
            )
        ],
        f"{POD}.requirements[0].values[0]",
        f"{CLASSES}-family: g4 is no instance family; nearest: g4dn",
    ),
    (
        "disks-have-room",
        [bottlerocket(xvda="150Gi"), node_pool()],
        "spec.blockDeviceMappings[0].ebs.volumeSize",
        "150 GiB are on /dev/xvda, where Bottlerocket alone is; images and pods fill /dev/xvdb, which has 20",
    ),
    (
        "node-volumes-hold-their-image",
        [bottlerocket(xvdb="100Gi", xvda="3Gi"), node_pool()],
        "spec.blockDeviceMappings[1].ebs.volumeSize",
        "/dev/xvda has 3 GiB and must have 4 or more",
    ),
    ("lost", [node_pool(nodes={"kubelet": {}})], f"{POD}.kubelet", "no place for kubelet"),
    (
        "lost",
        [node_pool(spec={"limits": {"nvidia.com/gpu": 4, "memory": "64GB"}})],
        "spec.limits.memory",
        "must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '64GB'; nearest: 64G",
    ),
    (
        "lost",
        [node_pool(nodes={"expireAfter": "30d"})],
        f"{POD}.expireAfter",
        "must be hours, minutes and seconds, as 720h, got 30d; nearest: 720h",
    ),
    (
        "lost",
        [node_pool(nodes={"terminationGracePeriod": "1.5h"})],
        f"{POD}.terminationGracePeriod",
        "must be hours, minutes and seconds, as 10m, got 1.5h; nearest: 1h30m",
    ),
    (
        "lost",
        [node_class(blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100 GB"}}]), node_pool()],
        "spec.blockDeviceMappings[0].ebs.volumeSize",
        "must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '100 GB'; nearest: 100G",
    ),
    (
        "node-pool-fields-fit-the-chart",
        [
            node_pool(
                nodes={
                    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule", "operator": "Exists"}]
                }
            )
        ],
        f"{POD}.taints[0].operator",
        "operator is no field of a taint, but of a toleration",
    ),
    ("lost", [node_class(userData="#!"), node_pool()], "spec.userData", "no place for userData"),
    (
        "lost",
        [node_pool(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}],
        "kind",
        "no Namespace",
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
    (
        "gpu-limit-not-blocked-by-cpu-or-memory",
        [node_pool(spec={"limits": {"nvidia.com/gpu": 8, "cpu": 8}})],
        "spec.limits",
        "let 2 nodes come, though nvidia.com/gpu allows 8",
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
    (
        "node-pool-fields-fit-the-chart",
        [
            node_pool(
                nodes={
                    "taints": [
                        {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule", "operator": "Exists"},
                    ]
                }
            )
        ],
        "spec.template.spec.taints[0].operator",
        "operator is no field of a taint, but of a toleration: leave it out",
    ),
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
    ("one-owner-of-the-gpu-stack", [auto_mode_pool(), plugin()], "metadata.name", "remove this DaemonSet"),
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
        "services-are-private-or-restricted",
        [node_pool(), service({SCHEME: "internet-facing"}, loadBalancerSourceRanges=["0.0.0.0/0"])],
        f"metadata.annotations[{SCHEME}]",
        "plain HTTP",
    ),
    ("services-are-private-or-restricted", [node_pool(), service({})], "spec.type", "the whole internet"),
    (
        "services-are-private-or-restricted",
        [node_pool(), service({}, loadBalancerSourceRanges=["0.0.0.0/1", "128.0.0.0/1"])],
        "spec.type",
        "0.0.0.0/1, 128.0.0.0/1, much of the internet",
    ),
    (
        "tolerations-use-exists",
        [auto_mode_pool(), deployment(tolerations=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}])],
        f"{POD}.tolerations[0].key",
        "Equal to an empty value",
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
        "labels-are-current",
        [auto_mode_pool(), deployment(nodeSelector={"beta.kubernetes.io/instance-type": "g6.xlarge"})],
        f"{POD}.nodeSelector[beta.kubernetes.io/instance-type]",
        "write node.kubernetes.io/instance-type",
    ),
]
