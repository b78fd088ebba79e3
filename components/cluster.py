"""Cluster: an EKS control plane and its add-ons, with system nodes for controllers or with EKS Auto Mode."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NotRequired

import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from typing_extensions import TypedDict

from .catalog import EBS_PROVISIONER
from .catalog.auto_mode import DISK_PROVISIONER
from .catalog.name_limits import NODE_GROUPS, ROLES
from .control_plane.addons import AFTER_NODES, BEFORE_NODES, add_ons
from .control_plane.auto_mode import AutoMode, AutoModeArgs, auto_mode_options, network_policy_config
from .control_plane.cluster_settings import ClusterSettings, ClusterSpec
from .control_plane.log_group import create_log_group, written_to
from .iam.access_entries import grant
from .iam.auto_mode_node_role import create_auto_mode_node_role
from .iam.node_role import role_name
from .nodes.system_nodes import SystemNodesArgs, create_system_nodes
from .values.arg_words import AccessPolicyArg, ControlPlaneLogArg, VersionSupportArg
from .values.aws_credentials import kubeconfig_credentials
from .values.eks_cluster import EksCluster, from_pulumi_eks
from .values.names import check_name
from .values.places import NodeSubnet
from .values.value import check


class EndpointArgs(TypedDict):
    """From where the Kubernetes API can be reached."""

    private: NotRequired[bool]
    """Whether the API can be reached from the VPC and networks connected to it. Default yes."""
    clients: NotRequired[Sequence[str]]
    """Address ranges and security groups, such as 10.20.0.0/16 and sg-0123456789abcdef0, that may connect to port 443
    of the private endpoint; each gets a rule in the cluster's security group. Default none but the nodes.
    """
    public: NotRequired[bool]
    """Whether the API can be reached from the internet. Default no, and then `pulumi up` needs access to the VPC: see
    `bootstrap`.
    """
    public_cidrs: NotRequired[Sequence[str]]
    """Address ranges that may reach the API from the internet, none of them private or reserved; required if `public`
    is true. Default those of the configuration `eks-gpu-components:api_cidrs`.
    """
    open_to_world: NotRequired[bool]
    """Whether `public_cidrs` may hold 0.0.0.0/0. Default no."""


class AccessEntryArgs(TypedDict):
    """An IAM user or role that has a permission in the cluster."""

    principal_arn: str
    """ARN of the IAM user or role."""
    policy: AccessPolicyArg
    """Name of an EKS access policy, such as AmazonEKSViewPolicy."""
    namespaces: NotRequired[Sequence[str]]
    """Namespaces in which the permission holds. Default everywhere."""


class ClusterSettingsArgs(TypedDict):
    """The settings of a cluster that differ between environments."""

    name: str
    """Name of the cluster in EKS; it cannot be changed."""
    kubernetes_version: NotRequired[str]
    """Kubernetes minor version, 1.33 to 1.36. Default 1.35."""
    endpoint: NotRequired[EndpointArgs]
    """From where the Kubernetes API can be reached."""
    bootstrap: NotRequired[Any]
    """For a private endpoint in a new VPC: a map with `public_cidrs`, the ranges that may reach the API from the
    internet during the first update (without it, those of the configuration `eks-gpu-components:api_cidrs`). Afterwards
    set false: the stack is then updated from inside the VPC. Default none.
    """
    log_types: NotRequired[Sequence[ControlPlaneLogArg]]
    """Control-plane logs that go to CloudWatch: api, audit, authenticator, controllerManager, scheduler. Default none.
    """
    log_retention_days: NotRequired[int]
    """Days that these logs are kept; a number that CloudWatch allows. Default 90."""
    kms_key_arn: NotRequired[str]
    """ARN of the KMS key for Kubernetes secrets. Default the one that EKS owns."""
    create_kms_key: NotRequired[bool]
    """Whether to create a KMS key for Kubernetes secrets. Default no."""
    deletion_protection: NotRequired[bool]
    """Whether cluster and key are protected: `pulumi destroy` fails in its preview, and EKS refuses to delete them.
    Default yes.
    """
    support: NotRequired[VersionSupportArg]
    """STANDARD: EKS upgrades the cluster when standard support of its minor version ends. EXTENDED: the cluster keeps
    its version, for a surcharge. Default STANDARD."""
    access_entries: NotRequired[Mapping[str, AccessEntryArgs]]
    """Permissions in the cluster, as a map with names of your choice. The principal that creates the cluster is always
    its administrator. Default none.
    """
    addon_versions: NotRequired[Mapping[str, str]]
    """A map from add-on to version. Default EKS's own choice when it creates the add-on; set later versions here."""
    system_nodes: NotRequired[SystemNodesArgs]
    """Nodes for CoreDNS and controllers."""
    auto_mode: NotRequired[AutoModeArgs]
    """If set, AWS runs the nodes: there are no system nodes, and no add-ons for what Auto Mode does itself. Default
    none.
    """


