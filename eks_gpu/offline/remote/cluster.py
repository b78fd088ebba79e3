"""`eks.Cluster` of pulumi-eks: the control plane, and all that it makes around it.

Source: pulumi-eks 4.4, its provider.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.default_vpc import default_vpc
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.access import access_entries, aws_auth, takes_config_map, takes_entries
from eks_gpu.offline.remote.addon import ADDON, as_json, conflicts, make_vpc_cni, newest
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import of_data
from eks_gpu.offline.remote.fargate import fargate_profile
from eks_gpu.offline.remote.node_group_v2 import make_group
from eks_gpu.offline.remote.security_groups import cluster_security_group, node_security_group
from eks_gpu.offline.remote.service_role import ServiceRole, service_role
from eks_gpu.offline.wire import clear, items, opened, part
from eks_gpu_components.catalog import (
    AUTO_MODE_CLUSTER_POLICIES,
    AUTO_MODE_NODE_POLICIES,
    CLUSTER_POLICIES,
    CNI_POLICY,
    REGISTRY_READ_POLICY,
    WORKER_POLICY,
)
from eks_gpu_components.catalog.addons import COREDNS, KUBE_PROXY
from eks_gpu_components.catalog.auto_mode import BUILT_IN_POOLS

# Argument of the cluster -> that of its default group, if `nodeGroupOptions` is not given.
_OF_THE_GROUP = {
    "nodeSubnetIds": "nodeSubnetIds",
    "nodeAssociatePublicIpAddress": "nodeAssociatePublicIpAddress",
    "instanceType": "instanceType",
    "nodePublicKey": "nodePublicKey",
    "nodeRootVolumeEncrypted": "nodeRootVolumeEncrypted",
    "nodeRootVolumeSize": "nodeRootVolumeSize",
    "nodeUserData": "nodeUserData",
    "minSize": "minSize",
    "maxSize": "maxSize",
    "desiredCapacity": "desiredCapacity",
    "nodeAmiId": "amiId",
    "gpu": "gpu",
    "version": "version",
}
_NODE_POLICIES = (WORKER_POLICY, CNI_POLICY, REGISTRY_READ_POLICY)
_GROUP_ENTRY = "defaultNodeGroupInstanceRole"


@dataclass(frozen=True)
class _Instances:
    """The roles of the cluster's nodes, and the options of its default group, which has a profile of one of them."""

    roles: list[Any]
    """References to the roles."""
    default: Any
    """The role of the default group; None where there is none."""
    options: Properties


