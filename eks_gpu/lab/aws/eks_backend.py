"""The objects of EKS as moto keeps them, completed by what real EKS makes beside them.

A cluster gets its security group and its log's group, a node group its launch template and auto scaling group, with the
tags that EKS sets.
"""

# Overrides pass moto's parameters on without naming them.
# pyright: reportIncompatibleMethodOverride=false

import base64
import uuid
from pathlib import Path
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.eks.exceptions import InvalidRequestException, ResourceInUseException, ResourceNotFoundException
from moto.eks.models import EKSBackend, Nodegroup
from moto.logs.models import logs_backends

from eks_gpu.lab.aws import SERVICE_CIDR
from eks_gpu_components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    CLUSTER_TAG,
    autoscaler_cluster_tag,
    control_plane_log_group,
)
from eks_gpu_components.catalog.tags import NODE_GROUP_TAG

FAILED = "CREATE_FAILED"
"""State of a node group that never worked."""


class LabEksBackend(EKSBackend):
    """One account's EKS in one region."""

    endpoint = ""
    """The lab's API server, which is every cluster's. Empty: moto's own invention."""
    certificate: Path | None = None
    """File with the certificate authority of that server; it may appear after moto has started."""
    closed: Path | None = None
    """File that names the clusters whose API is reached from inside their VPC alone, a line each."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self.parts: dict[tuple[str, ...], dict[str, Any]] = {}
        """Add-ons and the like, by cluster, kind and key."""

    @property
    def ec2(self) -> Any:
        return ec2_backends[self.account_id][self.region_name]

    @property
    def autoscaling(self) -> Any:
        return autoscaling_backends[self.account_id][self.region_name]

    # Clusters

    def create_cluster(self, name: str, role_arn: str, resources_vpc_config: dict[str, Any], **given: Any) -> Any:
        cluster = super().create_cluster(name, role_arn, resources_vpc_config, **given)
        subnet = self.ec2.get_subnet(resources_vpc_config["subnetIds"][0])
        group = self.ec2.create_security_group(
            f"eks-cluster-sg-{name}-{uuid.uuid4().int % 10**9}",
            "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
            vpc_id=subnet.vpc_id,
            tags={f"{CLUSTER_TAG}{name}": "owned", "aws:eks:cluster-name": name},
        )
        self.ec2.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
        cluster.resources_vpc_config = {
            **resources_vpc_config,
            "clusterSecurityGroupId": group.id,
            "vpcId": subnet.vpc_id,
        }
        network = {"serviceIpv4Cidr": SERVICE_CIDR, "ipFamily": "ipv4"}
        cluster.kubernetes_network_config = {**network, **(cluster.kubernetes_network_config or {})}
        cluster.endpoint = self.endpoint or cluster.endpoint
        if self.certificate:
            cluster.certificate_authority = {"data": base64.b64encode(self.certificate.read_bytes()).decode()}
        self._tell_closed()
        self._write_log(cluster)
        return cluster

    def _write_log(self, cluster: Any) -> None:
        """As EKS does it all the time: where the log has no group, its next line makes one, without a retention."""
        if any(setup.get("enabled") for setup in cluster.logging.get("clusterLogging") or ()):
            logs = logs_backends[self.account_id][self.region_name]
            logs.ensure_log_group(control_plane_log_group(cluster.name))

    def _tell_closed(self) -> None:
        """Before the caller hears of the cluster, so that nobody is let in for a moment."""
        if self.closed:
            names = [name for name, cluster in self.clusters.items() if _private(cluster.resources_vpc_config)]
            self.closed.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

    def update_cluster_config(self, name: str, resources_vpc_config: dict[str, Any], **given: Any) -> Any:
        had = self.describe_cluster(name).resources_vpc_config
        updated = super().update_cluster_config(name, {**had, **(resources_vpc_config or {})}, **given)
        self._tell_closed()
        self._write_log(updated)
        return updated

    def delete_cluster(self, name: str) -> Any:
        if getattr(self.describe_cluster(name), "deletion_protection", False):
            raise InvalidRequestException(clusterName=name, message="Deletion protection is enabled for this cluster")
        cluster = super().delete_cluster(name)
        self._write_log(cluster)
        self.ec2.delete_security_group(group_id=cluster.resources_vpc_config["clusterSecurityGroupId"])
        self.parts = {path: part for path, part in self.parts.items() if path[0] != name}
        self._tell_closed()
        return cluster

    # Node groups

    def create_nodegroup(self, cluster_name: str, node_role: str, nodegroup_name: str, **given: Any) -> Nodegroup:
        group = super().create_nodegroup(cluster_name, node_role, nodegroup_name, **given)
        try:
            self._create_nodes(group)
        except Exception:  # whatever moto raises: no group without its nodes, and the caller hears of it
            super().delete_nodegroup(cluster_name, nodegroup_name)
            raise
        self._judge(group)
        return group

    def _judge(self, group: Nodegroup) -> None:
        """A group whose first nodes cannot all be launched has failed, and stays so.

        Source: terraform-aws-modules/terraform-aws-eks#2149; aws/containers-roadmap#2204.
        """
        name = group.resources["autoScalingGroups"][0]["name"]
        nodes = self.autoscaling.autoscaling_groups[name]
        if len(nodes.instance_states) < nodes.desired_capacity:
            told = nodes.activities[0]["StatusMessage"]
            issue = {"code": "AsgInstanceLaunchFailures", "message": told, "resourceIds": [name]}
            group.status, group.health = FAILED, {"issues": [issue]}

    def _require_active(self, cluster_name: str, nodegroup_name: str) -> None:
        """Source: aws/containers-roadmap#2204."""
        if super().describe_nodegroup(cluster_name, nodegroup_name).status == FAILED:
            raise ResourceInUseException(
                clusterName=cluster_name,
                nodegroupName=nodegroup_name,
                message="Nodegroup cannot be updated as it is currently not in Active State",
            )

    def _create_nodes(self, group: Nodegroup) -> None:
        """As EKS does: a launch template with the image added to the user's, an auto scaling group with its tags."""
        name = group.resources["autoScalingGroups"][0]["name"]
        template = self.ec2.create_launch_template(name, "", self._template_data(group), {})
        sizes, spot = group.scaling_config, group.capacity_type == "SPOT"
        own = {"eks:cluster-name": group.cluster_name, NODE_GROUP_TAG: group.nodegroup_name}
        tags = {
            **own,
            f"{CLUSTER_TAG}{group.cluster_name}": "owned",
            AUTOSCALER_ENABLED_TAG: "true",
            autoscaler_cluster_tag(group.cluster_name): "owned",
        }
        self.autoscaling.create_auto_scaling_group(
            name=name,
            availability_zones=None,
            desired_capacity=sizes["desiredSize"],
            max_size=sizes["maxSize"],
            min_size=sizes["minSize"],
            launch_config_name=None,
            launch_template=None,
            vpc_zone_identifier=",".join(group.subnets),
            default_cooldown=None,
            health_check_period=15,
            health_check_type="EC2",
            load_balancers=[],
            target_group_arns=[],
            placement_group=None,
            termination_policies=[],
            tags=[{"Key": key, "Value": value, "PropagateAtLaunch": key in own} for key, value in tags.items()],
            capacity_rebalance=spot,
            mixed_instances_policy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template.id, "Version": "$Latest"},
                    "Overrides": [{"InstanceType": type_} for type_ in group.instance_types],
                },
                "InstancesDistribution": {
                    "OnDemandAllocationStrategy": "prioritized",
                    "OnDemandPercentageAboveBaseCapacity": 0 if spot else 100,
                    "SpotAllocationStrategy": "price-capacity-optimized",
                },
            },
        )

    def _template_data(self, group: Nodegroup) -> dict[str, Any]:
        given = group.launch_template or {}
        data = {}
        if given.get("id"):
            data = self.ec2.get_launch_template(given["id"]).get_version(given.get("version") or "$Default").data
        image = next(iter(self.ec2.describe_images(owners=["amazon"]))).id
        return {"ImageId": image, **data, "InstanceType": group.instance_types[0]}

    def describe_nodegroup(self, cluster_name: str, nodegroup_name: str) -> Nodegroup:
        """With the size that its auto scaling group has by now."""
        group = super().describe_nodegroup(cluster_name, nodegroup_name)
        nodes = self.autoscaling.autoscaling_groups.get(group.resources["autoScalingGroups"][0]["name"])
        if nodes is not None:
            group.scaling_config = {**group.scaling_config, "desiredSize": nodes.desired_capacity}
        return group

    def update_nodegroup_config(self, cluster_name: str, nodegroup_name: str, **given: Any) -> dict[str, Any]:
        self._require_active(cluster_name, nodegroup_name)
        answer = super().update_nodegroup_config(cluster_name, nodegroup_name, **given)
        if sizes := given.get("scaling_config"):
            group = super().describe_nodegroup(cluster_name, nodegroup_name)
            nodes = self.autoscaling.autoscaling_groups[group.resources["autoScalingGroups"][0]["name"]]
            nodes.min_size, nodes.max_size = group.scaling_config["minSize"], group.scaling_config["maxSize"]
            if "desiredSize" in sizes:
                self.autoscaling.set_desired_capacity(nodes.name, sizes["desiredSize"])
        return answer

    def update_nodegroup_version(
        self,
        cluster_name: str,
        nodegroup_name: str,
        version: str | None,
        launch_template: dict[str, str] | None,
        release_version: str | None = None,
    ) -> dict[str, Any]:
        self._require_active(cluster_name, nodegroup_name)
        group = super().describe_nodegroup(cluster_name, nodegroup_name)
        group.version = version or group.version
        group.release_version = release_version or group.release_version
        if launch_template:
            group.launch_template = {**(group.launch_template or {}), **launch_template}
            name = group.resources["autoScalingGroups"][0]["name"]
            self.ec2.get_launch_template_by_name(name).create_version(self._template_data(group), "")
        return done("VersionUpdate")

    def delete_nodegroup(self, cluster_name: str, nodegroup_name: str) -> Nodegroup:
        group = super().delete_nodegroup(cluster_name, nodegroup_name)
        name = group.resources["autoScalingGroups"][0]["name"]
        self.autoscaling.delete_auto_scaling_group(name)
        self.ec2.delete_launch_template(name, None)
        return group

    # Tags: moto has them for clusters alone

    def tagged(self, arn: str) -> Any:
        groups = [group for cluster in self.clusters.values() for group in cluster.nodegroups.values()]
        found = [item.tags for item in (*self.clusters.values(), *groups) if item.arn == arn]
        found += [part["tags"] for part in self.parts.values() if arn in part.values()]
        if not found:
            raise not_found(arn)
        return found[0]

    def tag_resource(self, resource_arn: str, tags: dict[str, str]) -> None:
        self.tagged(resource_arn).update(tags)

    def untag_resource(self, resource_arn: str, tag_keys: list[str]) -> None:
        held = self.tagged(resource_arn)
        for key in tag_keys if isinstance(tag_keys, list) else [tag_keys]:
            held.pop(key, None)

    def list_tags_for_resource(self, resource_arn: str) -> dict[str, str]:
        return self.tagged(resource_arn)

    # Parts of a cluster

    def add(self, path: tuple[str, ...], part: dict[str, Any]) -> dict[str, Any]:
        self.describe_cluster(path[0])
        if path in self.parts:
            raise ResourceInUseException(clusterName=path[0], message=f"{' '.join(path[1:])} exists already")
        now = utcnow()
        self.parts[path] = {"createdAt": now, "modifiedAt": now, "clusterName": path[0], "tags": {}, **part}
        return self.parts[path]

    def part(self, path: tuple[str, ...]) -> dict[str, Any]:
        if path not in self.parts:
            raise not_found(" ".join(path))
        return self.parts[path]

    def remove(self, path: tuple[str, ...]) -> dict[str, Any]:
        part = self.part(path)
        for below in [other for other in self.parts if other[: len(path)] == path]:
            del self.parts[below]
        return part

    def below(self, path: tuple[str, ...]) -> list[dict[str, Any]]:
        return [part for other, part in self.parts.items() if other[:-1] == path]


# moto finds a service's URLs beside its back end's module
LabEksBackend.__module__ = EKSBackend.__module__


def _private(network: dict[str, Any]) -> bool:
    return network.get("endpointPublicAccess") is False


def not_found(what: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(message=f"No resource found for {what}")


def done(kind: str) -> dict[str, Any]:
    """An update that is over at once."""
    return {
        "id": str(uuid.uuid4()),
        "status": "Successful",
        "type": kind,
        "params": [],
        "createdAt": utcnow(),
        "errors": [],
    }
