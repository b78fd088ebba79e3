"""What IAM refuses: a service-linked role that exists, and what is over its quotas."""

import json
from typing import Any

from moto.iam.models import SERVICE_NAME_CONVERSION

from eks_gpu.lab.aws.refusal import Blanks, Refusal, Request, by_moto

QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
SPOT_SERVICE, SPOT_ROLE = "spot.amazonaws.com", "AWSServiceRoleForEC2Spot"
POLICIES_PER_ROLE = 10
POLICY_CHARACTERS, INLINE_CHARACTERS, TRUST_CHARACTERS = 6_144, 10_240, 2_048

SERVICE_NAME_CONVERSION["spot"] = "EC2Spot"  # moto would name the role after the service


def _role(request: Request) -> Any:
    return next((role for role in request.place.iam.roles.values() if role.name == request.given["RoleName"]), None)


def linked_role_exists(request: Request) -> Blanks:
    service, suffix = request.given["AWSServiceName"], request.given.get("CustomSuffix")
    linked = [role for role in request.place.iam.roles.values() if role._linked_service == service]
    found = [role.name for role in linked if not suffix or role.name.endswith(f"_{suffix}")]
    return {"role": found[0]} if found else None


def suffix_of_spot(request: Request) -> Blanks:
    service = request.given["AWSServiceName"]
    return {"service": service} if request.given.get("CustomSuffix") and service == SPOT_SERVICE else None


def too_many_policies(request: Request) -> Blanks:
    role = _role(request)
    others = [arn for arn in role.managed_policies if arn != request.given["PolicyArn"]] if role else []
    return {"quota": POLICIES_PER_ROLE} if len(others) >= POLICIES_PER_ROLE else None


def _size(document: str) -> int:
    """Characters of a policy as IAM counts them: without white space."""
    return len("".join(document.split()))


def _larger(key: str, quota: int) -> Any:
    def blanks(request: Request) -> Blanks:
        return {"quota": quota} if _size(request.given.get(key) or "") > quota else None

    return blanks


def inline_policies_too_large(request: Request) -> Blanks:
    role = _role(request)
    held = dict(role.policies) if role else {}
    held[request.given["PolicyName"]] = request.given["PolicyDocument"]
    sizes = sum(_size(each if isinstance(each, str) else json.dumps(each)) for each in held.values())
    return {"quota": INLINE_CHARACTERS, "role": request.given["RoleName"]} if sizes > INLINE_CHARACTERS else None


def _exists(operation: str, what: str, words: str) -> Refusal:
    source = f"https://docs.aws.amazon.com/IAM/latest/APIReference/API_{operation}.html"
    return Refusal((f"iam:{operation}",), f"{what} that exists", "EntityAlreadyExists", words, source, by_moto, 409)


IAM_REFUSALS = (
    Refusal(
        ("iam:CreateServiceLinkedRole",),
        "a service-linked role that exists",
        "InvalidInput",
        "Service role name {role} has been taken in this account, please try a different suffix.",
        "chanzuckerberg/cztack#897",
        linked_role_exists,
    ),
    Refusal(
        ("iam:CreateServiceLinkedRole",),
        "a suffix for the role that Spot needs",
        "InvalidInput",
        "Custom suffix is not allowed for {service}",
        "chanzuckerberg/cztack#899",
        suffix_of_spot,
    ),
    _exists("CreateRole", "a role", "Role with name {name} already exists."),
    _exists("CreatePolicy", "a policy", "A policy called {name} already exists. Duplicate names are not allowed."),
    _exists("CreateInstanceProfile", "an instance profile", "Instance Profile {name} already exists."),
    Refusal(
        ("iam:AttachRolePolicy",),
        f"more than {POLICIES_PER_ROLE} managed policies of a role",
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerRole: {quota}",
        f"aws/eks-hybrid#741; {QUOTAS}",
        too_many_policies,
        409,
    ),
    Refusal(
        ("iam:CreatePolicy", "iam:CreatePolicyVersion"),
        f"a managed policy of more than {POLICY_CHARACTERS:,} characters",
        "LimitExceeded",
        "Cannot exceed quota for PolicySize: {quota}",
        f"terraform-aws-modules/terraform-aws-ecs#108; {QUOTAS}",
        _larger("PolicyDocument", POLICY_CHARACTERS),
        409,
    ),
    Refusal(
        ("iam:PutRolePolicy",),
        f"inline policies of a role with more than {INLINE_CHARACTERS:,} characters together",
        "LimitExceeded",
        "Maximum policy size of {quota} bytes exceeded for role {role}",
        f"kubernetes/kops#12558; {QUOTAS}",
        inline_policies_too_large,
        409,
    ),
    Refusal(
        ("iam:CreateRole",),
        f"a trust policy of more than {TRUST_CHARACTERS:,} characters",
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: {quota}",
        f"kubernetes-sigs/aws-load-balancer-controller#2718; {QUOTAS}",
        _larger("AssumeRolePolicyDocument", TRUST_CHARACTERS),
        409,
    ),
)