def cluster(it: Construction) -> Properties:
    """Makes the cluster. Returns the component's outputs."""
    args = it.inputs
    auto_mode = part(args, "autoMode") if opened(part(args, "autoMode").get("enabled")) is True else {}
    vpc_id, subnet_ids = _network(it)
    role = _cluster_role(it, auto_mode)
    with_groups = opened(args.get("skipDefaultSecurityGroups"))
    with_groups = not (bool(auto_mode) if with_groups is None else with_groups)
    own_group = it.find(args.get("clusterSecurityGroup"))
    group = own_group or (cluster_security_group(it, vpc_id) if with_groups else None)
    node_role = _auto_mode_node_role(it, auto_mode)
    control_plane = _control_plane(it, auto_mode, role, node_role, (vpc_id, subnet_ids), group)
    kubeconfig = _kubeconfig(it, control_plane)
    if _enabled(args, "kubeProxyAddonOptions", not auto_mode):
        _addon(it, control_plane, KUBE_PROXY, part(args, "kubeProxyAddonOptions"))
    provider = it.make(
        "pulumi:providers:kubernetes",
        f"{it.name}-eks-k8s",
        {
            "kubeconfig": json.dumps(_kubeconfig(it, control_plane, profile=True)),
            "enableConfigMapMutable": args.get("enableConfigMapMutable"),
        },
        needs=[control_plane],
    )
    skip_group = bool(opened(args.get("skipDefaultNodeGroup")) or opened(args.get("fargate")) or auto_mode)
    instances = _instances(it, skip_group)
    mode = opened(args.get("authenticationMode"))
    config_map = aws_auth(it, instances.roles, provider) if takes_config_map(mode) else None
    entries = _entries(it, control_plane, instances) if takes_entries(mode) else []
    storage_classes = _storage_classes(it, provider)
    vpc_cni = _vpc_cni(it, control_plane, auto_mode, [*entries, config_map])
    fargate = fargate_profile(it, control_plane, subnet_ids, config_map)
    _coredns(it, control_plane, auto_mode, fargate)
    oidc = _oidc_provider(it, control_plane)

    options = dict(instances.options)
    node_group = ingress = None
    if with_groups and group:
        tags = {**part(args, "nodeSecurityGroupTags"), **part(args, "tags")}
        node_group, ingress = node_security_group(it, control_plane["name"], group.id, vpc_id, tags)
        options |= {"nodeSecurityGroup": node_group.reference, "clusterIngressRule": ingress.reference}
    core = {
        "cluster": control_plane.reference,
        "vpcId": vpc_id,
        "subnetIds": subnet_ids,
        "publicSubnetIds": args.get("publicSubnetIds"),
        "privateSubnetIds": args.get("privateSubnetIds"),
        "endpoint": control_plane["endpoint"],
        "clusterSecurityGroup": _reference(group),
        "provider": provider.reference,
        "instanceRoles": instances.roles,
        "nodeGroupOptions": options,
        "eksNodeAccess": _reference(config_map),
        "storageClasses": storage_classes,
        "kubeconfig": kubeconfig,
        "vpcCni": _reference(vpc_cni),
        "tags": args.get("tags"),
        "nodeSecurityGroupTags": args.get("nodeSecurityGroupTags"),
        "fargateProfile": _reference(fargate),
        "oidcProvider": _reference(oidc),
        "encryptionConfig": control_plane["encryptionConfig"],
        "clusterIamRole": role.role.reference if role else args.get("serviceRole"),
        "accessEntries": list(part(args, "accessEntries").values()),
    }
    default_group = None if skip_group else make_group(it, options, of_data(it, core))
    asg = it.find(default_group["autoScalingGroup"]) if default_group else None
    of_eks = part(control_plane.state, "vpcConfig").get("clusterSecurityGroupId")
    issuer = _issuer(control_plane)
    outputs = {
        "core": core,
        "kubeconfig": kubeconfig,
        "kubeconfigJson": json.dumps(kubeconfig),
        "clusterSecurityGroup": _reference(group),
        "clusterSecurityGroupId": group.id if group else of_eks,
        "instanceRoles": instances.roles,
        "nodeSecurityGroup": _reference(node_group),
        "nodeSecurityGroupId": node_group.id if node_group else of_eks,
        "eksClusterIngressRule": _reference(ingress),
        "clusterIngressRuleId": ingress["securityGroupRuleId"] if ingress else "",
        "defaultNodeGroup": default_group,
        "defaultNodeGroupAsgName": asg["name"] if asg else "",
        "eksCluster": control_plane.reference,
        "fargateProfileId": fargate.id if fargate else "",
        "fargateProfileStatus": "ACTIVE" if fargate else "",
        "oidcProviderArn": oidc["arn"] if oidc else "",
        "oidcProviderUrl": issuer,
        "oidcIssuer": str(issuer).removeprefix("https://"),
        "autoModeNodeRoleName": node_role.role["name"] if node_role else "",
    }
    return _given(outputs)


def _given(outputs: Any) -> Any:
    """The outputs without those that the cluster does not have."""
    if isinstance(outputs, Mapping):
        return {key: _given(value) for key, value in outputs.items() if value is not None}
    return outputs


def _reference(made: Made | None) -> dict[str, str] | None:
    return made.reference if made else None


