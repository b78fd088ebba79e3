"""Stand-ins for what AWS and Kubernetes answer in an account of which nothing is known: for plans and for tests.

Ids are the same in every run. Zones are the catalog's; an account may give the same name to another zone id.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .regions import partition, zones
from .versions import DEFAULT_KUBERNETES

Properties = Mapping[str, Any]
"""Inputs, outputs, arguments or results, by wire name."""
ACCOUNT = "123456789012"
SSM_PARAMETERS_OF_AWS = "/aws/service/"
"""Begins the names of the parameters that AWS provides in every account."""
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


class Made(Protocol):
    """A resource that a program registered."""

    @property
    def urn(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> Properties: ...


def digest(text: str) -> str:
    """What an id of AWS's has after its prefix, the same in every run."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:17]


def arn(region: str, service: str, resource: str) -> str:
    """An ARN; IAM's have no region."""
    place = "" if service == "iam" else region
    return f"arn:{partition(region)}:{service}:{place}:{ACCOUNT}:{resource}"


def outputs_of(region: str, resource: Made) -> dict[str, Any]:
    """Outputs that a provider adds to the inputs, `id` among them; empty for a provider that is neither of the two."""
    special = _SPECIAL.get(resource.type)
    found = dict(special(region, resource)) if special else {}
    if resource.type.startswith("aws:"):
        return {**_of_aws(region, resource), **found}
    return {**_of_kubernetes(resource), **found} if resource.type.startswith("kubernetes:") else found


def cluster(region: str, name: str, inputs: Properties) -> dict[str, Any]:
    """The outputs of `aws.eks.Cluster`, of a cluster that answers."""
    issuer = f"https://oidc.eks.{region}.amazonaws.com/id/{digest(name).upper()}"
    endpoint = f"https://{digest(name).upper()}.gr7.{region}.eks.amazonaws.com"
    return {
        "id": name,
        "name": name,
        "arn": arn(region, "eks", f"cluster/{name}"),
        "endpoint": endpoint,
        "status": "ACTIVE",
        "version": inputs.get("version"),
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": "172.20.0.0/16",
            "ipFamily": "ipv4",
            **(inputs.get("kubernetesNetworkConfig") or {}),
        },
        "vpcConfig": {
            "subnetIds": [],
            "vpcId": f"vpc-{digest(name)}",
            **(inputs.get("vpcConfig") or {}),
            "clusterSecurityGroupId": f"sg-{digest(name)}",
        },
    }


def _of_aws(region: str, resource: Made) -> Properties:
    """What every resource of AWS has."""
    service, _, kind = resource.type.split(":")[1].partition("/")
    name = str(resource.inputs.get("name", resource.name))
    prefix = ID_PREFIX.get(resource.type)
    id_ = f"{prefix}-{digest(resource.urn)}" if prefix else name
    return {
        "id": id_,
        "arn": arn(region, service, f"{kind}/{id_}"),
        "name": name,
        "region": region,
        "tagsAll": resource.inputs.get("tags", {}),
    }


def _role(region: str, resource: Made) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    return {"id": name, "arn": arn(region, "iam", f"role{resource.inputs.get('path', '/')}{name}"), "name": name}


def _policy(region: str, resource: Made) -> Properties:
    made = arn(region, "iam", f"policy/{resource.inputs.get('name', resource.name)}")
    return {"id": made, "arn": made}


def _oidc_provider(region: str, resource: Made) -> Properties:
    made = arn(region, "iam", f"oidc-provider/{str(resource.inputs.get('url', '')).removeprefix('https://')}")
    return {"id": made, "arn": made}


def _instance_profile(region: str, resource: Made) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    return {"arn": arn(region, "iam", f"instance-profile{resource.inputs.get('path', '/')}{name}")}


def _node_group(_: str, resource: Made) -> Properties:
    name = str(resource.inputs.get("nodeGroupName", resource.name))
    group = f"eks-{name}"
    return {
        "id": f"{resource.inputs.get('clusterName', '')}:{name}",
        "nodeGroupName": name,
        "resources": [{"autoscalingGroups": [{"name": group}], "remoteAccessSecurityGroupId": ""}],
        "status": "ACTIVE",
    }


def _subnet(region: str, resource: Made) -> Properties:
    by_name = {zone.name: zone.id for zone in zones(region)}
    zone = resource.inputs.get("availabilityZone")
    return {"availabilityZoneId": by_name.get(zone, "")} if zone else {}


