"""Karpenter: starts nodes for pending pods, and removes a node when its pods are gone."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, NotRequired, Self

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .catalog.interruptions import KARPENTER_EVENTS
from .catalog.name_limits import EVENT_RULES, QUEUES, ROLES
from .iam.karpenter_policy import POLICIES, ControllerScope, controller_policy
from .iam.node_role import NodeRole, create_node_role, role_name
from .iam.pod_identity import pod_role
from .nodes.interruption_queue import create_interruption_queue, rule_names
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check

NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "karpenter"


class KarpenterFeatureGatesArgs(TypedDict):
    """Feature gates of Karpenter 1.15."""

    reserved_capacity: NotRequired[bool]
    """Whether pools may use capacity reservations. Default yes."""
    spot_to_spot_consolidation: NotRequired[bool]
    """Whether a Spot node may be replaced by a cheaper Spot node. Default no."""
    node_repair: NotRequired[bool]
    """Whether a node that reports a failure is replaced. Default no."""
    node_overlay: NotRequired[bool]
    """Whether NodeOverlay objects may change prices and resources of instance types. Default no."""
    static_capacity: NotRequired[bool]
    """Whether a NodePool may have a fixed number of nodes. Default no."""
    capacity_buffer: NotRequired[bool]
    """Whether CapacityBuffer objects keep spare capacity. Default no."""
    terminate_first_drift: NotRequired[bool]
    """Whether a drifted node may be removed before its replacement starts if there is no room for both, as in a full
    capacity reservation. Default no.
    """
    terminate_first_repair: NotRequired[bool]
    """Whether a broken node may be removed before its replacement starts if there is no room for both. It has no effect
    without `node_repair`. Default no.
    """
    pod_deletion_cost_management: NotRequired[bool]
    """Whether a Deployment that shrinks first gives up pods on nodes that Karpenter wants to remove. Default no."""


class KarpenterDraArgs(TypedDict):
    """The DRA drivers for whose devices Karpenter starts nodes. For any of them it no longer ignores claims."""

    nvidia: NotRequired[bool]
    """Whether a node starts for a claim of NVIDIA GPUs, as pools with `devices` claims need. Default no."""
    efa: NotRequired[bool]
    """Whether a node starts for a claim of EFA interfaces. Default no."""


class KarpenterSettingsArgs(TypedDict):
    """The settings of Karpenter that differ between environments."""

    spot_service_linked_role: NotRequired[bool]
    """This setting has no effect any more: the controller creates the role that Spot needs if the account has none.
    Default no.
    """
    replicas: NotRequired[int]
    """Number of controller pods, each on its own node. One of them works. Default 2."""
    zonal_shift: NotRequired[bool]
    """Whether Karpenter starts no node in a zone that an EKS zonal shift has moved away from. Default no."""
    feature_gates: NotRequired[KarpenterFeatureGatesArgs]
    """Feature gates of Karpenter, which turn optional features on or off."""
    dra: NotRequired[KarpenterDraArgs]
    """Claims of devices (DRA) that Karpenter starts nodes for."""
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that Karpenter runs on, which must not be nodes that it starts. Default
    eks-gpu-components/role=system, the label of `Cluster`'s system nodes.
    """
    session_manager: NotRequired[bool]
    """Whether AWS Systems Manager may open sessions on Karpenter's nodes, instead of SSH. Default no."""
    isolated_vpc: NotRequired[bool]
    """Whether the VPC has no internet access. Karpenter then calls neither IAM nor the price list, which have no
    endpoint in a VPC, and its pools need `node_instance_profile`. Default no.
    """
    image_repository: NotRequired[str]
    """Repository of the controller's image in your own registry, required with `isolated_vpc`. Default the chart's, in
    public.ecr.aws.
    """


