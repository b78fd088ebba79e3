"""The offline run: what it records, what it answers, what it refuses."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
import pytest

from eks_gpu.offline import source_lines
from eks_gpu.offline.recorder import DuplicateUrn
from tests.engine import run

SCALING: aws.eks.NodeGroupScalingConfigArgsDict = {"min_size": 0, "max_size": 1, "desired_size": 0}


def group(name: str = "a", **more: Any) -> aws.eks.NodeGroup:
    return aws.eks.NodeGroup(
        name, cluster_name="c", node_role_arn="r", subnet_ids=["s"], scaling_config=SCALING, **more
    )


def test_a_registration_keeps_parent_dependencies_and_options():
    class Component(pulumi.ComponentResource):
        def __init__(self):
            super().__init__("test:index:Component", "component")
            template = aws.ec2.LaunchTemplate("template", opts=pulumi.ResourceOptions(parent=self))
            opts = pulumi.ResourceOptions(parent=self, protect=True, ignore_changes=["scalingConfig.desiredSize"])
            group("child", launch_template={"id": template.id, "version": "1"}, opts=opts)
            self.register_outputs({"done": True})

    ran = run(Component)

    child = ran.under("component")["child"]
    chain = "test:index:Component$aws:eks/nodeGroup:NodeGroup"
    assert child.urn == f"urn:pulumi:dev::project::{chain}::child"
    assert child.options == {"protect": True, "ignoreChanges": ["scalingConfig.desiredSize"], "version": "7.51.1"}
    template = ran.one("aws:ec2/launchTemplate:LaunchTemplate")
    assert child.property_dependencies["launchTemplate"] == {template.urn}
    assert ran.one("test:index:Component").outputs["done"] is True


def test_the_line_of_a_registration_is_the_one_that_the_sdk_tells(monkeypatch):
    sdks_own, told = sys.modules["pulumi.runtime.resource"]._get_stack_trace, []
    ours = source_lines._trace

    def both():
        told.append((sdks_own().frames[0].pc, ours().frames[0].pc))
        return ours()

    class Component(pulumi.ComponentResource):
        def __init__(self):
            super().__init__("test:index:Component", "component")
            group("child", opts=pulumi.ResourceOptions(parent=self))

    def program():
        Component()
        exec("group('text')", {"group": lambda name: group(name)})
        pulumi.ProviderResource("aws", "provider", {})

    monkeypatch.setattr(source_lines, "_trace", both)
    run(program)

    assert [theirs for theirs, _ in told] == [ours for _, ours in told]
    assert len({ours.line for _, ours in told}) == 4  # the stack has one of its own
    assert all(ours.uri == Path(__file__).as_uri() for _, ours in told[1:])


def test_whole_numbers_arrive_as_integers():
    assert repr(run(group).one("aws:eks/nodeGroup:NodeGroup").inputs["scalingConfig"]["maxSize"]) == "1"


def test_a_secret_is_read_and_never_shown():
    def program():
        made = group(labels={"token": pulumi.Output.secret("hunter2")}, disk_size=pulumi.Output.secret(50))
        pulumi.export("labels", made.labels)

    ran = run(program)

    recorded = ran.one("aws:eks/nodeGroup:NodeGroup")
    assert (recorded.inputs["labels"], recorded.inputs["diskSize"]) == ({"token": "hunter2"}, 50)
    assert (recorded.shown["labels"], recorded.shown["diskSize"]) == ({"token": "[secret]"}, "[secret]")
    assert ran.exports == {"labels": {"token": "[secret]"}}
    assert "hunter2" not in f"{recorded} {ran.exports}"


def test_an_error_in_an_apply_that_nobody_waits_for_surfaces():
    with pytest.raises(ZeroDivisionError):
        run(lambda: group().arn.apply(lambda _: 1 / 0))


def test_two_resources_of_one_name_are_refused_with_the_urn():
    with pytest.raises(DuplicateUrn, match="NodeGroup::a: give one of them another name"):
        run(lambda: (group(), group()))


def test_resources_made_inside_an_apply_are_missing_from_a_preview():
    def program():
        group().arn.apply(lambda arn: aws.sns.Topic("topic", display_name=arn))

    extra = run(program).urns() - run(program, preview=True).urns()
    assert extra == {"urn:pulumi:dev::project::aws:sns/topic:Topic::topic"}


def test_configuration_does_not_leak_into_the_next_run():
    seen = []
    for value in ("1", None):
        config = {"project:k": value} if value else {}
        run(lambda: seen.append(pulumi.Config("project").get("k")), config=config)
    assert seen == ["1", None]


def test_an_async_program_runs_to_its_end():
    async def main():
        return {"group": await group().cluster_name.future()}

    assert run(lambda: pulumi.run(main)).exports == {"group": "c"}


def test_zones_are_answered_from_the_catalog():
    seen = []
    run(lambda: seen.append(aws.get_availability_zones(state="available").names))
    assert seen == [["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"]]


def test_a_look_up_that_only_an_account_can_answer_names_its_token_and_the_file():
    (row,) = run(lambda: aws.ec2.get_ami(owners=["self"])).graph.unread
    assert row.subject == 'the function aws:ec2/getAmi:getAmi(owners=["self"])'
    assert 'in plan-answers.yaml beside Pulumi.yaml, under the key "aws:ec2/getAmi:getAmi"' in row.how


def test_a_given_answer_stands_for_the_account():
    seen = []
    given = {"aws:ec2/getAmi:getAmi": {"id": "ami-1", "imageId": "ami-1"}}
    run(lambda: seen.append(aws.ec2.get_ami(owners=["self"]).image_id), given=given)
    assert seen == ["ami-1"]


def test_another_stack_is_read_from_the_given_answers():
    def program():
        pulumi.export("vpc", pulumi.StackReference("org/network/dev").get_output("vpc"))

    assert run(program, given={"stack org/network/dev": {"vpc": "vpc-1"}}).exports == {"vpc": "vpc-1"}
    ran = run(program)
    assert ran.exports == {}
    assert [row.subject for row in ran.graph.unread] == ["the outputs of stack org/network/dev"]


def test_a_policy_document_is_built_as_the_provider_builds_it():
    seen = []

    def program():
        document = aws.iam.get_policy_document(
            statements=[
                {
                    "sid": "Trust",
                    "actions": ["sts:AssumeRole", "sts:TagSession"],
                    "principals": [{"type": "Service", "identifiers": ["pods.eks.amazonaws.com"]}],
                    "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]}],
                }
            ]
        )
        seen.append(document.json)

    run(program)
    assert seen == [
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Sid": "Trust", '
        '"Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"Service": "pods.eks.amazonaws.com"}, '
        '"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}]}'
    ]


def test_a_policy_that_is_a_map_is_handed_back_as_json():
    trust: Any = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}

    def program():
        role = aws.iam.Role("nodes", assume_role_policy=trust, tags={"a": "b"})
        pulumi.export("policy", role.assume_role_policy)
        pulumi.export("tags", role.tags)

    ran = run(program)

    assert json.loads(ran.exports["policy"]) == trust
    assert ran.exports["tags"] == {"a": "b"}


def test_no_callback_runs_on_an_output_that_nobody_knows():
    seen = []

    def program():
        net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        net.main_route_table_id.apply(seen.append)
        net.cidr_block.apply(seen.append)
        pulumi.Output.all(net.arn, net.owner_id).apply(seen.append)

    ran = run(program)
    assert seen == ["10.0.0.0/16"]
    assert ran.one("aws:ec2/vpc:Vpc").wanted == ("mainRouteTableId", "ownerId")


def test_an_output_that_somebody_has_told_is_known():
    seen = []
    given = {"resources": {"aws:ec2/vpc:Vpc": {"net": {"id": "vpc-1", "mainRouteTableId": "rtb-1"}}}}

    def program():
        net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        pulumi.Output.all(net.id, net.main_route_table_id).apply(seen.append)

    run(program, given=given)
    assert seen == [["vpc-1", "rtb-1"]]


def test_an_unknown_input_is_absent_and_its_path_is_told():
    def program():
        net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        group(
            labels={"owner": net.owner_id, "team": "a"},
            launch_template={"id": "lt-1", "version": net.main_route_table_id},
            capacity_type=net.default_security_group_id,
        )

    made = run(program).one("aws:eks/nodeGroup:NodeGroup")
    assert made.inputs["labels"] == {"team": "a"}
    assert "capacityType" not in made.inputs
    assert made.unknown == ("capacityType", "labels.owner", "launchTemplate.version")


def test_a_name_that_is_unknown_is_unknown_as_an_output_too():
    seen = []

    def program():
        queue = aws.sqs.Queue("queue", name=aws.ec2.Vpc("net").owner_id)
        queue.name.apply(seen.append)
        queue.delay_seconds.apply(seen.append)
        aws.ec2.Vpc.get("other", aws.ec2.Vpc("third").owner_id).id.apply(seen.append)

    ran = run(program)
    assert seen == []
    assert ran.one("aws:sqs/queue:Queue").wanted == ("delaySeconds", "name")


def test_no_input_is_handed_back_as_an_output_of_another_type():
    seen = []

    def program():
        policy: Any = {"Version": "2012-10-17", "Statement": []}
        role = aws.iam.Role("role", assume_role_policy=policy)
        role.assume_role_policy.apply(seen.append)

    run(program)
    assert seen == ['{"Statement": [], "Version": "2012-10-17"}']


def test_a_remote_component_hands_out_what_its_provider_says_and_not_its_inputs():
    seen = []

    class Remote(pulumi.ComponentResource):
        zones: pulumi.Output[list[str]]

        def __init__(self):
            super().__init__("some:index:Remote", "remote", {"zones": {"count": 2}}, None, True)

    run(lambda: Remote().zones.apply(seen.append))
    assert seen == []


def test_a_program_sees_a_preview():
    seen = []
    run(lambda: seen.append(pulumi.runtime.is_dry_run()))
    assert seen == [True]


def test_an_answer_that_the_sdk_cannot_take_ends_the_run():
    started = time.monotonic()
    with pytest.raises(AssertionError, match="Unexpected type"):
        run(lambda: pulumi.StackReference("net").get_output("vpc"), given={"stack net": [1]})
    assert time.monotonic() - started < 60


def test_the_remote_cluster_hands_out_its_cluster_and_kubeconfig():
    def program():
        cluster = eks.Cluster("c", name="dev", version="1.35", vpc_id="vpc-1", skip_default_security_groups=True)
        pulumi.export("name", cluster.eks_cluster.name)
        pulumi.export("group", cluster.eks_cluster.vpc_config.cluster_security_group_id)
        pulumi.export("same", cluster.cluster_security_group_id)
        pulumi.export("issuer", cluster.oidc_provider_url)
        provider = k8s.Provider("k8s", kubeconfig=cluster.kubeconfig_json)
        k8s.core.v1.Namespace("ns", opts=pulumi.ResourceOptions(provider=provider))

    ran = run(program)

    assert ran.exports["name"] == "dev"
    assert ran.exports["group"] == ran.exports["same"]
    assert ran.exports["issuer"].startswith("https://oidc.eks.us-west-2.amazonaws.com/id/")
    assert ran.one("kubernetes:core/v1:Namespace").provider.startswith(
        "urn:pulumi:dev::project::pulumi:providers:kubernetes::k8s::"
    )


NAMESPACE_AND_POOL = """
apiVersion: v1
kind: Namespace
metadata: {name: gpu}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec: {}
"""


def test_a_group_of_yaml_registers_its_objects():
    ran = run(lambda: k8s.yaml.ConfigGroup("group", yaml=[NAMESPACE_AND_POOL]))
    assert {resource.type for resource in ran.graph if resource.custom} == {
        "kubernetes:core/v1:Namespace",
        "kubernetes:karpenter.sh/v1:NodePool",
    }


def test_the_log_holds_what_the_program_says_and_nothing_of_the_sdk():
    assert run(lambda: (pulumi.log.warn("mind the gap"), group())).log == [("warning", "mind the gap")]


def test_the_order_of_registrations_is_the_same_in_every_run():
    def program():
        for name in "cab":
            group(name)

    assert [resource.name for resource in run(program).graph] == ["a", "b", "c"]
