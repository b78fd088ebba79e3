"""Instances of auto scaling groups become Kubernetes nodes, as their user data and EKS would make them:
`python -m eks_gpu.lab.nodes`, for as long as the lab is up.

A node carries what the launch template's user data or the managed node group says, never what the group's autoscaler
tags promise: where the two differ, the lab shows what happens.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import boto3

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.node_kind import PROVIDER, NodeKind, managed_kind, node, node_name, self_managed_kind
from eks_gpu.lab.state import Lab, recorded_lab
from eks_gpu_components.catalog.interruptions import HELD
from eks_gpu_components.catalog.tags import NODE_GROUP_TAG

EVERY_S = 1.0
RUNNING = ("InService", HELD)
"""States of a group's instances that have a node."""
NODES = "/api/v1/nodes"


@dataclass(frozen=True)
class Instance:
    """An instance that runs, and its group as DescribeAutoScalingGroups tells it."""

    id: str
    zone: str
    group: Mapping[str, Any]
    position: int
    """Its place among the group's instances, the first being 0."""
    type: str
    """What was launched: of the group's types the first that EC2 had."""


class Groups:
    """The auto scaling groups of an AWS."""

    def __init__(self, client: Callable[[str], Any]):
        """`client` makes boto3's client of a service."""
        self._autoscaling, self._ec2, self._eks = client("autoscaling"), client("ec2"), client("eks")

    def instances(self) -> dict[str, Instance]:
        """Those that run, by the name of their node."""
        pages = self._autoscaling.get_paginator("describe_auto_scaling_groups").paginate()
        found = (
            Instance(each["InstanceId"], each["AvailabilityZone"], group, position, each["InstanceType"])
            for page in pages
            for group in page["AutoScalingGroups"]
            for position, each in enumerate(group["Instances"])
            if each["LifecycleState"] in RUNNING
        )
        return {node_name(instance.id, instance.zone): instance for instance in found}

    def kind(self, group: Mapping[str, Any]) -> NodeKind:
        """What a node that starts now in the group is."""
        policy = group.get("MixedInstancesPolicy") or {}
        template = policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification") or group["LaunchTemplate"]
        key = "LaunchTemplateId" if "LaunchTemplateId" in template else "LaunchTemplateName"
        versions = self._ec2.describe_launch_template_versions(
            **{key: template[key]}, Versions=[template.get("Version", "$Default")]
        )
        data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
        if NODE_GROUP_TAG not in tags:
            return self_managed_kind(policy, data)
        managed = self._eks.describe_nodegroup(clusterName=tags["eks:cluster-name"], nodegroupName=tags[NODE_GROUP_TAG])
        return managed_kind(managed["nodegroup"], data)


def reconcile(groups: Groups, api: ClusterApi) -> list[str]:
    """Makes the nodes that are missing, deletes those whose instance is gone; says what it did."""
    instances = groups.instances()
    there = {
        found["metadata"]["name"]
        for found in api.list(NODES)
        if found["spec"].get("providerID", "").startswith(PROVIDER)
    }
    made = sorted(instances.keys() - there)
    for name in made:
        instance = instances[name]
        kind = replace(groups.kind(instance.group), instance_type=instance.type)
        api.ensure(NODES, node(kind, instance.id, instance.zone, instance.position))
    gone = sorted(there - instances.keys())
    for name in gone:
        api.delete(f"{NODES}/{name}")
    return [*(f"made {name}" for name in made), *(f"deleted {name}" for name in gone)]


def aws_client(lab: Lab, service: str) -> Any:
    """boto3's client of a service in the lab's AWS."""
    return boto3.client(
        service,
        region_name=lab.region,
        endpoint_url=lab.aws_endpoint,
        **LAB_KEYS,
    )


def main() -> None:
    lab = recorded_lab()
    if lab is None:
        sys.exit("no lab is up")
    groups, api, told = Groups(partial(aws_client, lab)), ClusterApi(lab), ""
    while True:
        try:
            for line in reconcile(groups, api):
                print(line, flush=True)
            told = ""
        except Exception as error:  # AWS or the API server starting, or a group that nobody can read: it goes on
            problem = f"{type(error).__name__}: {error}"
            if problem != told:
                print(problem, flush=True)
            told = problem
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
