"""What is left after a stack was deleted: in the lab's AWS and in its cluster."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from eks_gpu_components.catalog import KARPENTER_API_VERSION


@dataclass(frozen=True)
class Kind:
    """Objects of AWS that cost money or act, and belong to nobody but a stack."""

    what: str
    service: str
    call: str
    path: str
    """Key of the answer that lists them."""
    name: str = ""
    """Member that names one; empty where the list is of names."""
    gone: tuple[str, str] = ("", "")
    """Member and value of one that is listed after its end."""


# Left out is what moto forgets when its owner goes: the default network ACL of a VPC, the interfaces of NAT gateways
# and of groups' instances, tags of what is deleted.
KINDS = (
    Kind("vpc", "ec2", "describe_vpcs", "Vpcs", "VpcId", ("IsDefault", "True")),
    Kind("address", "ec2", "describe_addresses", "Addresses", "AllocationId"),
    Kind("NAT gateway", "ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId", ("State", "deleted")),
    Kind("launch template", "ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateName"),
    Kind("placement group", "ec2", "describe_placement_groups", "PlacementGroups", "GroupName"),
    Kind("group", "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    Kind("cluster", "eks", "list_clusters", "clusters"),
    Kind("role", "iam", "list_roles", "Roles", "RoleName"),
    Kind("instance profile", "iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    Kind("OIDC provider", "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
    Kind("bucket", "s3", "list_buckets", "Buckets[].Name"),
    Kind("queue", "sqs", "list_queues", "QueueUrls"),
    Kind("event rule", "events", "list_rules", "Rules", "Name"),
    Kind("workspace of Prometheus", "amp", "list_workspaces", "workspaces", "workspaceId"),
    Kind("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
)


ACCOUNT_S_OWN = "AWSServiceRoleFor"
"""How roles begin that AWS makes once for an account: a stack may turn one on, and leaves it to the others."""
PATIENCE_S = 60
"""Seconds for what ends by itself: nodes of instances that are gone, objects that wait for their pods."""

# What lives in a cluster, its dependents first.
OBJECTS = (
    ("pod", "/api/v1", "pods"),
    ("Deployment", "/apis/apps/v1", "deployments"),
    ("DaemonSet", "/apis/apps/v1", "daemonsets"),
    ("Job", "/apis/batch/v1", "jobs"),
    ("release", "/api/v1", "secrets"),
    ("StorageClass", "/apis/storage.k8s.io/v1", "storageclasses"),
)
_NODES = "/api/v1/nodes"
_AT_ONCE = "?gracePeriodSeconds=0&propagationPolicy=Background"


def leftovers(lab: Lab) -> list[str]:
    """Each as kind and name, after a moment. Raises LabProblem, and OSError when the API server does not answer."""
    until, api = time.monotonic() + PATIENCE_S, ClusterApi(lab)
    while (left := [*_in_aws(lab), *_in_cluster(api)]) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def end_with_cluster(lab: Lab) -> list[str]:
    """When AWS has no cluster any more, what ran in it ends too: the lab's API server outlives it.

    So do nodes whose instance is gone: one that Karpenter terminated while it registered. Names all but pods, which go
    with their owners.
    """
    if aws_client(lab, "eks").list_clusters()["clusters"]:
        return []
    api, ended = ClusterApi(lab), list[str]()
    for what, group, plural in OBJECTS:
        for item in _items(api, what, group, plural):
            namespace, name = item["metadata"].get("namespace"), item["metadata"]["name"]
            api.delete(f"{group}/{f'namespaces/{namespace}/' if namespace else ''}{plural}/{name}{_AT_ONCE}")
            if what != "pod":
                ended.append(_named(what, item))
    for name, provider in ((each["metadata"]["name"], each["spec"].get("providerID", "")) for each in api.list(_NODES)):
        if provider and not [*_running(lab, InstanceIds=[provider.rpartition("/")[2]])]:
            api.delete(f"{_NODES}/{name}")
            ended.append(f"node {name}")
    return ended


def _items(api: ClusterApi, what: str, group: str, plural: str) -> list[dict[str, Any]]:
    return api.list(f"{group}/{plural}" + ("?labelSelector=owner%3Dhelm" if what == "release" else ""))


def _in_aws(lab: Lab) -> Iterator[str]:
    for kind in KINDS:
        answer: dict[str, Any] = getattr(aws_client(lab, kind.service), kind.call)()
        for item in answer.get(kind.path, []):
            member, value = kind.gone
            name = str(item[kind.name] if kind.name else item)
            if (not member or str(item.get(member)) != value) and not name.startswith(ACCOUNT_S_OWN):
                yield f"{kind.what} {name}"
    yield from (f"instance {each}" for each in _running(lab))


def _running(lab: Lab, **asked: Any) -> Iterator[str]:
    """Ids of instances that have not ended. Those of fleets are told to who asks for them by id."""
    try:
        reservations = aws_client(lab, "ec2").describe_instances(**asked)["Reservations"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInstanceID.NotFound":
            raise
        return
    for instance in (each for reservation in reservations for each in reservation["Instances"]):
        if instance["State"]["Name"] != "terminated":
            yield instance["InstanceId"]


def _in_cluster(api: ClusterApi) -> Iterator[str]:
    for path, what in (
        (_NODES, "node"),
        (f"/apis/{KARPENTER_API_VERSION}/nodeclaims", "NodeClaim"),
        (f"/apis/{KARPENTER_API_VERSION}/nodepools", "NodePool"),
    ):
        for item in api.list(path):
            yield f"{what} {item['metadata']['name']}"
    for what, group, plural in OBJECTS:
        for item in _items(api, what, group, plural):
            yield _named(what, item)
    for service in api.list("/api/v1/services"):
        if service["spec"]["type"] == "LoadBalancer":
            yield _named("LoadBalancer Service", service)


def _named(what: str, item: Mapping[str, Any]) -> str:
    """`Deployment inference/resnet`."""
    metadata = item["metadata"]
    return f"{what} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"
