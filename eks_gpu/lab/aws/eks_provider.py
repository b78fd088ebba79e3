"""`pulumi-resource-eks` of the lab: `eks.Cluster` as our Cluster component asks for it, made by pulumi_aws."""

import json
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Inputs, Output, ResourceOptions
from pulumi.provider import ConstructResult, Provider
from pulumi.provider import main as serve

from eks_gpu.lab.aws.commands import end_at_once
from eks_gpu_components.catalog import AUTO_MODE_CLUSTER_POLICIES, AUTO_MODE_NODE_POLICIES, CLUSTER_POLICIES, partition
from eks_gpu_components.catalog.nearest import hint_or_all

TOKEN = "eks:index:Cluster"

# What would need resources that are not made here.
ONLY = {
    "skipDefaultNodeGroup": True,
    "skipDefaultSecurityGroups": True,
    "bootstrapSelfManagedAddons": False,
    "useDefaultVpcCni": True,
    "kubeProxyAddonOptions": {"enabled": False},
    "corednsAddonOptions": {"enabled": False},
}

PASSED_ON = {
    "deletionProtection": "deletion_protection",
    "enabledClusterLogTypes": "enabled_cluster_log_types",
    "name": "name",
    "upgradePolicy": "upgrade_policy",
    "version": "version",
}
TAKEN = {
    *ONLY,
    *PASSED_ON,
    *("authenticationMode", "autoMode", "createOidcProvider", "encryptionConfigKeyArn", "endpointPrivateAccess"),
    *("endpointPublicAccess", "providerCredentialOpts", "publicAccessCidrs", "subnetIds", "vpcId"),
}


class Cluster(ComponentResource):
    """The control plane with its role, OIDC provider and kubeconfig."""

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: ResourceOptions | None):
        super().__init__(TOKEN, name, None, opts)
        region = pulumi.Config("aws").get("region") or "us-west-2"
        auto_mode = inputs.get("autoMode") or {}
        policies = (*CLUSTER_POLICIES, *(AUTO_MODE_CLUSTER_POLICIES if auto_mode else ()))
        role, attached = _role(self, f"{name}-eksRole", "eks.amazonaws.com", region, policies)
        node_role, node_attached = (
            _role(self, f"{name}-auto-mode-node", "ec2.amazonaws.com", region, AUTO_MODE_NODE_POLICIES)
            if auto_mode.get("createNodeRole")
            else (None, [])
        )
        cluster = aws.eks.Cluster(
            f"{name}-eksCluster",
            role_arn=role.arn,
            bootstrap_self_managed_addons=False,
            vpc_config={
                "subnet_ids": inputs["subnetIds"],
                "endpoint_private_access": inputs.get("endpointPrivateAccess"),
                "endpoint_public_access": inputs.get("endpointPublicAccess"),
                "public_access_cidrs": inputs.get("publicAccessCidrs"),
            },
            access_config={"authentication_mode": inputs.get("authenticationMode", "CONFIG_MAP")},
            encryption_config=_encryption(inputs.get("encryptionConfigKeyArn")),
            **({"compute_config": _compute(auto_mode, node_role), **AUTO_MODE} if auto_mode else {}),
            **{argument: inputs[key] for key, argument in PASSED_ON.items() if key in inputs},
            opts=ResourceOptions(parent=self, depends_on=[*attached, *node_attached]),
        )
        issuer = cluster.identities[0].oidcs[0].issuer
        oidc = aws.iam.OpenIdConnectProvider(
            f"{name}-oidcProvider",
            url=issuer,
            client_id_lists=["sts.amazonaws.com"],
            opts=ResourceOptions(parent=self),
        )
        credentials = inputs.get("providerCredentialOpts")
        config = Output.all(cluster.name, cluster.endpoint, cluster.certificate_authority.data, credentials).apply(
            lambda known: _kubeconfig(known[0], known[1], known[2], region, known[3] or {})
        )
        provider = kubernetes.Provider(
            f"{name}-provider", kubeconfig=config.apply(json.dumps), opts=ResourceOptions(parent=self)
        )
        self.outputs: dict[str, Any] = {
            "eksCluster": cluster,
            "kubeconfig": config,
            "kubeconfigJson": config.apply(json.dumps),
            "clusterSecurityGroupId": cluster.vpc_config.cluster_security_group_id,
            "oidcIssuer": issuer.apply(lambda url: url.removeprefix("https://")),
            "oidcProviderArn": oidc.arn,
            "oidcProviderUrl": issuer,
            "autoModeNodeRoleName": node_role.name if node_role else "",
            "core": {
                "cluster": cluster,
                "clusterIamRole": role,
                "endpoint": cluster.endpoint,
                "instanceRoles": [],
                "kubeconfig": config,
                "nodeGroupOptions": {},
                "oidcProvider": oidc,
                "provider": provider,
                "subnetIds": inputs["subnetIds"],
                "vpcId": inputs.get("vpcId"),
            },
        }
        self.register_outputs(self.outputs)