class ClusterArgs(TypedDict):
    """Where the cluster runs, which the network decides, and its settings, which the environment decides."""

    region: str
    """Region, such as us-west-2."""
    vpc_id: Input[str]
    """Id of the VPC that the cluster runs in."""
    subnets: Sequence[NodeSubnet]
    """Private subnets, in two zones or more where EKS runs control planes."""
    settings: ClusterSettingsArgs
    """The settings of the cluster."""


class Cluster(ComponentResource):
    """A cluster that can run pods: it has network, DNS, storage, metrics, and nodes for controllers."""

    reference: EksCluster
    """The description of the cluster that other components take as `cluster`."""
    kubeconfig: Output[str]
    """The kubeconfig as JSON. Its tokens come from the AWS CLI."""

    def __init__(self, name: str, args: ClusterArgs, opts: ResourceOptions | None = None):
        """Makes the control plane, its add-ons and its nodes.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `ClusterArgs`.
        opts: Pulumi's options.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(ClusterSpec, args)
        check_name(name, {ROLES: role_names(name), NODE_GROUPS: [f"{name}-system"]})
        super().__init__("eks-gpu-components:index:Cluster", name, args, opts)

        settings = spec.settings
        cluster = _create_control_plane(self, name, spec)
        reference = from_pulumi_eks(cluster, spec.region)
        clients = [_let_in(self, name, reference, client) for client in settings.endpoint.clients]
        for who, entry in settings.access_entries.items():
            grant(self, f"{name}-{who}", reference, entry.principal_arn, entry.policy, namespaces=entry.namespaces)
        add = partial(add_ons, self, name, reference, versions=settings.addon_versions, deleted_with=cluster)
        if settings.auto_mode:
            role_arn, ready = _auto_mode_nodes(self, name, reference, settings.auto_mode, add)
        else:
            role_arn, ready = _system_nodes(self, name, reference, spec, add)
        # Declared here, where no schema sees it: other languages can make nothing of a provider that is an output.
        self.provider: kubernetes.Provider = kubernetes.Provider(
            name,
            kubeconfig=cluster.kubeconfig_json,
            opts=ResourceOptions(parent=self, depends_on=[*clients, *ready]),
        )
        """Kubernetes provider for objects in the cluster; it is ready once DNS and system nodes are."""
        kubernetes.storage.v1.StorageClass(
            f"{name}-gp3",
            **storage_class(DISK_PROVISIONER if settings.auto_mode else EBS_PROVISIONER),
            opts=ResourceOptions(parent=self, provider=self.provider, deleted_with=cluster),
        )
        if settings.auto_mode:
            kubernetes.core.v1.ConfigMap(
                f"{name}-network-policy",
                **network_policy_config(),
                opts=ResourceOptions(parent=self, provider=self.provider, deleted_with=cluster),
            )

        self.kubeconfig = cluster.kubeconfig_json
        self.reference = {**reference, "vpc_id": args["vpc_id"], "node_role_arn": role_arn}
        if settings.auto_mode:
            self.reference["auto_mode"] = True
        self.register_outputs({"reference": self.reference, "kubeconfig": self.kubeconfig})


def control_plane(settings: ClusterSettings) -> dict[str, Any]:
    """Arguments of `pulumi_eks.Cluster`: only a control plane. Add-ons and nodes are separate resources."""
    endpoint = settings.endpoint
    auto_mode = {"auto_mode": auto_mode_options(settings.auto_mode)} if settings.auto_mode else {}
    return {
        "name": settings.name,
        "version": settings.kubernetes_version,
        "authentication_mode": eks.AuthenticationMode.API,
        "create_oidc_provider": True,
        "endpoint_private_access": endpoint.private,
        "endpoint_public_access": bool(settings.public_ranges),
        "public_access_cidrs": settings.public_ranges or None,
        "enabled_cluster_log_types": list(settings.log_types),
        "deletion_protection": settings.deletion_protection,
        "upgrade_policy": {"support_type": settings.support},
        # EKS's own security group connects nodes and control plane; a second pair would have to be kept in step.
        "skip_default_security_groups": True,
        "skip_default_node_group": True,
        "bootstrap_self_managed_addons": False,
        "use_default_vpc_cni": True,  # pulumi_eks then adds no vpc-cni
        "kube_proxy_addon_options": {"enabled": False},
        "coredns_addon_options": {"enabled": False},
        **auto_mode,
    }


def role_names(name: str) -> list[str]:
    """Names in Pulumi of the roles that a cluster may have: pulumi_eks', the nodes' and the add-ons'."""
    of_addons = [f"{name}-{addon.name}" for addon in (*BEFORE_NODES, *AFTER_NODES) if addon.service_account]
    return [f"{name}-eksRole-role", role_name(f"{name}-system"), role_name(f"{name}-nodes"), *of_addons]


