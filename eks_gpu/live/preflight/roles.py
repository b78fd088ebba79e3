"""Roles: those that AWS's services make for themselves, and roles and policies that the program names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eks_gpu.checks import Finding
from eks_gpu.graph.iam import Call, decide, json_of
from eks_gpu.live.preflight.caller import Permitted, may_link
from eks_gpu.live.preflight.creates import LINK_ROLE
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, texts, unjudged
from eks_gpu.live.preflight.needs import CLUSTER, FARGATE_PROFILE, GROUP, NODE_GROUP
from eks_gpu.pools.pool import KARPENTER
from eks_gpu_components.catalog import EKS_PRINCIPAL, CapacityType

LINKED, ROLE_IS_THERE, POLICY_IS_THERE = "service-linked-roles-are-there", "named-roles-exist", "named-policies-exist"
ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"


@dataclass(frozen=True, slots=True)
class Linked:
    """A role that a service of AWS makes for itself. Source: IAM User Guide, "AWS services that work with IAM"."""

    role: str
    service: str
    for_whom: str
    """What needs it, for a sentence."""


SPOT = Linked("AWSServiceRoleForEC2Spot", "spot.amazonaws.com", "Spot instances")
_EKS = Linked("AWSServiceRoleForAmazonEKS", EKS_PRINCIPAL, "clusters")
_NODES = Linked("AWSServiceRoleForAmazonEKSNodegroup", "eks-nodegroup.amazonaws.com", "managed node groups")
_GROUPS = Linked("AWSServiceRoleForAutoScaling", "autoscaling.amazonaws.com", "auto scaling groups")
_FARGATE = Linked("AWSServiceRoleForAmazonEKSForFargate", "eks-fargate.amazonaws.com", "Fargate profiles")
_BALANCERS = Linked("AWSServiceRoleForElasticLoadBalancing", "elasticloadbalancing.amazonaws.com", "load balancers")


def findings(inquiry: Inquiry, permitted: Permitted) -> Iterator[Finding]:
    for linked in _needed(inquiry):
        yield _linked(inquiry, permitted, linked)
    yield from _named_roles(inquiry)
    yield from _named_policies(inquiry)


def _needed(inquiry: Inquiry) -> Iterator[Linked]:
    graph = inquiry.plan.graph
    if graph.of(CLUSTER):
        yield _EKS
    if graph.of(NODE_GROUP):
        yield _NODES
    if graph.of(NODE_GROUP, GROUP):
        yield _GROUPS
    if any(CapacityType.SPOT in pool.capacity_types for pool in inquiry.pools):
        yield SPOT
    if graph.of(FARGATE_PROFILE):
        yield _FARGATE
    if any("load balancer" in item.name and item.quantity for item in inquiry.plan.analysis.cost.max.items):
        yield _BALANCERS


def _linked(inquiry: Inquiry, permitted: Permitted, linked: Linked) -> Finding:
    subject = f"{linked.role}, for {linked.for_whom}"
    made = inquiry.plan.graph.of("aws:iam/serviceLinkedRole:ServiceLinkedRole")
    is_made = any(each.inputs.get("awsServiceName") == linked.service for each in made)
    found = inquiry.ask(inquiry.home, "iam", "get_role", f"whether {linked.role} is there", RoleName=linked.role)
    command = f"aws iam create-service-linked-role --aws-service-name {linked.service}"
    if not isinstance(found, Refused):
        if is_made and not inquiry.is_up:
            says = "the account has it already, and the plan makes it too: `pulumi up` stops there unless it is its own"
            return fails(LINKED, subject, says, "leave it out of the program")
        return holds(LINKED, subject, "the account has it")
    if not found.missing:
        return unjudged(LINKED, subject, found.why)
    if is_made:
        return holds(LINKED, subject, "the plan makes it")
    if linked is SPOT and _launched_by_a_controller(inquiry):
        if _a_role_may_make_it(inquiry, linked):
            return holds(LINKED, subject, "a role of the plan may make it at the first launch")
        says = "the account does not have it, and no role of the plan may make it: each Spot launch is refused"
        return fails(LINKED, subject, says, command)
    may = may_link(permitted, inquiry, linked.service, linked.role, inquiry.home)
    if may.allowed is False:
        says = f"the account does not have it, and the caller may not let AWS make it: {LINK_ROLE} is not allowed"
        return fails(LINKED, subject, says, f"somebody who may runs: {command}")
    if may.allowed is None:
        return unjudged(LINKED, subject, f"the account does not have it, and whether the caller may make it: {may.why}")
    return holds(LINKED, subject, "AWS makes it when it is first needed, which the caller may let it do")


def _launched_by_a_controller(inquiry: Inquiry) -> bool:
    """Whether Karpenter asks for Spot itself; groups ask with AWS's own roles, which may make it."""
    spot = [pool for pool in inquiry.pools if CapacityType.SPOT in pool.capacity_types]
    return all(pool.backend == KARPENTER for pool in spot)


