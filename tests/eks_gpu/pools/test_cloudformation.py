"""Groups and clusters in CloudFormation's words: those of a stack's template, and the native provider's."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.cloudformation import in_provider_terms
from eks_gpu.pools.clusters import clusters
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.readers import pools as read
from eks_gpu.pools.unread import unread
from tests.graphs import analysed, cluster, launch_template, resource, user_data

LAUNCH_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"


def pools(*resources: Resource) -> list[Pool]:
    return read(in_provider_terms(Graph(resources)), "us-west-2")


def stack(body: Any, name: str = "work-nodes", outputs: Any = None, **inputs: Any) -> Resource:
    text = body if isinstance(body, str) else json.dumps(body)
    given = {"name": name, "templateBody": text, **inputs}
    return resource("aws:cloudformation/stack:Stack", name, given, outputs={**given, "outputs": outputs or {}})


def launch_configuration(name: str = "work-lc", **inputs: Any) -> Resource:
    return resource(LAUNCH_CONFIGURATION, name, {"instanceType": "m5.4xlarge", "name": name, **inputs}, id_=name)


def template(properties: dict[str, Any], **others: Any) -> dict[str, Any]:
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": properties}
    return {"Resources": {"Nodes": group, **others}}


OWNED = {"Key": "kubernetes.io/cluster/shop", "Value": "owned", "PropagateAtLaunch": "true"}
SIZES = {"MinSize": 3, "MaxSize": "6", "DesiredCapacity": 4, "Tags": [OWNED]}
WITH_CONFIGURATION = {**SIZES, "LaunchConfigurationName": "work-lc", "VPCZoneIdentifier": ["subnet-a"]}
YAML = """
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Most: {Type: Number, Default: 6}
Outputs:
  Group:
    Value: !Ref Nodes
Resources:
  Nodes:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: 3
      MaxSize: !Ref Most
      DesiredCapacity: 4
      LaunchConfigurationName: !Sub work-lc
      VPCZoneIdentifier: [subnet-a]
      Tags:
      - {Key: !Sub 'kubernetes.io/cluster/shop', Value: owned, PropagateAtLaunch: 'true'}
