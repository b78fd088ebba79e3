"""EKS and Auto Scaling: clusters, what belongs to them, and their nodes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from eks_gpu.lab.aws import sources as say
from eks_gpu.lab.aws.row import Row, call


def node_group_failure(found: Mapping[str, Any]) -> str:
    """In the words of the provider. Source: hashicorp/terraform-provider-aws#39904."""
    if found.get("status") != "CREATE_FAILED":
        return ""
    issues = [
        f"{', '.join(each['resourceIds'])}: {each['code']}: {each['message']}" for each in found["health"]["issues"]
    ]
    name = f"{found['clusterName']}:{found['nodegroupName']}"
    return (
        f"waiting for EKS Node Group ({name}) create: unexpected state 'CREATE_FAILED', wanted target 'ACTIVE'. "
        f"last error: {'; '.join(issues)}"
    )


EKS = partial(
    Row,
    "eks",
    tag=call("tag_resource", resourceArn="arn"),
    untag=call("untag_resource", resourceArn="arn", tagKeys=say.removed_keys("tags")),
)

EKS_ROWS = {
    "aws:eks/cluster:Cluster": EKS(
        call("create_cluster"),
        "{name}",
        delete=call("delete_cluster"),
        read=call("describe_cluster"),
        found="cluster",
        update=(call("update_cluster_version"), call("update_cluster_config")),
        sources={"resourcesVpcConfig": "vpcConfig", "logging": say.log_types, "identity": "identities"},
        named="name",
        quiet=frozenset({"defaultAddonsToRemoves"}),
    ),
    "aws:eks/nodeGroup:NodeGroup": EKS(
        call("create_nodegroup"),
        "{clusterName}:{nodeGroupName}",
        delete=call("delete_nodegroup"),
        read=call("describe_nodegroup"),
        found="nodegroup",
        update=(
            call("update_nodegroup_version"),
            call("update_nodegroup_config", labels=say.label_changes, taints=say.taint_changes),
        ),
        sources={"nodeRole": "nodeRoleArn", "subnets": "subnetIds"},
        outputs={"arn": "{nodegroupArn}"},
        named="nodeGroupName",
        failure=node_group_failure,
    ),
    "aws:eks/addon:Addon": EKS(
        call("create_addon", resolveConflicts="resolveConflictsOnCreate"),
        "{clusterName}:{addonName}",
        delete=call("delete_addon"),
        read=call("describe_addon"),
        found="addon",
        update=(call("update_addon", resolveConflicts="resolveConflictsOnUpdate"),),
        quiet=frozenset({"preserve", "resolveConflictsOnCreate", "resolveConflictsOnUpdate"}),
    ),
    "aws:eks/accessEntry:AccessEntry": EKS(
        call("create_access_entry"),
        "{clusterName}:{principalArn}",
        delete=call("delete_access_entry"),
        read=call("describe_access_entry"),
        found="accessEntry",
        update=(call("update_access_entry"),),
        sources={"username": "userName"},
        outputs={"accessEntryArn": "{accessEntryArn}"},
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Row(
        "eks",
        call("associate_access_policy"),
        "{clusterName}#{principalArn}#{policyArn}",
        delete=call("disassociate_access_policy"),
        read=call("list_associated_access_policies"),
        found="associatedAccessPolicies[?policyArn=='{policyArn}'] | [0]",
        update=(call("associate_access_policy", whole=True),),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": EKS(
        call("create_pod_identity_association"),
        "association.associationId",
        delete=call("delete_pod_identity_association", associationId="id"),
        read=call("describe_pod_identity_association", associationId="id"),
        found="association",
        update=(call("update_pod_identity_association", associationId="id"),),
    ),
    "aws:autoscaling/group:Group": Row(
        "autoscaling",
        call("create_auto_scaling_group", Tags=say.group_tags),
        "{name}",
        delete=call("delete_auto_scaling_group", ForceDelete=lambda new, _: True),
        read=call("describe_auto_scaling_groups", AutoScalingGroupNames="name"),
        found="AutoScalingGroups[].merge(@, {{SuspendedProcesses: SuspendedProcesses[].ProcessName}}) | [0]",
        after=(
            call("suspend_processes", ScalingProcesses=say.added("suspendedProcesses")),
            call("resume_processes", ScalingProcesses=say.removed("suspendedProcesses")),
        ),
        update=(
            # moto forgets the policy on an update that does not say it
            call("update_auto_scaling_group", always=("MixedInstancesPolicy",)),
            call("create_or_update_tags", Tags=say.group_tags),
            call("delete_tags", Tags=say.removed_group_tags),
        ),
        sources={
            "AutoScalingGroupName": "name",
            "VPCZoneIdentifier": say.joined("vpcZoneIdentifiers"),
            "NewInstancesProtectedFromScaleIn": "protectFromScaleIn",
        },
        outputs={"arn": "{AutoScalingGroupARN}"},
        named="name",
        quiet=frozenset({"forceDelete", "waitForCapacityTimeout", "ignoreFailedScalingActivities"}),
    ),
    "aws:autoscaling/lifecycleHook:LifecycleHook": Row(
        "autoscaling",
        call("put_lifecycle_hook"),
        "{name}",
        delete=call("delete_lifecycle_hook"),
        read=call("describe_lifecycle_hooks", LifecycleHookNames="name"),
        found="LifecycleHooks[0]",
        update=(call("put_lifecycle_hook", whole=True),),
        sources={"AutoScalingGroupName": "autoscalingGroupName", "LifecycleHookName": "name"},
        named="name",
    ),
    "aws:autoscaling/tag:Tag": Row(
        "autoscaling",
        call("create_or_update_tags", Tags=say.one_group_tag),
        "{autoscalingGroupName},{tag[key]}",
        delete=call("delete_tags", Tags=say.one_group_tag),
        read=call("describe_tags", Filters=say.group_tag_filters),
        found="Tags[0].{{tag: @}}",
        update=(call("create_or_update_tags", Tags=say.one_group_tag, whole=True),),
    ),
}