class KarpenterArgs(TypedDict):
    """The arguments of Karpenter, which a cluster needs once."""

    cluster: EksCluster
    """The cluster in which Karpenter starts nodes."""
    settings: NotRequired[KarpenterSettingsArgs]
    """Settings of Karpenter: how it runs and what it may do."""
    pools: NotRequired[Mapping[str, GpuPoolArgs]]
    """A map from the name of a `KarpenterGpuPool` to its pool: the feature gates that `nodes`, `warm_gpus`, `sharing`
    and `mig` of a pool need are then on. Default none.
    """
    node_policies: NotRequired[Mapping[str, Input[str]]]
    """More IAM policies for the nodes: a map from a name that never changes to an ARN.
    Default none."""


class KarpenterFeatureGates(Value):
    """The gates, checked, with Karpenter's own defaults."""

    reserved_capacity: bool = True
    spot_to_spot_consolidation: bool = False
    node_repair: bool = False
    node_overlay: bool = False
    static_capacity: bool = False
    capacity_buffer: bool = False
    terminate_first_drift: bool = False
    terminate_first_repair: bool = False
    pod_deletion_cost_management: bool = False

    def for_chart(self) -> dict[str, bool]:
        """`settings.featureGates`. Source: Karpenter 1.15, chart values."""
        return {
            "reservedCapacity": self.reserved_capacity,
            "spotToSpotConsolidation": self.spot_to_spot_consolidation,
            "nodeRepair": self.node_repair,
            "nodeOverlay": self.node_overlay,
            "staticCapacity": self.static_capacity,
            "capacityBuffer": self.capacity_buffer,
            "terminateFirstDrift": self.terminate_first_drift,
            "terminateFirstRepair": self.terminate_first_repair,
            "podDeletionCostManagement": self.pod_deletion_cost_management,
        }


class KarpenterDra(Value):
    """Both switches of each driver, checked: its gate, and that claims are not ignored."""

    nvidia: bool = False
    efa: bool = False

    def for_chart(self) -> dict[str, Any]:
        """What `settings` of the chart says of DRA; nothing where all stays off. Source: Karpenter 1.15, chart."""
        if not (self.nvidia or self.efa):
            return {}
        return {"awsFeatureGates": {"draNVIDIAGPU": self.nvidia, "draEFA": self.efa}, "ignoreDRARequests": False}


# Field of a pool, and the gate without which Karpenter does nothing about it.
_GATES = {
    "nodes": "static_capacity",
    "warm_gpus": "capacity_buffer",
    "sharing": "node_overlay",
    "mig": "node_overlay",
}


def _needs(pool: GpuPool, field: str) -> bool:
    """Whether the pool needs the gate of the field."""
    return bool(getattr(pool, field)) and (pool.offers_parts or _GATES[field] != "node_overlay")


class KarpenterSettings(Value):
    """The settings, checked."""

    spot_service_linked_role: bool = False
    replicas: int = Field(default=2, ge=1)
    zonal_shift: bool = False
    feature_gates: KarpenterFeatureGates = Field(default_factory=KarpenterFeatureGates)
    dra: KarpenterDra = Field(default_factory=KarpenterDra)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS
    session_manager: bool = False
    isolated_vpc: bool = False
    image_repository: str | None = None

    @model_validator(mode="after")
    def _image_is_within_reach(self) -> Self:
        if self.isolated_vpc and not self.image_repository:
            reason = "no VPC endpoint reaches public.ecr.aws, where the chart's image is"
            raise ValueError(f"isolated_vpc needs image_repository: {reason}")
        return self


