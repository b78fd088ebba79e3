"""ClusterAutoscaler: adds nodes to node groups for pending pods, and removes nodes that no pod needs."""

import json
import re
from collections.abc import Mapping
from typing import Any, NotRequired

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pydantic import Field
from typing_extensions import TypedDict

from . import catalog
from .catalog.name_limits import ROLES
from .control_plane.disposable import disposable
from .iam.pod_identity import pod_identity
from .values.arg_words import AutoscalerExpanderArg
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check
from .values.words import AutoscalerExpander

NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "cluster-autoscaler"


class ClusterAutoscalerSettingsArgs(TypedDict):
    """Settings of the autoscaler: where it runs, and how long it waits before it removes nodes."""

    expander: NotRequired[AutoscalerExpanderArg]
    """How the autoscaler chooses between several suitable groups: least-waste, most-pods or random. Default
    least-waste.
    """
    scale_down_unneeded_s: NotRequired[int]
    """Seconds that an unneeded node is kept, 30 or more. Default 600; a GPU pool's `idle_s` overrides it there."""
    scale_down_delay_after_add_s: NotRequired[int]
    """Seconds without removals after a node was added. Default 600."""
    gpu_utilization_threshold: NotRequired[float]
    """A node is unneeded if a smaller share of its GPUs is in use, over 0 and up to 1. Default 0.5."""
    spread_over_zones: NotRequired[bool]
    """Whether new nodes are spread over groups that differ only in their zone. Default no: zones differ in capacity for
    GPUs.
    """
    replicas: NotRequired[int]
    """Number of pods. One works, the others are on standby. Default 1."""
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that the autoscaler runs on; it must not be able to remove them. Default
    eks-gpu-components/role=system, the label of `Cluster`'s system nodes.
    """


class ClusterAutoscalerArgs(TypedDict):
    """The arguments of the autoscaler, which a cluster needs once."""

    cluster: EksCluster
    """The cluster whose node groups it sizes. It finds them by the discovery tags of the cluster."""
    pools: NotRequired[Mapping[str, GpuPoolArgs]]
    """A map from the name of a `GpuNodeGroup` to its pool: the autoscaler prefers the capacity type that the pool names
    first. Default none.
    """
    settings: NotRequired[ClusterAutoscalerSettingsArgs]
    """Settings of the autoscaler: where it runs, and how long it waits before it removes nodes."""


class ClusterAutoscalerSettings(Value):
    """The settings, checked."""

    # `price` has no implementation for AWS; `priority` follows from the pools.
    expander: AutoscalerExpander = "least-waste"
    scale_down_unneeded_s: int = Field(default=600, ge=30)
    scale_down_delay_after_add_s: int = Field(default=600, ge=0)
    # At 0 no share is under it: every GPU node would stay for ever.
    gpu_utilization_threshold: float = Field(default=0.5, gt=0, le=1)
    spread_over_zones: bool = False
    replicas: int = Field(default=1, ge=1)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS


class ClusterAutoscalerSpec(Value):
    """ClusterAutoscalerArgs as a checked value."""

    cluster: Any
    pools: Mapping[str, GpuPool] = Field(default_factory=dict)
    settings: ClusterAutoscalerSettings = Field(default_factory=ClusterAutoscalerSettings)


class ClusterAutoscaler(ComponentResource):
    """The autoscaler's Helm chart, with the image for the cluster's minor version. It may change only this cluster's
    groups.
    """

    role_arn: Output[str]
    """IAM role of its pods."""

    def __init__(self, name: str, args: ClusterAutoscalerArgs, opts: ResourceOptions | None = None):
        """Installs the autoscaler.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `ClusterAutoscalerArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(ClusterAutoscalerSpec, args)
        check_name(name, {ROLES: [name]})
        super().__init__("eks-gpu-components:index:ClusterAutoscaler", name, args, opts)

        cluster: EksCluster = spec.cluster
        cluster_name = Output.from_input(cluster["name"])
        role, permissions = pod_identity(
            self,
            name,
            cluster,
            NAMESPACE,
            SERVICE_ACCOUNT,
            policy=cluster_name.apply(lambda known: json.dumps(autoscaler_policy(known, cluster["region"]))),
        )
        kubernetes.helm.v3.Release(
            name,
            name=SERVICE_ACCOUNT,
            namespace=NAMESPACE,
            **catalog.CLUSTER_AUTOSCALER_CHART.for_helm(),
            values=chart_values(
                spec.settings,
                cluster_name,
                cluster["region"],
                Output.from_input(cluster["kubernetes_version"]).apply(image_tag),
                priorities(spec.pools),
            ),
            opts=disposable(self, opts, depends_on=permissions),
        )

        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def image_tag(kubernetes_version: str) -> str:
    """Image tag of the autoscaler for a Kubernetes minor version, whose scheduler it simulates. Raises
    UnknownKubernetesVersion.
    """
    return catalog.kubernetes_version(kubernetes_version).autoscaler_image_tag


def chart_values(
    settings: ClusterAutoscalerSettings,
    cluster_name: Input[str],
    region: str,
    image_tag: Input[str],
    priorities: Mapping[str, list[str]],
) -> dict[str, Any]:
    """The values of the chart that differ from its defaults."""
    return {
        **({"expanderPriorities": dict(priorities)} if priorities else {}),
        "fullnameOverride": SERVICE_ACCOUNT,
        "awsRegion": region,  # pods cannot ask the instance metadata
        "autoDiscovery": {
            "clusterName": cluster_name,  # without it the chart renders no Deployment, and does not fail
            "tags": [
                catalog.AUTOSCALER_ENABLED_TAG,
                catalog.autoscaler_cluster_tag("{{ .Values.autoDiscovery.clusterName }}"),
            ],
        },
        "image": {"tag": image_tag},
        "replicaCount": settings.replicas,
        "rbac": {"serviceAccount": {"create": True, "name": SERVICE_ACCOUNT}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": dict(settings.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}, "limits": {"memory": "1Gi"}},
        "extraArgs": {
            # The first decides; among the groups that it leaves, the second.
            "expander": f"priority,{settings.expander}" if priorities else settings.expander,
            "scale-down-unneeded-time": f"{settings.scale_down_unneeded_s}s",
            "scale-down-delay-after-add": f"{settings.scale_down_delay_after_add_s}s",
            "scale-down-gpu-utilization-threshold": str(settings.gpu_utilization_threshold),
            "balance-similar-node-groups": str(settings.spread_over_zones).lower(),
            # Frameworks take their shared memory as emptyDir: such a pod would hold its GPU node for ever.
            "skip-nodes-with-local-storage": "false",
        },
    }


def priorities(pools: Mapping[str, GpuPool]) -> dict[str, list[str]]:
    """Map from priority to patterns of group names. The highest priority grows first. Empty if no pool has a
    preference.

    A group's name holds its `GpuNodeGroup`'s, zone and capacity type; EKS puts `eks-` before and an id behind.
    Every other group has the lowest. Source: the autoscaler's priority expander, 1.35.
    """
    if all(len(pool.capacity_types) == 1 for pool in pools.values()):
        return {}
    found: dict[str, list[str]] = {"1": [".*"]}
    for name, pool in pools.items():
        for rank, capacity_type in enumerate(reversed(pool.capacity_types), start=1):
            found.setdefault(str(10 * rank), []).append(f"^(eks-)?{re.escape(name)}-[a-z0-9-]*-{capacity_type}-")
    return found


def autoscaler_policy(cluster_name: str, region: str) -> dict[str, Any]:
    """The IAM policy: it may read everything, and change only groups with this cluster's tag. Source: the autoscaler's
    AWS README, 1.35.
    """
    partition = catalog.partition(region)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "See",
                "Effect": "Allow",
                "Action": [
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                "Resource": "*",
            },
            {
                # A managed group's labels and taints, while it has no node.
                "Sid": "SeeNodeGroups",
                "Effect": "Allow",
                "Action": "eks:DescribeNodegroup",
                "Resource": f"arn:{partition}:eks:{region}:*:nodegroup/{cluster_name}/*/*",
            },
            {
                "Sid": "Scale",
                "Effect": "Allow",
                "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                "Resource": f"arn:{partition}:autoscaling:{region}:*:autoScalingGroup:*",
                "Condition": {
                    "StringEquals": {f"aws:ResourceTag/{catalog.autoscaler_cluster_tag(cluster_name)}": "owned"}
                },
            },
        ],
    }