def _network(it: Construction) -> tuple[Any, Any]:
    """The VPC and the subnets of the control plane; those of the default VPC where no VPC is named."""
    args = it.inputs
    vpc_id, subnet_ids = args.get("vpcId"), []
    if not opened(vpc_id):
        vpc_id, subnet_ids = default_vpc(it.account)
    if opened(args.get("subnetIds")) is not None:
        return vpc_id, args["subnetIds"]
    if args.get("publicSubnetIds") is not None or args.get("privateSubnetIds") is not None:
        return vpc_id, [*items(args.get("publicSubnetIds")), *items(args.get("privateSubnetIds"))]
    return vpc_id, subnet_ids


def _cluster_role(it: Construction, auto_mode: Properties) -> ServiceRole | None:
    """The role of the control plane; None where the program brings one."""
    if it.inputs.get("serviceRole") is not None:
        return None
    return service_role(
        it,
        f"{it.name}-eksRole",
        "eks.amazonaws.com",
        (*CLUSTER_POLICIES, *(AUTO_MODE_CLUSTER_POLICIES if auto_mode else ())),
        description="Allows EKS to manage clusters on your behalf.",
        tags=it.inputs.get("tags"),
        actions=("sts:AssumeRole", "sts:TagSession"),
    )


def _auto_mode_node_role(it: Construction, auto_mode: Properties) -> ServiceRole | None:
    if not auto_mode or opened(auto_mode.get("createNodeRole")) is False:
        return None
    tags = it.inputs.get("tags")
    return service_role(it, f"{it.name}-nodeRole", "ec2.amazonaws.com", AUTO_MODE_NODE_POLICIES, tags=tags)


def _control_plane(
    it: Construction,
    auto_mode: Properties,
    role: ServiceRole | None,
    node_role: ServiceRole | None,
    network: tuple[Any, Any],
    group: Made | None,
) -> Made:
    args = it.inputs
    vpc_id, subnet_ids = network
    name = f"{it.name}-eksCluster"
    mode = args.get("authenticationMode")
    bootstrap = args.get("bootstrapSelfManagedAddons")
    return it.make(
        "aws:eks/cluster:Cluster",
        name,
        {
            "name": args.get("name"),
            "roleArn": role.role["arn"] if role else it.property_of(args.get("serviceRole"), "arn"),
            **_auto_mode_settings(auto_mode, node_role),
            "kubernetesNetworkConfig": _addresses(args, auto_mode),
            "bootstrapSelfManagedAddons": False if auto_mode else True if bootstrap is None else bootstrap,
            "vpcConfig": {
                "securityGroupIds": [group.id] if group else None,
                "subnetIds": subnet_ids,
                "endpointPrivateAccess": args.get("endpointPrivateAccess"),
                "endpointPublicAccess": args.get("endpointPublicAccess"),
                "publicAccessCidrs": args.get("publicAccessCidrs"),
            },
            "version": args.get("version"),
            "enabledClusterLogTypes": args.get("enabledClusterLogTypes"),
            "tags": {"Name": name, **part(args, "clusterTags"), **part(args, "tags")},
            "encryptionConfig": _encryption(args),
            "accessConfig": mode and {"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": True},
            "upgradePolicy": args.get("upgradePolicy"),
            "deletionProtection": args.get("deletionProtection"),
        },
        ignore_changes=["accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons"],
        needs=[*(role.ready if role else ()), *(node_role.ready if node_role else ())],
        told={"vpcConfig": {"vpcId": vpc_id}},  # EKS tells it from the subnets
    )


def _auto_mode_settings(auto_mode: Properties, node_role: ServiceRole | None) -> Properties:
    if not auto_mode:
        return {}
    compute = {
        "enabled": True,
        "nodeRoleArn": node_role.role["arn"] if node_role else None,
        "nodePools": list(BUILT_IN_POOLS),
        **part(auto_mode, "computeConfig"),
    }
    return {"computeConfig": compute, "storageConfig": {"blockStorage": {"enabled": True}}}