def storage_class(provisioner: str) -> dict[str, Any]:
    """The default StorageClass: encrypted gp3 disks, created in the zone where the pod runs."""
    return {
        "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": provisioner,
        "parameters": {"type": "gp3", "encrypted": "true"},
        "volume_binding_mode": "WaitForFirstConsumer",
        "allow_volume_expansion": True,
        "reclaim_policy": "Delete",
    }


def _create_control_plane(parent: Cluster, name: str, spec: ClusterSpec) -> eks.Cluster:
    settings = spec.settings
    asked = control_plane(settings)
    if settings.log_types:
        logs = create_log_group(f"{name}-control-plane", settings.name, settings.log_retention_days, parent)
        asked["enabled_cluster_log_types"] = written_to(settings.log_types, logs)
    if credentials := kubeconfig_credentials():
        asked["provider_credential_opts"] = credentials
    return eks.Cluster(
        name,
        **asked,
        vpc_id=spec.vpc_id,
        subnet_ids=[subnet.subnet_id for subnet in spec.control_plane_subnets],
        encryption_config_key_arn=_key_arn(parent, name, settings),
        # EKS refuses last, when workloads and controllers are gone; the engine refuses before anything is.
        opts=ResourceOptions(parent=parent, protect=settings.deletion_protection),
    )


def _let_in(parent: Cluster, name: str, cluster: EksCluster, client: str) -> Resource:
    """A rule of the cluster's own security group, which guards the private endpoint: HTTPS from a client."""
    group = client if client.startswith("sg-") else None
    return aws.vpc.SecurityGroupIngressRule(
        f"{name}-client-{client.replace('/', '-')}",
        security_group_id=cluster["security_group_id"],
        description="HTTPS to the Kubernetes API",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        referenced_security_group_id=group,
        cidr_ipv4=None if group else client,
        opts=ResourceOptions(parent=parent),
    )


def _key_arn(parent: Cluster, name: str, settings: ClusterSettings) -> Input[str] | None:
    if not settings.create_kms_key:
        return settings.kms_key_arn
    key = aws.kms.Key(
        f"{name}-secrets",
        description=f"Kubernetes secrets of {settings.name}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        opts=ResourceOptions(parent=parent, protect=settings.deletion_protection),
    )
    return key.arn


def _system_nodes(
    parent: Cluster, name: str, cluster: EksCluster, spec: ClusterSpec, add: Callable[..., list[Resource]]
) -> tuple[Output[str], list[Resource]]:
    """Creates the system nodes with their role, and the add-ons in the order in which each can work."""
    network = add(BEFORE_NODES)
    nodes = create_system_nodes(
        f"{name}-system",
        cluster,
        parent,
        spec.settings.system_nodes,
        subnet_ids=[subnet.subnet_id for subnet in spec.subnets],
        depends_on=network,
    )
    return nodes.node_role_arn, [nodes, *add(AFTER_NODES, depends_on=[nodes])]


def _auto_mode_nodes(
    parent: Cluster, name: str, cluster: EksCluster, auto_mode: AutoMode, add: Callable[..., list[Resource]]
) -> tuple[Output[str], list[Resource]]:
    """Creates the role for your own node classes, and what their nodes and pods need."""
    nodes = create_auto_mode_node_role(f"{name}-nodes", cluster, parent)
    return nodes.arn, [*nodes.ready, *add(auto_mode.add_ons)]
