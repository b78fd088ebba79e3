"""Permissions are missing: what policies, boundaries and trusts keep from controllers and nodes."""

import json
from collections.abc import Callable
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, JSON, Edit, Operator, With, Without, swapped, to
from .programs import Program

_ROLE, _INLINE = ["aws:iam/role:Role"], ["aws:iam/rolePolicy:RolePolicy"]
_IDENTITY = ["aws:eks/podIdentityAssociation:PodIdentityAssociation"]
_STATEMENTS = ("policy", JSON, "Statement", EACH)
_REFUSED, _MISSING = "AWS refuses what the controller asks for", "no node ever comes"
_CONTROLLERS = ("karpenter", "cluster-autoscaler", "aws-load-balancer-controller", "node-termination-handler")
_TELLING = {
    "karpenter": "ec2:RunInstances",
    "cluster-autoscaler": "autoscaling:SetDesiredCapacity",
    "aws-load-balancer-controller": "elasticloadbalancing:CreateLoadBalancer",
    "node-termination-handler": "sqs:ReceiveMessage",
}
_ANOTHER_ROLE = "arn:aws:iam::123456789012:role/other"
_DENIES_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


def _of_controller(resource: Resource, program: Program) -> bool:
    return resource.name in _CONTROLLERS


def _of_nodes(resource: Resource, program: Program) -> bool:
    """A role that nodes run as."""
    return "ec2.amazonaws.com" in str(resource.inputs.get("assumeRolePolicy"))


def _main(resource: Resource, program: Program) -> bool:
    """A controller's policy with the actions that tell it."""
    return any(resource.name.startswith(name) and action in str(resource.inputs) for name, action in _TELLING.items())


def _with_statement(**statement: Any) -> Callable[[Any], Any]:
    return lambda text: text.replace('"Statement": [', f'"Statement": [{json.dumps(statement)}, ', 1).replace(
        '"Statement":[', f'"Statement":[{json.dumps(statement)},', 1
    )


def _deny(actions: Any, **more: Any) -> Callable[[Any], Any]:
    return _with_statement(Effect="Deny", Action=actions, **{"Resource": "*", **more})


def _deny_policy(role: str, actions: Any) -> Resource:
    type_ = _INLINE[0]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": actions, "Resource": "*"}]}
    inputs = {"role": role, "policy": json.dumps(document)}
    return Resource(f"urn:pulumi:mutant::mutants::{type_}::deny", type_, "deny", id="deny", inputs=inputs)


def _has_role(name: str) -> Callable[[Program], bool]:
    return lambda program: any(role.name == name for role in program.graph.of(_ROLE[0]))


def _makes_nodes(resource: Resource, program: Program) -> bool:
    return resource.name.startswith("karpenter") and "iam:PassRole" in str(resource.inputs)


def _makes_instances(resource: Resource, program: Program) -> bool:
    return resource.name.startswith("karpenter") and "ec2:RunInstances" in str(resource.inputs)


def _scales(resource: Resource, program: Program) -> bool:
    return resource.name == "cluster-autoscaler"


def _allowing(action: str, **changes: Any) -> Callable[[Any], Any]:
    def changed(statement: dict[str, Any]) -> dict[str, Any]:
        return {**statement, **changes} if action in str(statement.get("Action")) else statement

    return changed


def _trusting(service: str, instead: str) -> Callable[[Any], Any]:
    return swapped(f'"{service}"', f'"{instead}"')


def _trusting_if(**condition: Any) -> Callable[[Any], Any]:
    return lambda statement: {**statement, "Condition": condition}