def _queue(region: str, resource: Made) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    url = f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}"
    return {"id": url, "url": url, "arn": arn(region, "sqs", name)}


def _cluster(region: str, resource: Made) -> Properties:
    return cluster(region, str(resource.inputs.get("name", resource.name)), resource.inputs)


def _of_kubernetes(resource: Made) -> Properties:
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


def _workspace(region: str, resource: Made) -> Properties:
    made = f"ws-{digest(resource.urn)}"
    endpoint = f"https://aps-workspaces.{region}.amazonaws.com/workspaces/{made}/"
    return {"id": made, "arn": arn(region, "aps", f"workspace/{made}"), "prometheusEndpoint": endpoint}


_SPECIAL: Mapping[str, Callable[[str, Made], Properties]] = {
    "aws:amp/workspace:Workspace": _workspace,
    "aws:ec2/eip:Eip": lambda _, resource: {"allocationId": f"eipalloc-{digest(resource.urn)}"},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda *_: {"latestVersion": 1, "defaultVersion": 1},
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:iam/instanceProfile:InstanceProfile": _instance_profile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:sqs/queue:Queue": _queue,
}


def availability_zones(region: str, args: Properties) -> Properties:
    """Zones of the region without those that the call excludes."""
    hidden = {*args.get("excludeZoneIds", ()), *args.get("excludeNames", ())}
    shown = [zone for zone in zones(region) if not {zone.id, zone.name} & hidden]
    return {
        "id": region,
        "region": region,
        "names": [zone.name for zone in shown],
        "zoneIds": [zone.id for zone in shown],
        "groupNames": [region],
    }


def caller_identity(region: str, _: Properties) -> Properties:
    """A user of the account."""
    user = f"arn:{partition(region)}:iam::{ACCOUNT}:user/plan"
    return {"id": ACCOUNT, "accountId": ACCOUNT, "arn": user, "userId": "AIDA00000000000000000"}


def region_facts(region: str, _: Properties) -> Properties:
    """The region itself."""
    endpoint = f"ec2.{region}.amazonaws.com"
    return {"id": region, "name": region, "region": region, "endpoint": endpoint, "description": ""}


def partition_facts(region: str, _: Properties) -> Properties:
    """The partition of the region."""
    name = partition(region)
    suffix = "amazonaws.com.cn" if name == "aws-cn" else "amazonaws.com"
    return {
        "id": name,
        "partition": name,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def ssm_parameter(region: str, args: Properties) -> Properties:
    """A parameter of AWS's own, which has an image or a release of one."""
    name = str(args.get("name", ""))
    value = f"ami-{digest(name)}" if (minor := _released(name)) is None else f"{minor}.0-{digest(name)}"
    return {
        "id": name,
        "name": name,
        "arn": f"arn:{partition(region)}:ssm:{region}::parameter{name}",
        "type": "String",
        "value": value,
        "insecureValue": value,
        "version": 1,
    }


def _released(parameter: str) -> str | None:
    """The minor that the parameter's release is for; None for a parameter that holds an image's id."""
    minor = re.search(r"/(?:optimized-ami/|aws-k8s-)([0-9.]+)", parameter)
    return minor[1] if minor and parameter.endswith(("/release_version", "/image_version")) else None


def no_log_groups(region: str, args: Properties) -> Properties:
    """None is there."""
    prefix = str(args.get("logGroupNamePrefix", ""))
    return {"id": region, "logGroupNamePrefix": prefix, "logGroupNames": [], "arns": []}


def found_cluster(region: str, args: Properties) -> Properties:
    """A cluster of the name that is looked up, of the newest version that the library makes."""
    found = cluster(region, str(args.get("name", "")), {"version": DEFAULT_KUBERNETES})
    # The look-up has lists where the resource has one object.
    lists = {
        "certificateAuthorities": [found["certificateAuthority"]],
        "kubernetesNetworkConfigs": [found["kubernetesNetworkConfig"]],
    }
    return {**found, **lists, "tags": {}}


LOOK_UPS: Mapping[str, Callable[[str, Properties], Properties]] = {
    "aws:cloudwatch/getLogGroups:getLogGroups": no_log_groups,
    "aws:eks/getCluster:getCluster": found_cluster,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getPartition:getPartition": partition_facts,
    "aws:index/getRegion:getRegion": region_facts,
    "aws:ssm/getParameter:getParameter": ssm_parameter,
}
"""Function, by its token -> the answer to its arguments in a region."""
