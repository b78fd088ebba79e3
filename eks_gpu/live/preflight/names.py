"""Names that the program fixes, and that AWS takes once: whether something in the account has them already."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Resource
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, unjudged

CHECK = "names-are-free"


@dataclass(frozen=True, slots=True)
class Named:
    """How to find out whether a name of one type is taken."""

    key: str
    """Input with the name."""
    thing: str
    service: str
    operation: str
    arguments: Callable[[Resource], Mapping[str, Any]]
    found: Callable[[Mapping[str, Any], str], bool] = lambda answer, name: True
    """Whether the answer has the name; for operations that answer with a list instead of an error."""


def _list(key: str, name_key: str) -> Callable[[Mapping[str, Any], str], bool]:
    return lambda answer, name: any(row.get(name_key) == name for row in answer.get(key) or ())


def _own_arn(resource: Resource) -> str:
    return str(resource.outputs.get("arn") or resource.inputs.get("name"))


NAMED: Mapping[str, Named] = {
    "aws:eks/cluster:Cluster": Named(
        "name", "cluster", "eks", "describe_cluster", lambda r: {"name": r.inputs["name"]}
    ),
    "aws:iam/role:Role": Named("name", "role", "iam", "get_role", lambda r: {"RoleName": r.inputs["name"]}),
    "aws:iam/policy:Policy": Named("name", "policy", "iam", "get_policy", lambda r: {"PolicyArn": _own_arn(r)}),
    "aws:iam/instanceProfile:InstanceProfile": Named(
        "name",
        "instance profile",
        "iam",
        "get_instance_profile",
        lambda r: {"InstanceProfileName": r.inputs["name"]},
    ),
    "aws:cloudwatch/logGroup:LogGroup": Named(
        "name",
        "log group",
        "logs",
        "describe_log_groups",
        lambda r: {"logGroupNamePrefix": r.inputs["name"]},
        _list("logGroups", "logGroupName"),
    ),
    "aws:autoscaling/group:Group": Named(
        "name",
        "auto scaling group",
        "autoscaling",
        "describe_auto_scaling_groups",
        lambda r: {"AutoScalingGroupNames": [r.inputs["name"]]},
        _list("AutoScalingGroups", "AutoScalingGroupName"),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Named(
        "name",
        "launch template",
        "ec2",
        "describe_launch_templates",
        lambda r: {"Filters": [{"Name": "launch-template-name", "Values": [r.inputs["name"]]}]},
        _list("LaunchTemplates", "LaunchTemplateName"),
    ),
    "aws:sqs/queue:Queue": Named(
        "name",
        "queue",
        "sqs",
        "list_queues",
        lambda r: {"QueueNamePrefix": r.inputs["name"]},
        lambda answer, name: any(url.rpartition("/")[2] == name for url in answer.get("QueueUrls") or ()),
    ),
}
"""By type token: those whose creation fails where the name is taken, or takes over what another has."""


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    for type_, row in NAMED.items():
        for resource in inquiry.plan.graph.of(type_):
            if isinstance(resource.inputs.get(row.key), str):
                yield _finding(inquiry, row, resource)


def _finding(inquiry: Inquiry, row: Named, resource: Resource) -> Finding:
    name = str(resource.inputs[row.key])
    subject = f"{row.thing} {name}"
    region = inquiry.region_of(resource)
    arguments: dict[str, Any] = {
        key: inquiry.real(value) if isinstance(value, str) else value for key, value in row.arguments(resource).items()
    }
    answer = inquiry.ask(region, row.service, row.operation, f"whether {subject} is there", **arguments)
    if isinstance(answer, Refused):
        return holds(CHECK, subject, "nothing has the name") if answer.missing else unjudged(CHECK, subject, answer.why)
    if not row.found(answer, name):
        return holds(CHECK, subject, "nothing has the name")
    if inquiry.is_up is False and row.thing != "cluster":
        says = "the account has one already, though it does not have the plan's cluster: `pulumi up` stops there"
        fix = (
            "delete it, or take it over with `pulumi import`, if it is left of an earlier stack; else take another name"
        )
        return fails(CHECK, subject, says, fix)
    says = (
        "the account has one already: it is the stack's own if the stack is up, and otherwise `pulumi up` stops there"
    )
    return unjudged(CHECK, subject, says)
