"""What a program asks AWS: answered by moto, or by the planner's answers where moto has no say."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from eks_gpu.lab.aws.core import Cloud, Refused
from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu_components.catalog.nearest import hint_or_all

Answer = Callable[[Cloud, Mapping[str, Any]], dict[str, Any]]

TOKEN = "lab-token"
"""What EKS is said to give; the program's kubeconfig asks the `aws` command instead, which has the lab's own."""


def invoke(cloud: Cloud, token: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Raises Refused for a function that nothing here answers."""
    if token in FROM_CATALOG:
        return dict(CatalogAnswers(cloud.region).invoke(token, given))
    if token not in INVOKES:
        known = {*INVOKES, *FROM_CATALOG}
        raise Refused(f"{token} is not among the functions that the lab answers{hint_or_all(token, known)}")
    return {"region": cloud.region, **INVOKES[token](cloud, given)}


def _availability_zones(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    shown = cloud.client("ec2").describe_availability_zones(Filters=_filters(given))["AvailabilityZones"]
    hidden = {*given.get("excludeZoneIds", ()), *given.get("excludeNames", ())}
    kept = [zone for zone in shown if not {zone["ZoneId"], zone["ZoneName"]} & hidden]
    return {
        "id": cloud.region,
        "names": [zone["ZoneName"] for zone in kept],
        "zoneIds": [zone["ZoneId"] for zone in kept],
        "groupNames": [cloud.region],
    }


def _filters(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """moto's zones carry no opt-in status, and none of them needs one."""
    wanted = [{"Name": item["name"], "Values": item["values"]} for item in given.get("filters") or ()]
    return [item for item in wanted if item["Name"] != "opt-in-status"]


def _caller_identity(cloud: Cloud, _: Mapping[str, Any]) -> dict[str, Any]:
    found = cloud.client("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"]}


def _parameter(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    found = cloud.client("ssm").get_parameter(Name=given["name"])["Parameter"]
    return {
        "id": given["name"],
        "name": given["name"],
        "arn": found.get("ARN", ""),
        "type": found["Type"],
        "value": found["Value"],
        "insecureValue": found["Value"],
        "version": found["Version"],
    }


def _log_groups(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    prefix = given.get("logGroupNamePrefix") or ""
    asked = {"logGroupNamePrefix": prefix} if prefix else {}
    pages = cloud.client("logs").get_paginator("describe_log_groups").paginate(**asked)
    found = [group for page in pages for group in page["logGroups"]]
    return {
        "id": cloud.region,
        "logGroupNamePrefix": prefix,
        "logGroupNames": [group["logGroupName"] for group in found],
        "arns": [group["arn"].removesuffix(":*") for group in found],
    }


def _cluster(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    found = cloud.client("eks").describe_cluster(name=given["name"])["cluster"]
    network, vpc = found["kubernetesNetworkConfig"], found["resourcesVpcConfig"]
    return {
        "id": found["name"],
        "name": found["name"],
        "arn": found["arn"],
        "endpoint": found["endpoint"],
        "version": found["version"],
        "status": found["status"],
        "roleArn": found["roleArn"],
        "certificateAuthorities": [found["certificateAuthority"]],
        "kubernetesNetworkConfigs": [{"serviceIpv4Cidr": network["serviceIpv4Cidr"], "ipFamily": "ipv4"}],
        "vpcConfig": {key: vpc[key] for key in ("clusterSecurityGroupId", "subnetIds", "vpcId") if key in vpc},
        "identities": [{"oidcs": [found["identity"]["oidc"]]}],
        "tags": found.get("tags", {}),
    }


def _cluster_auth(_: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": given["name"], "name": given["name"], "token": TOKEN}


def _vpc(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    ids = [given["id"]] if given.get("id") else []
    found = cloud.client("ec2").describe_vpcs(VpcIds=ids, Filters=_named(given, "cidrBlock", "state"))["Vpcs"]
    if len(found) != 1:
        raise Refused(f"aws.ec2.get_vpc wants one VPC, found {len(found)}")
    vpc = found[0]
    return {"id": vpc["VpcId"], "cidrBlock": vpc["CidrBlock"], "tags": _map(vpc), "default": vpc["IsDefault"]}


def _subnets(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    found = cloud.client("ec2").describe_subnets(Filters=_named(given))["Subnets"]
    return {"id": cloud.region, "ids": [subnet["SubnetId"] for subnet in found], "tags": given.get("tags", {})}


def _named(given: Mapping[str, Any], *keys: str) -> list[dict[str, Any]]:
    """`filters` and `tags` of a look-up, and those of its keys that EC2 filters by, as EC2's filters."""
    asked = [{"Name": item["name"], "Values": item["values"]} for item in given.get("filters") or ()]
    asked += [{"Name": f"tag:{key}", "Values": [value]} for key, value in (given.get("tags") or {}).items()]
    dashed = {key: re.sub(r"(?=[A-Z])", "-", key).lower() for key in keys}
    return asked + [{"Name": name, "Values": [given[key]]} for key, name in dashed.items() if given.get(key)]


def _map(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}


FROM_CATALOG = {
    "aws:iam/getPolicyDocument:getPolicyDocument",
    "aws:index/getPartition:getPartition",
    "aws:index/getRegion:getRegion",
}

INVOKES: dict[str, Answer] = {
    "aws:cloudwatch/getLogGroups:getLogGroups": _log_groups,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_auth,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:ssm/getParameter:getParameter": _parameter,
}
