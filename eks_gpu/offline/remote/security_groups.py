"""The pair of security groups of pulumi-eks: the control plane's own, and that of self-managed nodes."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.wire import clear, part
from eks_gpu_components.catalog import CLUSTER_TAG

GROUP, RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
ALL = {"fromPort": 0, "toPort": 0, "protocol": "-1"}


def cluster_security_group(it: Construction, vpc_id: Any) -> Made:
    """The group of the control plane, which may open connections to anywhere."""
    name = f"{it.name}-eksClusterSecurityGroup"
    tags = {"Name": name, **part(it.inputs, "clusterSecurityGroupTags"), **part(it.inputs, "tags")}
    group = it.make(GROUP, name, {"vpcId": vpc_id, "revokeRulesOnDelete": True, "tags": tags})
    rule = {"description": "Allow internet access.", "type": "egress", **ALL, "cidrBlocks": ["0.0.0.0/0"]}
    inputs = {**rule, "securityGroupId": group.id}
    it.make(RULE, f"{it.name}-eksClusterInternetEgressRule", inputs, needs=[group])
    return group


def node_security_group(
    it: Construction, cluster_name: Any, cluster_group_id: Any, vpc_id: Any, tags: Mapping[str, Any]
) -> tuple[Made, Made]:
    """The group of nodes, and the rule that lets them call the Kubernetes API."""
    name = f"{it.name}-nodeSecurityGroup"
    own = {"Name": name, f"{CLUSTER_TAG}{clear(cluster_name)}": "owned"}
    group = it.make(GROUP, name, {"vpcId": vpc_id, "revokeRulesOnDelete": True, "tags": {**own, **tags}})

    def rule(suffix: str, inputs: Properties) -> Made:
        return it.make(RULE, f"{it.name}-{suffix}", {"securityGroupId": group.id, **inputs}, needs=[group])

    rule(
        "eksNodeIngressRule",
        {"description": "Allow nodes to communicate with each other", "type": "ingress", **ALL, "self": True},
    )
    from_cluster = {"type": "ingress", "protocol": "tcp", "sourceSecurityGroupId": cluster_group_id}
    rule(
        "eksNodeClusterIngressRule",
        {
            "description": "Allow worker Kubelets and pods to receive communication from the cluster control plane",
            "fromPort": 1025,
            "toPort": 65535,
            **from_cluster,
        },
    )
    rule(
        "eksExtApiServerClusterIngressRule",
        {
            "description": "Allow pods running extension API servers on port 443 to receive communication from "
            "cluster control plane",
            "fromPort": 443,
            "toPort": 443,
            **from_cluster,
        },
    )
    rule(
        "eksNodeInternetEgressRule",
        {"description": "Allow internet access.", "type": "egress", **ALL, "cidrBlocks": ["0.0.0.0/0"]},
    )
    ingress = rule(
        "eksClusterIngressRule",
        {
            "description": "Allow pods to communicate with the cluster API Server",
            "type": "ingress",
            "fromPort": 443,
            "toPort": 443,
            "protocol": "tcp",
            "securityGroupId": cluster_group_id,
            "sourceSecurityGroupId": group.id,
        },
    )
    return group, ingress


def node_group_security_group(it: Construction) -> Properties:
    """`eks.NodeGroupSecurityGroup`: the group of nodes alone."""
    cluster, of_cluster = it.inputs.get("eksCluster"), it.inputs.get("clusterSecurityGroup")
    group, rule = node_security_group(
        it,
        it.property_of(cluster, "name"),
        it.property_of(of_cluster, "id"),
        it.inputs.get("vpcId"),
        part(it.inputs, "tags"),
    )
    return {"securityGroup": group.reference, "securityGroupRule": rule.reference}