AUTO_MODE: dict[str, Any] = {
    "storage_config": {"block_storage": {"enabled": True}},
    "kubernetes_network_config": {"elastic_load_balancing": {"enabled": True}},
}


def _compute(auto_mode: Mapping[str, Any], node_role: aws.iam.Role | None) -> dict[str, Any]:
    pools = (auto_mode.get("computeConfig") or {}).get("nodePools")
    own = {"node_pools": pools, "node_role_arn": node_role.arn} if node_role else {}
    return {"enabled": True, **own}


def _encryption(key_arn: Input[str] | None) -> Any:
    return None if key_arn is None else {"provider": {"key_arn": key_arn}, "resources": ["secrets"]}


def _role(
    parent: Cluster, name: str, service: str, region: str, policies: tuple[str, ...]
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
    actions = ["sts:AssumeRole", "sts:TagSession"]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}
    role = aws.iam.Role(
        name,
        assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        opts=ResourceOptions(parent=parent),
    )
    attachments = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=f"arn:{partition(region)}:iam::aws:policy/{policy}",
            opts=ResourceOptions(parent=parent),
        )
        for policy in policies
    ]
    return role, attachments


def _kubeconfig(
    cluster: str, endpoint: str, certificate_authority: str, region: str, credentials: Mapping[str, str]
) -> dict[str, Any]:
    role, profile = credentials.get("roleArn"), credentials.get("profileName")
    command: dict[str, Any] = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"],
    }
    if role:
        command["args"] += ["--role-arn", role]
    if profile:
        command["env"] = [{"name": "AWS_PROFILE", "value": profile}]
    server = {"server": endpoint, "certificate-authority-data": certificate_authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": server}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
        "users": [{"name": cluster, "user": {"exec": command}}],
    }


class EksProvider(Provider):
    """Makes `eks.Cluster`, and refuses what it would make otherwise than pulumi_eks does."""

    def __init__(self) -> None:
        super().__init__(metadata.version("pulumi-eks"))

    def construct(
        self, name: str, resource_type: str, inputs: Inputs, options: ResourceOptions | None = None
    ) -> ConstructResult:
        if problems := refused(resource_type, inputs):
            raise ValueError("; ".join(problems))
        cluster = Cluster(name, inputs, options)
        return ConstructResult(cluster.urn, cluster.outputs)


def refused(resource_type: str, inputs: Mapping[str, Any]) -> list[str]:
    """Why the lab cannot make it; nothing for a cluster like our component's."""
    if resource_type != TOKEN:
        return [f"the lab's stand-in for pulumi_eks makes {TOKEN} alone, got {resource_type}"]
    unknown = [f"the lab's {TOKEN} takes no {key}{hint_or_all(key, TAKEN)}" for key in inputs if key not in TAKEN]
    return unknown + [
        f"{key} must be {json.dumps(value)} in the lab, got {inputs.get(key)!r}"
        for key, value in ONLY.items()
        if inputs.get(key) != value
    ]


if __name__ == "__main__":
    end_at_once()
    serve(EksProvider(), sys.argv[1:])
