"""What belongs to a cluster, and what does not: answers in boto3's shapes, and the resources that come of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.live.account import AccountReader, Denied
from eks_gpu.live.aws.access import entries
from eks_gpu.live.aws.groups import groups
from eks_gpu.live.aws.interruption import queue_names
from eks_gpu.live.aws.network import network
from eks_gpu.live.aws.reading import Reading
from eks_gpu.pools.readers import pools as read_pools

GONE = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "DescribeNodegroup")
TEMPLATE = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "gpu"}


class Given:
    """Answers by operation; of one that is not among them, nothing."""

    def __init__(self, **answers: Any):
        self.answers = answers

    def client(self, service: str) -> None:
        """Nobody is asked."""

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        return self.ask(service, operation, **arguments).get(key, [])

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        given: Any = self.answers.get(operation, {})
        found: Any = given(arguments) if callable(given) else given
        if isinstance(found, Exception):
            raise found
        return found

    def action(self, service: str, operation: str) -> str:
        return f"{service}:{''.join(word.capitalize() for word in operation.split('_'))}"


def reading(**answers: Any) -> Reading:
    return Reading(cast("AccountReader", Given(**answers)), ThreadPoolExecutor(2))


def group(name: str, *, version: str = "1", tag: str = "kubernetes.io/cluster/demo", **more: Any) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": name,
        "MinSize": 0,
        "MaxSize": 4,
        "DesiredCapacity": 0,
        "LaunchTemplate": {**TEMPLATE, "Version": version},
        "Tags": [{"Key": tag, "Value": "owned", "PropagateAtLaunch": True}] if tag else [],
        **more,
    }


def version(arguments: Any) -> dict[str, Any]:
    """Version 1 starts g5.xlarge, version 2 g6.xlarge."""
    number = arguments["Versions"][0]
    data = {"InstanceType": {"1": "g5.xlarge", "2": "g6.xlarge"}[number], "UserData": "c2VjcmV0LXRva2Vu"}
    return {"LaunchTemplateVersions": [{**TEMPLATE, "LaunchTemplateData": data}]}


def read_groups(*rows: dict[str, Any], nodes: tuple[str, ...] = (), **answers: Any) -> list[Resource]:
    asked = {"describe_auto_scaling_groups": {"AutoScalingGroups": list(rows)}, **answers}
    return groups(reading(describe_launch_template_versions=version, **asked), "demo", nodes).resources


def names(resources: list[Resource], type_: str) -> list[str]:
    return [each.name for each in resources if each.type == type_]


def test_a_group_is_of_the_cluster_by_its_tags_or_by_a_node_of_its_own():
    found = read_groups(
        group("tagged"),
        group("discovered", tag="k8s.io/cluster-autoscaler/demo"),
        group("untagged", tag="", Instances=[{"InstanceId": "i-1"}]),
        group("elsewhere", tag="kubernetes.io/cluster/demo-2"),
        group("nobody", tag="", Instances=[{"InstanceId": "i-2"}]),
        group("managed", tag="eks:nodegroup-name", Instances=[{"InstanceId": "i-1"}]),
        nodes=("i-1",),
    )
    assert names(found, "aws:autoscaling/group:Group") == ["tagged", "discovered", "untagged"]


def test_each_group_has_the_version_of_the_template_that_it_names():
    found = read_groups(group("old", version="1"), group("new", version="2"))
    pools = {pool.name: pool.instance_types for pool in read_pools(Graph(found), "us-west-2")}
    assert pools == {"old": ("g5.xlarge",), "new": ("g6.xlarge",)}


def test_a_template_that_is_gone_leaves_no_group_with_guessed_types():
    asked = reading(
        describe_auto_scaling_groups={"AutoScalingGroups": [group("gpu")]},
        describe_launch_template_versions=ClientError({"Error": {"Code": "InvalidLaunchTemplateId.NotFound"}}, ""),
    )
    assert groups(asked, "demo", ()).resources == []
    assert [(row.what, row.subject) for row in asked.unread] == [("nodes", "Group gpu")]


def test_user_data_is_read_and_shown_to_nobody():
    template = next(each for each in read_groups(group("gpu")) if "LaunchTemplate" in each.type)
    assert template.inputs["userData"] == "c2VjcmV0LXRva2Vu"
    assert template.shown["userData"] == "[secret]"
    assert "c2VjcmV0" not in repr(template)


def test_a_managed_group_that_goes_meanwhile_is_not_there():
    asked = reading(list_nodegroups={"nodegroups": ["going"]}, describe_nodegroup=GONE)
    assert groups(asked, "demo", ()).resources == []
    assert asked.unread == []


def test_what_aws_refuses_is_a_row_with_the_action():
    asked = reading(list_nodegroups=Denied("eks:ListNodegroups"))
    groups(asked, "demo", ())
    assert [(row.what, row.why, row.how) for row in asked.unread] == [
        ("nodes", "AWS refuses eks:ListNodegroups", "allow eks:ListNodegroups")
    ]


def test_of_entries_that_are_half_known_none_is_told():
    asked = reading(
        list_access_entries={"accessEntries": ["arn:1"]}, describe_access_entry=Denied("eks:DescribeAccessEntry")
    )
    found = entries(asked, {"name": "demo", "accessConfig": {"authenticationMode": "API"}})
    assert (found.resources, found.complete) == ([], False)


def test_a_subnet_without_a_table_has_the_main_one():
    found = network(
        reading(
            describe_subnets={"Subnets": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-2"}]},
            describe_route_tables={
                "RouteTables": [
                    {"RouteTableId": "rtb-main", "Associations": [{"Main": True}]},
                    {"RouteTableId": "rtb-own", "Associations": [{"SubnetId": "subnet-2"}]},
                ]
            },
        ),
        "vpc-1",
    )
    links = [each.inputs for each in found if each.type == "aws:ec2/routeTableAssociation:RouteTableAssociation"]
    assert links == [
        {"subnetId": "subnet-1", "routeTableId": "rtb-main"},
        {"subnetId": "subnet-2", "routeTableId": "rtb-own"},
    ]


@pytest.mark.parametrize(
    ("tag", "counted"), [("team", True), ("elbv2.k8s.aws/cluster", False), ("kubernetes.io/cluster/demo", False)]
)
def test_a_balancer_that_a_controller_made_is_counted_with_its_service(tag, counted):
    row = {"LoadBalancerArn": "arn:1", "LoadBalancerName": "front", "Type": "network", "VpcId": "vpc-1"}
    told = {"TagDescriptions": [{"ResourceArn": "arn:1", "Tags": [{"Key": tag, "Value": "demo"}]}]}
    found = network(reading(describe_load_balancers={"LoadBalancers": [row]}, describe_tags=told), "vpc-1")
    assert names(found, "aws:lb/loadBalancer:LoadBalancer") == ["front"] * counted


def test_a_gateway_that_was_deleted_an_hour_ago_costs_nothing():
    rows = [{"NatGatewayId": "nat-1", "State": "deleted"}, {"NatGatewayId": "nat-2", "State": "available"}]
    found = network(reading(describe_nat_gateways={"NatGateways": rows}), "vpc-1")
    assert names(found, "aws:ec2/natGateway:NatGateway") == ["nat-2"]


def test_queues_are_those_that_a_policy_names_in_full():
    policy = '{"Statement": [{"Resource": ["arn:aws:sqs:us-west-2:1:notices", "arn:aws:sqs:eu-west-1:1:far", "*"]}]}'
    assert list(queue_names([policy], "1", "us-west-2")) == ["notices"]
