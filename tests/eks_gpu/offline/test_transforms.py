"""Transforms: what a program changes of its resources and look-ups before the engine sees them."""

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pytest

from tests.engine import run

VPC, TOPIC = "aws:ec2/vpc:Vpc", "aws:sns/topic:Topic"


def tagged(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if not args.type_.startswith("aws:"):
        return None
    return pulumi.ResourceTransformResult({**args.props, "tags": {"owner": args.name}}, args.opts)


def test_a_transform_of_the_stack_reaches_every_resource_and_what_components_are_made_of():
    def program():
        pulumi.runtime.register_resource_transform(tagged)
        aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        eks.Cluster("c", skip_default_node_group=True)

    ran = run(program)

    assert ran.one(VPC).inputs["tags"] == {"owner": "net"}
    assert ran.one("aws:eks/cluster:Cluster").inputs["tags"] == {"owner": "c-eksCluster"}


def test_a_transform_of_a_resource_reaches_its_children_and_no_others():
    def program():
        parent = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(transforms=[tagged]))
        aws.sns.Topic("child", opts=pulumi.ResourceOptions(parent=parent))
        aws.sns.Topic("other")

    ran = run(program)

    assert ran.one(VPC).inputs["tags"] == {"owner": "net"}
    assert ran.one(TOPIC, "child").inputs["tags"] == {"owner": "child"}
    assert "tags" not in ran.one(TOPIC, "other").inputs


def test_a_transform_changes_options_too_and_its_answer_reaches_the_program():
    def program():
        def protected(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
            options = pulumi.ResourceOptions.merge(
                args.opts, pulumi.ResourceOptions(protect=True, ignore_changes=["tags"])
            )
            return pulumi.ResourceTransformResult({**args.props, "displayName": "mine"}, options)

        made = aws.sns.Topic("t", display_name="yours", opts=pulumi.ResourceOptions(transforms=[protected]))
        pulumi.export("name", made.display_name)

    ran = run(program)

    options = ran.one(TOPIC).options
    assert ran.exports["name"] == "mine"
    assert options["protect"] is True
    assert options["ignoreChanges"] == ["tags"]


def test_a_transform_of_look_ups_changes_what_is_asked():
    seen = []

    def program():
        def without_a(args: pulumi.InvokeTransformArgs) -> pulumi.InvokeTransformResult:
            return pulumi.InvokeTransformResult({**args.args, "excludeNames": ["us-west-2a"]}, args.opts)

        pulumi.runtime.register_invoke_transform(without_a)
        aws.get_availability_zones_output().names.apply(seen.append)

    run(program)

    assert seen == [["us-west-2b", "us-west-2c", "us-west-2d"]]


def test_an_error_in_a_transform_is_the_programs_error():
    def program():
        def broken(args: pulumi.ResourceTransformArgs) -> None:
            raise ValueError(f"no name for {args.name}")

        pulumi.runtime.register_resource_transform(broken)
        aws.sns.Topic("t")

    with pytest.raises(Exception, match="no name for t"):
        run(program)