def _a_role_may_make_it(inquiry: Inquiry, linked: Linked) -> bool:
    graph = inquiry.plan.graph
    policies = [each.inputs.get("policy") for each in graph.of("aws:iam/rolePolicy:RolePolicy", POLICY)]
    arn = f"arn:{inquiry.partition}:iam::*:role/aws-service-role/{linked.service}/{linked.role}"
    call = Call(LINK_ROLE, arn, complete=False)
    return any(decide([json_of(policy)], call).allowed is not False for policy in policies)


# What the program names and does not make


def _named_roles(inquiry: Inquiry) -> Iterator[Finding]:
    graph = inquiry.plan.graph
    made = {each.id for each in graph.of(ROLE)} | {str(each.inputs.get("name") or "") for each in graph.of(ROLE)}
    made |= {str(each.outputs.get("name") or "") for each in graph.of(ROLE)}
    wanted: dict[str, list[str]] = {}
    for resource in graph:
        for name in _roles_of(resource.type, resource.inputs):
            if name not in made and not name.startswith("aws-service-role/"):
                wanted.setdefault(name.rpartition("/")[2], []).append(resource.name)
    for name, users in sorted(wanted.items()):
        subject, by = f"role {name}", named(users)
        found = inquiry.ask(inquiry.home, "iam", "get_role", f"whether role {name} is there", RoleName=name)
        if not isinstance(found, Refused):
            yield holds(ROLE_IS_THERE, subject, f"the account has it, for {by}")
        elif found.missing:
            says = f"{by} names it, the plan does not make it, and the account does not have it"
            yield fails(ROLE_IS_THERE, subject, says, "create the role, or name one that is there")
        else:
            yield unjudged(ROLE_IS_THERE, subject, found.why)


_ROLE_KEYS = ("role", "roleArn", "nodeRoleArn", "podExecutionRoleArn", "serviceAccountRoleArn", "iamRoleArn")


def _roles_of(type_: str, inputs: Mapping[str, object]) -> Iterator[str]:
    """Names, with their path, of roles that a resource is given."""
    if type_.startswith("kubernetes:"):
        spec = inputs.get("spec")
        if type_.rpartition(":")[2] in ("EC2NodeClass", "NodeClass") and isinstance(spec, Mapping):
            role = spec.get("role")
            yield from [str(role).partition(":role/")[2] or str(role)] if role else []
        return
    if not type_.startswith(("aws:eks/", "aws:iam/", "aws:ec2/flowLog", "aws:autoscaling/")):
        return
    for key in (*_ROLE_KEYS, "podIdentityAssociations", "principalArn"):
        for text in texts(inputs.get(key)):
            if ":role/" in text:
                yield text.partition(":role/")[2]
            elif key == "role" and text and ":" not in text:
                yield text


def _named_policies(inquiry: Inquiry) -> Iterator[Finding]:
    graph = inquiry.plan.graph
    made = {str(each.outputs.get("arn") or "") for each in graph.of(POLICY)} | {each.id for each in graph.of(POLICY)}
    wanted: dict[str, list[str]] = {}
    for resource in graph.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment", ROLE):
        for key in ("policyArn", "managedPolicyArns"):
            for arn in texts(resource.inputs.get(key)):
                if ":policy/" in arn and arn not in made:
                    wanted.setdefault(arn, []).append(resource.name)
    for arn, users in sorted(wanted.items()):
        subject, by = f"policy {arn.partition(':policy/')[2]}", named(users)
        real = inquiry.real(arn)
        found = inquiry.ask(inquiry.home, "iam", "get_policy", f"whether {subject} is there", PolicyArn=real)
        if not isinstance(found, Refused):
            yield holds(POLICY_IS_THERE, subject, f"it is there, for {by}")
        elif found.missing:
            yield fails(
                POLICY_IS_THERE, subject, f"{by} attaches {real}, which is not there", "name a policy that is there"
            )
        else:
            yield unjudged(POLICY_IS_THERE, subject, found.why)
