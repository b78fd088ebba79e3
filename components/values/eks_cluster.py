"""EksCluster: what a component needs to know of a cluster, whoever made the cluster."""

import json
from typing import Any, NotRequired

import pulumi_aws as aws
import pulumi_eks as eks
from pulumi import Input, Output
from typing_extensions import TypedDict

from .aws_credentials import kubeconfig_credentials


class EksCluster(TypedDict):
    """A description of a cluster, made by `Cluster`, by pulumi_eks, by pulumi_aws, or of an existing cluster."""

    name: Input[str]
    """Name of the cluster in EKS."""
    endpoint: Input[str]
    """URL of the Kubernetes API."""
    certificate_authority: Input[str]
    """The API's certificate authority, base64, as EKS gives it."""
    service_cidr: Input[str]
    """Address range of Services, such as 10.100.0.0/16: a node derives the address of its DNS server from it."""
    kubernetes_version: Input[str]
    """Kubernetes minor version, such as 1.35."""
    vpc_id: Input[str]
    """Id of the VPC that the nodes run in."""
    region: str
    """Region the cluster runs in, such as us-west-2."""
    security_group_id: Input[str]
    """Id of the security group that EKS creates and that nodes and control plane share."""
    oidc_provider_arn: NotRequired[Input[str]]
    """ARN of the cluster's IAM identity provider, if one exists. Default none."""
    oidc_issuer: NotRequired[Input[str]]
    """Issuer of service account tokens, without https://. Default none."""
    node_role_arn: NotRequired[Input[str]]
    """ARN of the IAM role of the system nodes, or with Auto Mode of the nodes of your own node classes. Default none.
    """
    auto_mode: NotRequired[bool]
    """Whether EKS Auto Mode runs the nodes; it provides drivers, device plugin, disks and load balancers. Default no.
    """


def from_pulumi_eks(cluster: eks.Cluster, region: str) -> EksCluster:
    """The description of a cluster made with pulumi_eks; it has an OIDC provider only if `create_oidc_provider` was
    set.
    """
    return {
        **_from_aws(cluster.eks_cluster, region),
        "oidc_provider_arn": cluster.oidc_provider_arn,
        "oidc_issuer": cluster.oidc_issuer,
    }


def from_aws(cluster: aws.eks.Cluster, region: str) -> EksCluster:
    """The description of a cluster made with pulumi_aws. An OIDC provider is a separate resource there, so it is not
    included.
    """
    return _from_aws(Output.from_input(cluster), region)


def eks_cluster_by_name(name: str, region: str) -> EksCluster:
    """The description of an existing cluster, looked up in EKS when the program runs."""
    cluster = aws.eks.get_cluster_output(name=name, region=region)
    return {
        "name": name,
        "endpoint": cluster.endpoint,
        "certificate_authority": cluster.certificate_authorities[0].data,
        "service_cidr": cluster.kubernetes_network_configs[0].service_ipv4_cidr,
        "kubernetes_version": cluster.version,
        "vpc_id": cluster.vpc_config.vpc_id,
        "region": region,
        "security_group_id": cluster.vpc_config.cluster_security_group_id,
        "oidc_issuer": cluster.identities[0].oidcs[0].issuer.apply(_without_scheme),
    }


def kubeconfig(cluster: EksCluster) -> Output[str]:
    """A kubeconfig as JSON. Its token comes from the AWS CLI, so `aws` must be on the PATH of `pulumi up`.

    The AWS CLI uses profile and role of the stack's `aws:profile` and `aws:assumeRoles`.
    """
    credentials = kubeconfig_credentials()
    return Output.all(
        name=cluster["name"], endpoint=cluster["endpoint"], certificate_authority=cluster["certificate_authority"]
    ).apply(lambda known: json.dumps(kubeconfig_data(region=cluster["region"], **known, **credentials)))


def kubeconfig_data(
    name: str, endpoint: str, certificate_authority: str, region: str, profile_name: str = "", role_arn: str = ""
) -> dict[str, Any]:
    """The kubeconfig as data. It names region, profile and role: the AWS CLI does not see Pulumi's configuration."""
    role = ["--role-arn", role_arn] if role_arn else []
    token: dict[str, Any] = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json", *role],
    }
    if profile_name:
        token["env"] = [{"name": "AWS_PROFILE", "value": profile_name}]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority}}
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"exec": token}}],
    }


def _from_aws(cluster: Output[aws.eks.Cluster], region: str) -> EksCluster:
    return {
        "name": cluster.name,
        "endpoint": cluster.endpoint,
        "certificate_authority": cluster.certificate_authority.data,
        "service_cidr": cluster.kubernetes_network_config.service_ipv4_cidr,
        "kubernetes_version": cluster.version,
        "vpc_id": cluster.vpc_config.vpc_id,
        "region": region,
        "security_group_id": cluster.vpc_config.cluster_security_group_id,
        "oidc_issuer": cluster.identities[0].oidcs[0].issuer.apply(_without_scheme),
    }


def _without_scheme(issuer: str) -> str:
    return issuer.removeprefix("https://")