def _addresses(args: Properties, auto_mode: Properties) -> Properties | None:
    """Addresses of Services, and whether Auto Mode balances load."""
    services, family = args.get("kubernetesServiceIpAddressRange"), args.get("ipFamily")
    if not (services or family or auto_mode):
        return None
    family = family or "ipv4"
    return {
        "serviceIpv4Cidr": services if family == "ipv4" else None,
        "ipFamily": family,
        "elasticLoadBalancing": {"enabled": True} if auto_mode else None,
    }


def _encryption(args: Properties) -> Properties | None:
    key = args.get("encryptionConfigKeyArn")
    return {"provider": {"keyArn": key}, "resources": ["secrets"]} if opened(key) else None


def _kubeconfig(it: Construction, made: Made, *, profile: bool = False) -> dict[str, Any]:
    """A kubeconfig whose tokens come from the AWS CLI; with the profile that the program names only for itself."""
    credentials = part(it.inputs, "providerCredentialOpts")
    call = [
        "--region",
        it.account.region,
        "eks",
        "get-token",
        "--cluster-name",
        clear(made["name"]),
        "--output",
        "json",
    ]
    if role := opened(credentials.get("roleArn")):
        call += ["--role", str(role)]
    if profile and (named := opened(credentials.get("profileName"))):
        call += ["--profile", str(named)]
    version = "client.authentication.k8s.io/v1beta1"
    env = [{"name": "KUBERNETES_EXEC_INFO", "value": json.dumps({"apiVersion": version})}]
    user = {"exec": {"apiVersion": version, "command": "aws", "args": call, "env": env}}
    certificate = part(made.state, "certificateAuthority").get("data")
    server = {"server": made["endpoint"], "certificate-authority-data": certificate}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubernetes", "cluster": server}],
        "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
        "current-context": "aws",
        "users": [{"name": "aws", "user": user}],
    }


def _enabled(args: Properties, options: str, default: bool) -> bool:
    given = opened(part(args, options).get("enabled"))
    return default if given is None else bool(given)


def _addon(
    it: Construction,
    made: Made,
    name: str,
    options: Properties,
    values: Any = None,
    needs: tuple[Made | None, ...] = (),
) -> None:
    values = values or options.get("configurationValues")
    it.make(
        ADDON,
        f"{it.name}-{name}",
        {
            "clusterName": made["name"],
            "addonName": name,
            "preserve": True,
            "tags": it.inputs.get("tags"),
            **conflicts(options),
            "addonVersion": options.get("version") or newest(it, name, made["version"]),
            "configurationValues": as_json(values) if values else None,
        },
        needs=[made, *needs],
    )


def _coredns(it: Construction, made: Made, auto_mode: Properties, fargate: Made | None) -> None:
    """CoreDNS, where there are nodes for it or the program asks for it."""
    args = it.inputs
    options = part(args, "corednsAddonOptions")
    asked = opened(options.get("enabled")) is True or bool(options.get("configurationValues"))
    has_nodes = fargate or not opened(args.get("skipDefaultNodeGroup")) or auto_mode
    if asked or (has_nodes and _enabled(args, "corednsAddonOptions", True)):
        values = {"computeType": "Fargate", **part(options, "configurationValues")} if fargate else None
        _addon(it, made, COREDNS, options, values, (fargate,))


def _vpc_cni(it: Construction, made: Made, auto_mode: Properties, needs: list[Made | None]) -> Made | None:
    left_to_eks = opened(it.inputs.get("useDefaultVpcCni"))
    if auto_mode if left_to_eks is None else left_to_eks:
        return None
    args = {
        **part(it.inputs, "vpcCniOptions"),
        "clusterName": made["name"],
        "clusterVersion": made["version"],
        "tags": it.inputs.get("tags"),
    }
    home = it.make("eks:index:VpcCniAddon", f"{it.name}-vpc-cni", args, custom=False, needs=[made, *needs])
    make_vpc_cni(it, args, home)
    return home