"""


@pytest.mark.parametrize("body", [template(WITH_CONFIGURATION), YAML])
def test_a_group_of_a_template_is_a_pool_with_the_launch_configuration_of_the_stack(body):
    (found,) = pools(launch_configuration(), stack(body, outputs={"Group": "work-nodes-Nodes-1X"}))
    assert (found.backend, found.instance_types) == ("auto-scaling-group", ("m5.4xlarge",))
    assert (found.min_nodes, found.desired_nodes, found.max_nodes, found.subnets) == (3, 4, 6, 1)
    assert found.capacity_types == ("on-demand",)
    assert found.desired_is_ignored  # a template that does not change leaves the size alone


def test_a_group_has_the_name_that_an_output_tells_else_its_stacks():
    made = (launch_configuration(), stack(YAML, outputs={"Group": "work-nodes-Nodes-1X"}))
    assert [pool.name for pool in pools(*made)] == ["work-nodes-Nodes-1X"]
    assert [pool.name for pool in pools(launch_configuration(), stack(YAML))] == ["work-nodes"]


def test_a_group_of_pulumi_eks_is_called_as_its_program_calls_it():
    told = stack(YAML, outputs={"Group": "work-nodes-NodeGroup-1X"})
    within = told.urn.replace("::aws:cloudformation", "::eks:index:Cluster$eks:index:NodeGroup$aws:cloudformation")
    made = replace(told, urn=within)
    assert [pool.name for pool in pools(launch_configuration(), made)] == ["work"]
    other = replace(made, name="work-group")
    assert [pool.name for pool in pools(launch_configuration(), other)] == ["work-nodes-NodeGroup-1X"]


def test_a_policy_that_scales_a_group_of_a_template_names_it_as_aws_does():
    told = stack(YAML, outputs={"Group": "work-nodes-NodeGroup-1X"})
    made = replace(told, urn=told.urn.replace("::aws:cloudformation", "::eks:index:Cluster$aws:cloudformation"))
    policy = resource("aws:autoscaling/policy:Policy", "p", {"autoscalingGroupName": "work-nodes-NodeGroup-1X"})
    eks = cluster()

    def notes(*more: Resource) -> list[str]:
        kept = analysed(eks, launch_configuration(), made, *more).cost.idle.notes
        return [note for note in kept if note.startswith("nothing scales")]

    assert notes() == ["nothing scales pool work: it has its desired size, 4, at any load"]
    assert notes(policy) == []


def test_a_parameter_has_the_stacks_value_before_its_default():
    (found,) = pools(launch_configuration(), stack(YAML, parameters={"Most": "9"}))
    assert found.max_nodes == 9


def test_a_launch_configuration_is_read_like_a_launch_template():
    script = base64.b64encode(b"/etc/eks/bootstrap.sh shop --kubelet-extra-args '--node-labels=role=work'").decode()
    made = launch_configuration(
        userDataBase64=script,
        spotPrice="0.4",
        rootBlockDevice={"volumeSize": 80, "volumeType": "gp3", "encrypted": True},
        metadataOptions={"httpTokens": "required"},
    )
    (found,) = pools(made, stack(template(WITH_CONFIGURATION)))
    assert (found.cluster, found.labels, found.capacity_types) == ("shop", {"role": "work"}, ("spot",))
    assert found.imds_v2
    assert found.disks
    assert [(disk.gib, disk.volume_type, disk.encrypted) for disk in found.disks] == [(80, "gp3", True)]


def test_a_group_of_the_provider_may_have_a_launch_configuration_too():
    given = {"minSize": 1, "maxSize": 2, "launchConfiguration": "work-lc", "vpcZoneIdentifiers": ["subnet-a"]}
    given |= {"tags": [{"key": "kubernetes.io/cluster/shop", "value": "owned", "propagateAtLaunch": True}]}
    (found,) = pools(launch_configuration(), resource("aws:autoscaling/group:Group", "work", given))
    assert (found.instance_types, found.min_nodes, found.max_nodes) == (("m5.4xlarge",), 1, 2)


def test_a_template_may_bring_launch_template_and_configuration_itself():
    own = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "g5.xlarge"}}}
    body = template({**SIZES, "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Own"}, "Version": "1"}}, Own=own)
    assert [pool.instance_types for pool in pools(stack(body))] == [("g5.xlarge",)]
    old = {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {"InstanceType": "m5.large"}}
    body = template({**SIZES, "LaunchConfigurationName": {"Ref": "Old"}}, Old=old)
    assert [pool.instance_types for pool in pools(stack(body))] == [("m5.large",)]


def test_a_mixed_policy_and_a_node_group_of_a_template_are_read():
    policy = {
        "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0},
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-gpu"},
            "Overrides": [{"InstanceType": "g5.xlarge"}, {"InstanceType": "g6.xlarge"}],
        },
    }
    (found,) = pools(launch_template(), stack(template({**SIZES, "MixedInstancesPolicy": policy})))
    assert (found.instance_types, found.capacity_types) == (("g5.xlarge", "g6.xlarge"), ("spot",))
    assert [taint.key for taint in found.taints] == ["nvidia.com/gpu"]
    group = {"ClusterName": "shop", "Subnets": ["subnet-a"], "InstanceTypes": ["g5.xlarge"], "Labels": {"Team": "ml"}}
    group |= {"ScalingConfig": {"MinSize": 0, "MaxSize": 2}, "CapacityType": "SPOT"}
    body = {"Resources": {"Gpu": {"Type": "AWS::EKS::Nodegroup", "Properties": group}}}
    (found,) = pools(stack(body))
    assert (found.backend, found.max_nodes, found.labels) == ("managed-node-group", 2, {"Team": "ml"})


def test_groups_and_clusters_of_the_native_provider_are_read():
    cluster = {"name": "shop", "version": "1.35", "resourcesVpcConfig": {"subnetIds": ["subnet-a"]}}
    group = {"clusterName": "shop", "subnets": ["subnet-a"], "instanceTypes": ["g5.12xlarge"], "nodegroupName": "gpu"}
    group |= {"scalingConfig": {"minSize": 4, "desiredSize": 4, "maxSize": 8}, "taints": []}
    made = [
        resource("aws-native:eks:Cluster", "shop", cluster),
        resource("aws-native:eks:Nodegroup", "gpu-group", group),
        resource(
            "aws-native:ec2:LaunchTemplate",
            "lt",
            {"launchTemplateData": {"instanceType": "m5.large", "userData": user_data("role=x", "")}},
            id_="lt-1",
        ),
        resource(
            "aws-native:autoscaling:AutoScalingGroup",
            "work",
            {"minSize": "1", "maxSize": "3", "launchTemplate": {"launchTemplateId": "lt-1", "version": "1"}},
        ),
    ]
    first, second = pools(*made)
    assert (first.name, first.backend, first.cluster, first.instance_types) == (
        "gpu",
        "managed-node-group",
        "shop",
        ("g5.12xlarge",),
    )
    assert (first.min_nodes, first.desired_nodes, first.max_nodes, first.subnets) == (4, 4, 8, 1)
    assert (second.instance_types, second.min_nodes, second.max_nodes, second.labels) == (
        ("m5.large",),
        1,
        3,
        {"role": "x"},
    )
    (found,) = clusters(in_provider_terms(Graph(made)))
    assert (found.name, found.version, found.subnet_ids) == ("shop", "1.35", ("subnet-a",))
    assert unread(Graph(made)) == []


@pytest.mark.parametrize(
    ("type_", "classic"),
    [
        ("aws-native:eks:Addon", "aws:eks/addon:Addon"),
        ("aws-native:eks:AccessEntry", "aws:eks/accessEntry:AccessEntry"),
        ("aws-native:eks:PodIdentityAssociation", "aws:eks/podIdentityAssociation:PodIdentityAssociation"),
    ],
)
def test_what_has_the_same_properties_in_both_providers_is_the_same_resource(type_, classic):
    made = resource(type_, "one", {"clusterName": "shop"})
    (found,) = in_provider_terms(Graph([made]))
    assert (found.urn, found.type, found.inputs) == (made.urn, classic, {"clusterName": "shop"})


def test_a_graph_without_any_of_it_is_left_as_it_is():
    graph = Graph([launch_template()])
    assert in_provider_terms(graph) is graph


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (stack("", templateUrl="https://bucket/nodes.yaml"), "its template is in S3"),
        (stack(""), "its template is not known"),
        (stack("Resources: [" + "x"), "its template is not YAML"),
        (stack("Resources: 7"), "its template has no map of resources"),
        (stack("a: &a [1]\nResources: {b: *a}"), "its template is not one that CloudFormation takes"),
        (stack("Resources: {} #" + "x" * 51_200), "its template is not one that CloudFormation takes"),
        (stack(template(WITH_CONFIGURATION)), "the launch template of Nodes in its template is not in the stack"),
        (
            stack(template({**WITH_CONFIGURATION, "MaxSize": {"Ref": "Most"}})),
            "Nodes in its template needs parameter Most, which has no value here",
        ),
        (
            stack(template({**WITH_CONFIGURATION, "MaxSize": {"Fn::FindInMap": ["a", "b", "c"]}})),
            "Nodes in its template needs Fn::FindInMap",
        ),
        (
            stack({"Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack"}}}),
            "of Inner in its template the kind is not read",
        ),
    ],
    ids=lambda given: str(given)[-40:],
)
def test_a_stack_whose_groups_cannot_be_read_says_why(made, why):
    (row,) = unread(Graph([made]))
    assert (row.subject, row.what, row.why) == ("Stack work-nodes", "nodes", why)


@pytest.mark.parametrize(
    "body",
    [{"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Name": {"Fn::GetAtt": ["a", "b"]}}}}}, "{}"],
)
def test_a_stack_without_nodes_is_not_unread(body):
    assert unread(Graph([stack(body)])) == []


def test_a_stack_whose_groups_are_read_is_not_unread():
    assert unread(Graph([launch_configuration(), stack(YAML)])) == []
    mixed = stack(
        template({**SIZES, "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": [{"InstanceType": "m5.large"}]}}})
    )
    assert unread(Graph([mixed])) == []