OPERATORS: tuple[Operator, ...] = (
    # What controllers may do.
    Edit("a policy denies all", _REFUSED, _INLINE, ("policy",), _deny("*"), _main),
    Edit("a policy denies EC2", _REFUSED, _INLINE, ("policy",), _deny("ec2:*"), _makes_instances),
    Edit("a policy denies instances", _REFUSED, _INLINE, ("policy",), _deny(["ec2:RunInstances"]), _makes_instances),
    Edit(
        "a policy denies all but reading",
        _REFUSED,
        _INLINE,
        ("policy",),
        _with_statement(Effect="Deny", NotAction=["ec2:Describe*", "iam:Get*"], Resource="*"),
        _makes_instances,
    ),
    Edit(
        "a policy denies all resources but one",
        _REFUSED,
        _INLINE,
        ("policy",),
        _with_statement(Effect="Deny", Action="ec2:RunInstances", NotResource="arn:aws:s3:::nothing"),
        _makes_instances,
    ),
    Edit(
        "a policy denies what carries the cluster's tag",
        _REFUSED,
        _INLINE,
        ("policy",),
        lambda text: _deny("ec2:*", Condition={"StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"}})(text),
        _makes_instances,
    ),
    Edit(
        "a policy denies other regions, and means this one",
        _REFUSED,
        _INLINE,
        ("policy",),
        _deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}),
        _main,
    ),
    Edit("a policy denies scaling", _REFUSED, _INLINE, ("policy",), _deny("autoscaling:Set*"), _scales),
    *(
        With(
            f"another policy of {name} denies what it does",
            _REFUSED,
            _deny_policy(name, f"{service}:*"),
            _has_role(name),
        )
        for name, service in (
            ("karpenter", "ec2"),
            ("cluster-autoscaler", "autoscaling"),
            ("aws-load-balancer-controller", "elasticloadbalancing"),
            ("node-termination-handler", "sqs"),
        )
    ),
    With(
        "another policy denies to pass roles",
        _REFUSED,
        _deny_policy("karpenter", "iam:PassRole"),
        _has_role("karpenter"),
    ),
    With(
        "a policy of the nodes denies them to join",
        "nodes never join",
        _deny_policy("karpenter-node-role", ["eks:DescribeCluster", "ec2:Describe*"]),
        _has_role("karpenter-node-role"),
    ),
    With(
        "a policy of the nodes denies them images",
        "nodes pull no image",
        _deny_policy("karpenter-node-role", "ecr:*"),
        _has_role("karpenter-node-role"),
    ),
    Edit(
        "a boundary without a right",
        _REFUSED,
        _ROLE,
        ("permissionsBoundary",),
        to("arn:aws:iam::aws:policy/ReadOnlyAccess"),
        _of_controller,
    ),
    Edit(
        "a boundary that denies all",
        _REFUSED,
        _ROLE,
        ("permissionsBoundary",),
        to("arn:aws:iam::aws:policy/AWSDenyAll"),
        _of_controller,
    ),
    Edit(
        "an inline policy of the role denies all",
        _REFUSED,
        _ROLE,
        ("inlinePolicies",),
        to([{"name": "no", "policy": _DENIES_ALL}]),
        _of_controller,
    ),
    Edit(
        "a role is passed that nodes do not have",
        _REFUSED,
        _INLINE,
        _STATEMENTS,
        _allowing("iam:PassRole", Resource=_ANOTHER_ROLE),
        _makes_nodes,
    ),
    Edit(
        "a role is passed to another service",
        _REFUSED,
        _INLINE,
        _STATEMENTS,
        _allowing("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        _makes_nodes,
    ),
    Edit(
        "instances of one subnet elsewhere",
        _REFUSED,
        _INLINE,
        (*_STATEMENTS, "Resource"),
        lambda arns: (
            [arn.replace("subnet/*", "subnet/subnet-elsewhere") for arn in arns] if isinstance(arns, list) else arns
        ),
        _makes_instances,
    ),
    Edit(
        "a condition on another account's name of the pool",
        _REFUSED,
        _INLINE,
        (*_STATEMENTS, "Condition", "StringLike"),
        lambda keys: dict.fromkeys(keys, "elsewhere-*"),
        _makes_instances,
    ),
    Edit(
        "a condition with another value",
        _REFUSED,
        _INLINE,
        (*_STATEMENTS, "Condition", "StringEquals"),
        lambda keys: {key: "shared" if value == "owned" else value for key, value in keys.items()},
        _makes_instances,
    ),
    Edit(
        "the autoscaler scales what has another tag",
        _REFUSED,
        _INLINE,
        (*_STATEMENTS, "Condition", "StringEquals"),
        lambda keys: dict.fromkeys(keys, "shared"),
        _scales,
    ),
    Edit(
        "the autoscaler scales groups of another name",
        _REFUSED,
        _INLINE,
        _STATEMENTS,
        _allowing(
            "autoscaling:SetDesiredCapacity",
            Resource="arn:aws:autoscaling:us-west-2:*:autoScalingGroup:*:autoScalingGroupName/other-*",
        ),
        _scales,
    ),
    *(
        Edit(
            f"{action} is denied where it was allowed",
            _REFUSED,
            _INLINE,
            _STATEMENTS,
            _allowing(action, Effect="Deny"),
            _main,
        )
        for action in _TELLING.values()
    ),
    # Who takes a role.
    Edit(
        "nodes' role trusts another service",
        _MISSING,
        _ROLE,
        ("assumeRolePolicy",),
        _trusting("ec2.amazonaws.com", "ecs.amazonaws.com"),
        _of_nodes,
    ),
    Edit(
        "pods' role trusts nodes",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy",),
        _trusting("pods.eks.amazonaws.com", "ec2.amazonaws.com"),
        _of_controller,
    ),
    Edit(
        "the trust denies",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH, "Effect"),
        to("Deny"),
        lambda r, p: _of_controller(r, p) or _of_nodes(r, p),
    ),
    Edit(
        "pods' role may not be tagged",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH, "Action"),
        to("sts:AssumeRole"),
        _of_controller,
    ),
    Edit(
        "the trust is for another account",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH),
        _trusting_if(StringEquals={"aws:SourceAccount": "999999999999"}),
        _of_controller,
    ),
    Edit(
        "the trust is for another cluster",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH),
        _trusting_if(ArnEquals={"aws:SourceArn": "arn:aws:eks:us-west-2:123456789012:cluster/other"}),
        _of_controller,
    ),
    Edit(
        "the trust is for another namespace",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH),
        _trusting_if(StringEquals={"aws:RequestTag/kubernetes-namespace": "default"}),
        _of_controller,
    ),
    Edit(
        "the trust is for an account",
        _REFUSED,
        _ROLE,
        ("assumeRolePolicy", JSON, "Statement", EACH, "Principal"),
        to({"AWS": "arn:aws:iam::123456789012:root"}),
        lambda r, p: _of_controller(r, p) or _of_nodes(r, p),
    ),
    Edit(
        "a role for another namespace",
        _REFUSED,
        _IDENTITY,
        ("namespace",),
        to("karpenter-system"),
        lambda r, p: r.name in _CONTROLLERS,
    ),
    Edit(
        "an association with another role",
        _REFUSED,
        _IDENTITY,
        ("roleArn",),
        to(_ANOTHER_ROLE),
        lambda r, p: r.name in _CONTROLLERS,
    ),
    Edit(
        "an association in another cluster",
        _REFUSED,
        _IDENTITY,
        ("clusterName",),
        to("other"),
        lambda r, p: r.name in _CONTROLLERS,
    ),
    Without(
        "no pod identity agent",
        "controllers get no credentials",
        ["aws:eks/addon:Addon"],
        lambda r, p: r.inputs.get("addonName") == "eks-pod-identity-agent",
    ),
    Without(
        "no network plugin",
        "nodes never become ready",
        ["aws:eks/addon:Addon"],
        lambda r, p: r.inputs.get("addonName") == "vpc-cni",
    ),
)