def _instances(it: Construction, skip_group: bool) -> _Instances:
    """Roles of nodes: those of the program, else one that is made for the default group."""
    args = it.inputs
    given = part(args, "nodeGroupOptions")
    options = dict(given) or {ours: args[key] for key, ours in _OF_THE_GROUP.items() if args.get(key) is not None}
    if opened(args.get("instanceRoles")) is not None:
        return _Instances(items(args["instanceRoles"]), None, options)
    role = args.get("instanceRole")
    if role is not None:
        if not skip_group:
            options = _with_profile(it, options, it.property_of(role, "name"))
        return _Instances([role], role, options)
    create = opened(args.get("createInstanceRole"))
    if not (create or (not opened(args.get("skipDefaultNodeGroup")) and create is None)):
        return _Instances([], None, options)
    tags = args.get("tags")
    made = service_role(it, f"{it.name}-instanceRole", "ec2.amazonaws.com", _NODE_POLICIES, tags=tags).role
    return _Instances([made.reference], made.reference, _with_profile(it, options, made["name"]))


def _with_profile(it: Construction, options: Properties, role_name: Any) -> dict[str, Any]:
    """The options with an instance profile: the named one, which is there already, or one that is made."""
    if named := it.inputs.get("instanceProfileName") or options.get("instanceProfileName"):
        return {**options, "instanceProfileName": named}
    inputs = {"role": role_name}
    profile = it.make("aws:iam/instanceProfile:InstanceProfile", f"{it.name}-instanceProfile", inputs)
    return {**options, "instanceProfile": profile.reference}


def _entries(it: Construction, made: Made, instances: _Instances) -> list[Made]:
    """The access entries of the default group's nodes, and those that the program asks for."""
    found = []
    if instances.default is not None:
        entry = {"principalArn": it.property_of(instances.default, "arn"), "type": "EC2_LINUX"}
        found = access_entries(it, made, {_GROUP_ENTRY: entry})
    return [*found, *access_entries(it, made, part(it.inputs, "accessEntries"))]


def _storage_classes(it: Construction, provider: Made) -> dict[str, Any]:
    given = opened(it.inputs.get("storageClasses"))
    classes = {given: {"type": given, "default": True}} if isinstance(given, str) else part(given)
    return {key: _storage_class(it, provider, key, part(told)).reference for key, told in classes.items()}


def _storage_class(it: Construction, provider: Made, key: str, told: Properties) -> Made:
    metadata = dict(part(told, "metadata"))
    if opened(told.get("default")) is True:
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        metadata["annotations"] = {**part(metadata, "annotations"), **annotations}
    zones = ", ".join(str(clear(zone)) for zone in items(told.get("zones")))
    parameters = {
        "type": told.get("type"),
        "zones": zones or None,
        **{name: str(clear(told[name])).lower() for name in ("iopsPerGb", "encrypted") if told.get(name)},
        "kmsKeyId": told.get("kmsKeyId"),
    }
    passed_on = ("allowVolumeExpansion", "mountOptions", "reclaimPolicy", "volumeBindingMode")
    return it.make(
        "kubernetes:storage.k8s.io/v1:StorageClass",
        f"{it.name.lower()}-{key}",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": metadata,
            "provisioner": "kubernetes.io/aws-ebs",
            "parameters": parameters,
            **{name: told.get(name) for name in passed_on},
        },
        provider=provider,
    )


def _oidc_provider(it: Construction, made: Made) -> Made | None:
    if not opened(it.inputs.get("createOidcProvider")):
        return None
    return it.make(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{it.name}-oidcProvider",
        {"clientIdLists": ["sts.amazonaws.com"], "url": _issuer(made)},
        needs=[made],
    )


def _issuer(made: Made) -> Any:
    identities = items(made["identities"])
    oidcs = items(part(identities[0]).get("oidcs")) if identities else []
    return part(oidcs[0]).get("issuer") if oidcs else ""
