"""The planner's checks as policies: one of a stack for each check, and one of a resource where a resource says enough.

A check of severity error is mandatory and a warning advisory, until the pack's configuration says otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from eks_gpu.checks import CHECKS
from eks_gpu.foreign.documents import Document, Registered
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import AUTO_MODE_NODE_CLASS_TYPE, NODE_POOL_TYPE

LEVELS = {"error": EnforcementLevel.MANDATORY, "warning": EnforcementLevel.ADVISORY}
ALONE = {
    "gpu-pools-are-capped": (NODE_POOL_TYPE,),
    "gpu-pools-consolidate-when-empty": (NODE_POOL_TYPE,),
    "limits-name-the-real-resource": (NODE_POOL_TYPE,),
    "architecture-is-required": (NODE_POOL_TYPE,),
    "node-role-is-a-name": (AUTO_MODE_NODE_CLASS_TYPE,),
    "one-gpu-count-a-group": ("aws:autoscaling/group:Group", "aws:eks/nodeGroup:NodeGroup"),
    "gpu-nodes-are-tainted": ("aws:eks/nodeGroup:NodeGroup", NODE_POOL_TYPE),
    "services-are-private-or-restricted": ("kubernetes:core/v1:Service", "kubernetes:networking.k8s.io/v1:Ingress"),
}
"""Checks that one resource of these types decides: they stop it before it is made, and before the rest is known."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def rules() -> list[Policy]:
    """For a stack every check; for a resource those of ALONE, with `-of-resource` behind their id."""
    return [*map(_of_stack, CHECKS), *map(_of_resource, ALONE)]


def _of_stack(id_: str) -> StackValidationPolicy:
    check = CHECKS[id_]

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        judged = _judged(_told(args.resources))
        found = [finding for finding in judged.findings if finding.id == id_] if judged else []
        for finding in found:
            # A policy has one level: what a check of errors only warns of is no violation, and the plan's to tell.
            if judged and finding.failed and not finding.waived and finding.severity == check.severity:
                report(f"{finding.subject}: {finding.message}. Fix: {finding.fix}.", judged.urn_of(finding) or None)
        unjudged = [f"{finding.subject}: {finding.message}" for finding in found if finding.passed is None]
        if unjudged and len(unjudged) == len(found):
            args.not_applicable(f"not judged: {'; '.join(unjudged)}")

    return StackValidationPolicy(id_, check.reason, validate, LEVELS[check.severity])


def _of_resource(id_: str) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in ALONE[id_]:
            args.not_applicable(f"{id_} is about {' and '.join(ALONE[id_])}")
        judged = _judged(_told([args]))
        for finding in judged.findings if judged else ():
            if finding.id == id_ and finding.fails_plan:
                report(f"{finding.message}. Fix: {finding.fix}.")

    check = CHECKS[id_]
    return ResourceValidationPolicy(f"{id_}-of-resource", check.reason, validate, LEVELS[check.severity])


@lru_cache(maxsize=2)
def _judged(told: str) -> Judged | None:
    """Once for all policies, which each get the same resources. None for a stack that is not in a known region."""
    registered = tuple(Registered.model_validate(each) for each in json.loads(told))
    try:
        return judge(foreign(Document(Path("stack"), registered)))
    except InputError:
        return None


def _told(resources: Sequence[PolicyResource | ResourceValidationArgs]) -> str:
    """As the engine writes a state; the provider's region stands for that of a provider that is not among them."""
    told = [_resource(each) for each in resources]
    regions = {str(region) for each in resources if each.provider and (region := each.provider.props.get("region"))}
    providers = [
        {
            "urn": "urn:pulumi:s::p::pulumi:providers:aws::default",
            "type": "pulumi:providers:aws",
            "inputs": {"region": r},
        }
        for r in sorted(regions)
    ]
    return json.dumps([*providers, *told], sort_keys=True)


def _resource(told: PolicyResource | ResourceValidationArgs) -> dict[str, Any]:
    found: dict[str, Any] = {
        "urn": told.urn,
        "type": told.resource_type,
        "custom": told.provider is not None,
        "inputs": plain(told.props),
        "ignoreChanges": list(told.opts.ignore_changes),
    }
    if isinstance(told, PolicyResource):
        found["parent"] = told.parent.urn if told.parent else ""
        found["dependencies"] = [each.urn for each in told.dependencies]
        found["propertyDependencies"] = {
            name: [each.urn for each in sources] for name, sources in told.property_dependencies.items()
        }
    return found


def plain(value: Any) -> Any:
    """Without the proxies that stop at a value which is not known yet."""
    if isinstance(value, Mapping):
        return {str(key): _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, position) for position in range(len(value))]
    if isinstance(value, float) and value.is_integer():  # the engine hands every number over as a float
        return int(value)
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return plain(value[key])
    except UnknownValueError:
        return UNKNOWN