class KarpenterSpec(Value):
    """KarpenterArgs as a checked value."""

    cluster: Any
    settings: KarpenterSettings = Field(default_factory=KarpenterSettings)
    pools: Mapping[str, GpuPool] = Field(default_factory=dict)
    node_policies: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_gate_is_shut_to_a_pool(self) -> Self:
        gates = self.settings.feature_gates
        shut = {gate for gate in gates.model_fields_set if not getattr(gates, gate)}
        problems = [
            f"settings.feature_gates.{gate} must be true: without it Karpenter ignores {field} of pool {name}"
            for field, gate in _GATES.items()
            for name, pool in self.pools.items()
            if gate in shut and _needs(pool, field)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def opened(self) -> KarpenterSettings:
        """The settings, with the gates on that the pools need."""
        needed = {gate for field, gate in _GATES.items() if any(_needs(pool, field) for pool in self.pools.values())}
        gates = self.settings.feature_gates.model_copy(update=dict.fromkeys(needed, True))
        return self.settings.model_copy(update={"feature_gates": gates})


class Karpenter(ComponentResource):
    """The controller, its permissions in AWS, the queue for interruptions, and the role of the nodes that it starts."""

    node_role_name: Output[str]
    """Name of the nodes' IAM role. A resource that uses this output is created after the controller and deleted before
    it.
    """
    node_role_arn: Output[str]
    """ARN of the nodes' IAM role."""
    node_instance_profile: Output[str]
    """Instance profile of that role, by name; empty without `isolated_vpc`, where Karpenter makes its own."""
    queue_name: Output[str]
    """Name of the SQS queue for interruptions."""
    role_arn: Output[str]
    """IAM role of its pods."""

    def __init__(self, name: str, args: KarpenterArgs, opts: ResourceOptions | None = None):
        """Installs Karpenter.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `KarpenterArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(KarpenterSpec, args)
        rules = rule_names(name, KARPENTER_EVENTS)
        check_name(name, {ROLES: [name, role_name(f"{name}-node")], EVENT_RULES: rules})
        super().__init__("eks-gpu-components:index:Karpenter", name, args, opts)

        cluster: EksCluster = spec.cluster
        if spec.settings.spot_service_linked_role:
            pulumi.log.warn(f"{name}: spot_service_linked_role does nothing: the controller makes the role", self)
        _tag_for_discovery(name, cluster, self)
        node_role = create_node_role(
            f"{name}-node",
            cluster["region"],
            self,
            spec.node_policies,
            session_manager=spec.settings.session_manager,
        )
        access = _admit_nodes(name, cluster, node_role, self)
        # EKS gives a cluster's name more characters than SQS a queue's.
        queue_name = Output.from_input(cluster["name"]).apply(lambda known: known[: QUEUES.most])
        queue = create_interruption_queue(name, KARPENTER_EVENTS, self, queue_name)
        role, permissions = _create_controller_role(name, cluster, node_role, queue, self)
        release = _create_releases(name, spec.opened, cluster, queue, permissions, self)

        # A node class that takes the name from here depends on all of this, or a node could neither join nor go.
        needed = [release.name, access.type, *(attached.policy_arn for attached in node_role.attachments)]
        self.node_role_name = Output.all(node_role.role.name, *needed).apply(lambda known: known[0])
        profile = _create_profile(name, node_role, self) if spec.settings.isolated_vpc else ""
        self.node_instance_profile = Output.all(profile, *needed).apply(lambda known: known[0])
        self.node_role_arn, self.queue_name, self.role_arn = node_role.role.arn, queue.name, role.arn
        self.register_outputs(
            {
                "node_role_name": self.node_role_name,
                "node_role_arn": self.node_role_arn,
                "node_instance_profile": self.node_instance_profile,
                "queue_name": self.queue_name,
                "role_arn": self.role_arn,
            }
        )


def chart_values(
    settings: KarpenterSettings, cluster_name: Input[str], cluster_endpoint: Input[str], queue_name: Input[str]
) -> dict[str, Any]:
    """The values of the chart that differ from its defaults. The defaults keep the pods on different nodes, and off
    Karpenter's.
    """
    return {
        "fullnameOverride": SERVICE_ACCOUNT,
        "serviceAccount": {"create": True, "name": SERVICE_ACCOUNT},
        "replicas": settings.replicas,
        "nodeSelector": dict(settings.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        "controller": {
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
            **({"image": {"repository": settings.image_repository}} if settings.image_repository else {}),
        },
        "settings": {
            "clusterName": cluster_name,
            "clusterEndpoint": cluster_endpoint,
            "interruptionQueue": queue_name,
            "enableZonalShift": settings.zonal_shift,
            "featureGates": settings.feature_gates.for_chart(),
            **settings.dra.for_chart(),
            **({"isolatedVPC": True} if settings.isolated_vpc else {}),
        },
    }


def _tag_for_discovery(name: str, cluster: EksCluster, parent: Resource) -> None:
    """Tags the cluster's security group for node classes that select by tag; `Network` tags its subnets."""
    aws.ec2.Tag(
        f"{name}-security-group",
        resource_id=cluster["security_group_id"],
        key=catalog.DISCOVERY_TAG,
        value=cluster["name"],
        opts=ResourceOptions(parent=parent),
    )


def _admit_nodes(name: str, cluster: EksCluster, node_role: NodeRole, parent: Resource) -> aws.eks.AccessEntry:
    return aws.eks.AccessEntry(
        f"{name}-node-access",
        cluster_name=cluster["name"],
        principal_arn=node_role.role.arn,
        type="EC2_LINUX",
        opts=ResourceOptions(parent=parent),
    )


def _create_profile(name: str, node_role: NodeRole, parent: Resource) -> Output[str]:
    """Creates an instance profile for the node classes of a Karpenter that cannot call IAM. Source: Karpenter,
    spec.instanceProfile.
    """
    return aws.iam.InstanceProfile(f"{name}-node", role=node_role.role.name, opts=ResourceOptions(parent=parent)).name


def _create_controller_role(
    name: str, cluster: EksCluster, node_role: NodeRole, queue: aws.sqs.Queue, parent: Resource
) -> tuple[aws.iam.Role, list[Resource]]:
    """A role for the controller's service account, and all that its pods must wait for."""
    opts = ResourceOptions(parent=parent)
    role, _ = pod_role(parent, name)
    scope = Output.all(cluster_name=cluster["name"], node_role_arn=node_role.role.arn, queue_arn=queue.arn).apply(
        lambda known: ControllerScope(region=cluster["region"], account_id=_account(known["node_role_arn"]), **known)
    )
    policies = [
        aws.iam.RolePolicy(
            f"{name}-{policy}", role=role.name, policy=scope.apply(partial(_document, policy)), opts=opts
        )
        for policy in POLICIES
    ]
    association = aws.eks.PodIdentityAssociation(
        name,
        cluster_name=cluster["name"],
        namespace=NAMESPACE,
        service_account=SERVICE_ACCOUNT,
        role_arn=role.arn,
        opts=opts,
    )
    return role, [*policies, association]


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _document(policy: str, scope: ControllerScope) -> str:
    return json.dumps(controller_policy(policy, scope), separators=(",", ":"))


def _create_releases(
    name: str,
    settings: KarpenterSettings,
    cluster: EksCluster,
    queue: aws.sqs.Queue,
    permissions: list[Resource],
    parent: Resource,
) -> kubernetes.helm.v3.Release:
    # A chart of their own, because Helm never upgrades what a chart has in its crds folder.
    definitions = kubernetes.helm.v3.Release(
        f"{name}-crd",
        name=f"{SERVICE_ACCOUNT}-crd",
        namespace=NAMESPACE,
        **catalog.KARPENTER_CRD_CHART.for_helm(),
        opts=ResourceOptions(parent=parent),
    )
    return kubernetes.helm.v3.Release(
        name,
        name=SERVICE_ACCOUNT,
        namespace=NAMESPACE,
        **catalog.KARPENTER_CHART.for_helm(),
        skip_crds=True,
        values=chart_values(settings, cluster["name"], cluster["endpoint"], queue.name),
        opts=ResourceOptions(parent=parent, depends_on=[definitions, *permissions]),
    )
