"""Outputs that providers add to the inputs of a resource, by type."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from eks_gpu.graph.graph import Resource
from eks_gpu.offline.account import ACCOUNT, Account, Properties, digest
from eks_gpu_components.catalog import zones

ID_PREFIX = {
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/instance:Instance": "i",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
}


class References(Protocol):
    """Who knows the resources that a remote component hands out."""

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        """A resource as the output of another."""
        ...


def outputs_of(account: Account, resource: Resource, recorder: References) -> dict[str, Any]:
    """Outputs known here, `id` among them; empty for a type of another provider."""
    special = SPECIAL.get(resource.type)
    found = dict(special(account, resource, recorder)) if special else {}
    if resource.type.startswith("aws:"):
        return {**_of_aws(account, resource), **found}
    if resource.type.startswith("kubernetes:"):
        return {**_of_kubernetes(resource), **found}
    return found


def _of_aws(account: Account, resource: Resource) -> Properties:
    """What every resource of AWS has."""
    service, _, kind = resource.type.split(":")[1].partition("/")
    name = str(resource.inputs.get("name", resource.name))
    prefix = ID_PREFIX.get(resource.type)
    id_ = f"{prefix}-{digest(resource.urn)}" if prefix else name
    return {
        "id": id_,
        "arn": account.arn(service, f"{kind}/{id_}"),
        "name": name,
        "region": account.region,
        "tagsAll": resource.inputs.get("tags", {}),
    }


def _role(account: Account, resource: Resource, _: References) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    return {"id": name, "arn": account.arn("iam", f"role{resource.inputs.get('path', '/')}{name}"), "name": name}


def _policy(account: Account, resource: Resource, _: References) -> Properties:
    arn = account.arn("iam", f"policy/{resource.inputs.get('name', resource.name)}")
    return {"id": arn, "arn": arn}


def _oidc_provider(account: Account, resource: Resource, _: References) -> Properties:
    arn = account.arn("iam", f"oidc-provider/{str(resource.inputs.get('url', '')).removeprefix('https://')}")
    return {"id": arn, "arn": arn}


def _instance_profile(account: Account, resource: Resource, _: References) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    return {"arn": account.arn("iam", f"instance-profile{resource.inputs.get('path', '/')}{name}")}


def _node_group(account: Account, resource: Resource, _: References) -> Properties:
    name = str(resource.inputs.get("nodeGroupName", resource.name))
    group = f"eks-{name}"
    return {
        "id": f"{resource.inputs.get('clusterName', '')}:{name}",
        "nodeGroupName": name,
        "resources": [{"autoscalingGroups": [{"name": group}], "remoteAccessSecurityGroupId": ""}],
        "status": "ACTIVE",
    }


def _subnet(account: Account, resource: Resource, _: References) -> Properties:
    by_name = {zone.name: zone.id for zone in zones(account.region)}
    zone = resource.inputs.get("availabilityZone")
    return {"availabilityZoneId": by_name.get(zone, "")} if zone else {}


def _queue(account: Account, resource: Resource, _: References) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    url = f"https://sqs.{account.region}.amazonaws.com/{ACCOUNT}/{name}"
    return {"id": url, "url": url, "arn": account.arn("sqs", name)}


def aws_cluster(account: Account, name: str, inputs: Properties) -> dict[str, Any]:
    """The outputs of `aws.eks.Cluster`, of a cluster that answers."""
    issuer = f"https://oidc.eks.{account.region}.amazonaws.com/id/{digest(name).upper()}"
    endpoint = f"https://{digest(name).upper()}.gr7.{account.region}.eks.amazonaws.com"
    network = inputs.get("kubernetesNetworkConfig") or {}
    vpc = inputs.get("vpcConfig") or {}
    return {
        "id": name,
        "name": name,
        "arn": account.arn("eks", f"cluster/{name}"),
        "endpoint": endpoint,
        "status": "ACTIVE",
        "version": inputs.get("version"),
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", **network},
        "vpcConfig": {
            "subnetIds": [],
            "vpcId": f"vpc-{digest(name)}",
            **vpc,
            "clusterSecurityGroupId": _group_id(name),
        },
    }


def _group_id(cluster: str) -> str:
    return f"sg-{digest(cluster)}"


def kubeconfig_of(cluster: str, region: str) -> dict[str, Any]:
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws"}
    user = {"exec": {**command, "args": ["eks", "get-token", "--cluster-name", cluster, "--region", region]}}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": f"https://{cluster}"}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
        "users": [{"name": cluster, "user": user}],
    }


def _raw_cluster(account: Account, resource: Resource, _: References) -> Properties:
    return aws_cluster(account, str(resource.inputs.get("name", resource.name)), resource.inputs)


def _of_kubernetes(resource: Resource) -> Properties:
    """The name and namespace that the provider would choose or default."""
    if resource.type.startswith("kubernetes:helm.sh/v3:Release"):
        name = resource.inputs.get("name", resource.name)
        return {
            "id": f"{resource.inputs.get('namespace', 'default')}/{name}",
            "name": name,
            "status": {"status": "deployed", "name": name},
        }
    metadata = resource.inputs.get("metadata") or {}
    name = metadata.get("name", resource.name)
    if (resource.inputs.get("spec") or {}).get("type") == "LoadBalancer":
        hostname = f"{name}-{digest(resource.urn)}.elb.amazonaws.com"
        return {**_of_object(metadata, name), "status": {"loadBalancer": {"ingress": [{"hostname": hostname}]}}}
    return _of_object(metadata, name)


def _of_object(metadata: Properties, name: str) -> Properties:
    return {"id": f"{metadata.get('namespace', 'default')}/{name}", "metadata": {**metadata, "name": name}}


SPECIAL: dict[str, Callable[[Account, Resource, References], Properties]] = {
    "aws:ec2/eip:Eip": lambda _, resource, __: {"allocationId": f"eipalloc-{digest(resource.urn)}"},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda *_: {"latestVersion": 1, "defaultVersion": 1},
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:eks/cluster:Cluster": _raw_cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:iam/instanceProfile:InstanceProfile": _instance_profile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:sqs/queue:Queue": _queue,
}
