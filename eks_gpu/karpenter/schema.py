"""The fields of a NodePool and its node classes that the API server accepts, and where fields of older versions moved.

Source: Karpenter 1.15, CRDs; Karpenter's upgrade guide; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.karpenter.objects import Requirement, part, requirement
from eks_gpu.pods import durations
from eks_gpu.pods.durations import NEVER, nearest
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    AUTO_MODE_MAX_AGE_H,
    KARPENTER_API_VERSION,
    KARPENTER_GROUP,
)
from eks_gpu_components.catalog.auto_mode import BUILT_IN_NODE_CLASS
from eks_gpu_components.catalog.nearest import hint
from eks_gpu_components.catalog.requirement_rules import FORM, requirement_faults

_FIELDS: Mapping[str, frozenset[str]] = {
    "spec": frozenset({"disruption", "limits", "replicas", "template", "weight"}),
    "spec.disruption": frozenset({"budgets", "consolidateAfter", "consolidationPolicy"}),
    "spec.template": frozenset({"metadata", "spec"}),
    "spec.template.metadata": frozenset({"annotations", "labels"}),
    "spec.template.spec": frozenset(
        {"expireAfter", "nodeClassRef", "requirements", "startupTaints", "taints", "terminationGracePeriod"}
    ),
    "spec.template.spec.nodeClassRef": frozenset({"group", "kind", "name"}),
}
_MOVED: Mapping[str, str] = {
    "spec.consolidation": "spec.disruption.consolidationPolicy",
    "spec.disruption.expireAfter": "spec.template.spec.expireAfter",
    "spec.labels": "spec.template.metadata.labels",
    "spec.limits.resources": "spec.limits",
    "spec.provider": "an EC2NodeClass",
    "spec.providerRef": "spec.template.spec.nodeClassRef",
    "spec.requirements": "spec.template.spec.requirements",
    "spec.startupTaints": "spec.template.spec.startupTaints",
    "spec.taints": "spec.template.spec.taints",
    "spec.template.spec.kubelet": "spec.kubelet of the EC2NodeClass",
    "spec.template.spec.nodeClassRef.apiVersion": "spec.template.spec.nodeClassRef.group, without a version",
    "spec.ttlSecondsAfterEmpty": "spec.disruption.consolidateAfter",
    "spec.ttlSecondsUntilExpired": "spec.template.spec.expireAfter",
}
_EC2_NODE_CLASS = frozenset(
    {"amiFamily", "amiSelectorTerms", "associatePublicIPAddress", "blockDeviceMappings", "connectionTracking"}
    | {"capacityReservationSelectorTerms", "context", "cpuOptions", "detailedMonitoring", "enclaveOptions"}
    | {"instanceProfile", "instanceStorePolicy", "ipPrefixCount", "kubelet", "metadataOptions", "networkInterfaces"}
    | {"placementGroupSelector", "role", "securityGroupSelectorTerms", "subnetSelectorTerms", "tags", "userData"}
)
_TAINT_FIELDS = frozenset({"effect", "key", "timeAdded", "value"})
TOLERATION_FIELDS = ("operator", "tolerationSeconds")
"""Fields of a toleration that people give a taint."""
_AUTO_MODE_NODE_CLASS = frozenset(
    {"advancedNetworking", "advancedSecurity", "capacityReservationSelectorTerms", "certificateBundles"}
    | {
        "ephemeralStorage",
        "instanceProfile",
        "networkPolicy",
        "networkPolicyEventLogs",
        "podSecurityGroupSelectorTerms",
    }
    | {"podSubnetSelectorTerms", "role", "securityGroupSelectorTerms", "snatPolicy", "subnetSelectorTerms", "tags"}
)
_MOVED_IN_NODE_CLASS = {
    "amiSelector": "amiSelectorTerms",
    "securityGroupSelector": "securityGroupSelectorTerms",
    "subnetSelector": "subnetSelectorTerms",
}

# Narrower than Go's durations, which Karpenter then reads them as. A budget's has no seconds but a last `0s`.
_DURATION = re.compile(r"([0-9]+(s|m|h))+")
_WINDOW = re.compile(r"(([0-9]+(h|m))|([0-9]+h[0-9]+m))(0s)?")
_BUDGET = re.compile(r"(100|[0-9]{1,2})%|[0-9]+")
_POLICIES = ("WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced")


def seconds(duration: Any) -> int | None:
    """`1h30m` in seconds, None where the API server refuses the text for a NodePool, or takes it and means Never."""
    if not isinstance(duration, str) or not _DURATION.fullmatch(duration):
        return None
    try:
        return int(durations.seconds(duration))
    except ValueError:  # beyond 292 years, which Karpenter cannot read
        return None


def node_pool_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Fields of a NodePool v1 that the API server refuses or drops, each with its path."""
    for path, known in _FIELDS.items():
        for field in part(manifest, *path.split(".")):
            if field not in known:
                yield _unknown_field(f"{path}.{field}", known)
    if "resources" in part(manifest, "spec", "limits"):
        yield _unknown_field("spec.limits.resources", frozenset())
    spec = part(manifest, "spec")
    template = part(spec, "template", "spec")
    for field in ("taints", "startupTaints"):
        for index, taint in enumerate(template.get(field) or ()):
            yield from taint_problems(f"spec.template.spec.{field}[{index}]", taint)
    yield from _disruption_problems(part(spec, "disruption"))
    yield from _static_problems(spec)
    group = AUTO_MODE_GROUP if _is_for_auto_mode(template) else KARPENTER_GROUP
    for index, item in enumerate(template.get("requirements") or ()):
        yield from _requirement_problems(requirement(item, index), item, group)
    for field, never in (("expireAfter", True), ("terminationGracePeriod", False)):
        yield from _duration_problems(f"spec.template.spec.{field}", template.get(field), never)
    yield from _limit_problems(part(spec, "limits"))
    yield from _age_problems(template)


def _unknown_field(path: str, known: frozenset[str]) -> str:
    if path in _MOVED:
        return f"{path} is of an older version: write {_MOVED[path]}"
    return f"{path} is no field of {KARPENTER_API_VERSION}{hint(path.rpartition('.')[2], known)}"


def taint_problems(path: str, taint: Any) -> Iterator[str]:
    """Fields that a taint does not have, those of a toleration among them."""
    for field in taint if isinstance(taint, Mapping) else ():
        if field not in _TAINT_FIELDS:
            more = (
                ": a toleration has it, a taint has not" if field in TOLERATION_FIELDS else hint(field, _TAINT_FIELDS)
            )
            yield f"{path}.{field} is no field of a taint{more}"


def _disruption_problems(disruption: Mapping[str, Any]) -> Iterator[str]:
    if not disruption:
        return
    policy = disruption.get("consolidationPolicy", _POLICIES[0])
    if policy not in _POLICIES:
        yield f"spec.disruption.consolidationPolicy must be one of {', '.join(_POLICIES)}, got {policy}"
    yield from _duration_problems("spec.disruption.consolidateAfter", disruption.get("consolidateAfter"), True)
    for index, budget in enumerate(disruption.get("budgets") or ()):
        path, nodes = f"spec.disruption.budgets[{index}]", budget.get("nodes")
        if not isinstance(nodes, str) or not _BUDGET.fullmatch(nodes):
            yield f"{path}.nodes must be a string with a count or a percentage, as '1' or '100%', got {nodes!r}"
        if ("schedule" in budget) != ("duration" in budget):
            yield f"{path} must have schedule and duration together"
        window = budget.get("duration")
        if window is not None and not (isinstance(window, str) and _WINDOW.fullmatch(window)):
            yield f"{path}.duration must be hours and minutes, as 8h or 1h30m, got {window!r}{_near(window, _WINDOW)}"


def _static_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    if "replicas" in spec and "weight" in spec:
        yield "spec.weight must be left out beside replicas"
    if "replicas" in spec and set(part(spec, "limits")) - {"nodes"}:
        yield "spec.limits must have no key but nodes beside replicas"
    weight = spec.get("weight")
    if weight is not None and not 1 <= int(weight) <= 100:
        yield f"spec.weight must be 1 to 100, got {weight}"


def _requirement_problems(found: Requirement, item: Mapping[str, Any], group: str) -> Iterator[str]:
    values = list(item.get("values") or ())
    if others := [value for value in values if not isinstance(value, str)]:
        yield f"{found.path}.values must be strings: write {str(others[0])!r}, got {others[0]!r}"
    for fault in requirement_faults(found.required, group):
        if fault.kind == FORM:
            yield f"{found.path}{fault.field} {fault}"


def _duration_problems(path: str, value: Any, never: bool) -> Iterator[str]:
    if value is None or (value == NEVER and never):
        return
    if seconds(value) is None:
        words = f" or {NEVER}" if never else ""
        yield f"{path} must be hours, minutes and seconds{words}, as 1h30m, got {value!r}{_near(value)}"


def _near(value: Any, form: re.Pattern[str] = _DURATION) -> str:
    close = nearest(value)
    return f"; nearest: {close}" if form.fullmatch(close) else ""


def _limit_problems(limits: Mapping[str, Any]) -> Iterator[str]:
    """A limit is a whole number or a text without spaces; `resources` is a field of an older version."""
    for resource, value in limits.items():
        if resource == "resources":
            continue
        try:
            quantity(value)
        except ValueError as error:
            yield f"spec.limits.{resource} {error}"
            continue
        if isinstance(value, float) and not value.is_integer():
            yield f"spec.limits.{resource} must be a text where it is no whole number: write '{value}', got {value}"
        elif isinstance(value, str) and value != value.strip():
            yield f"spec.limits.{resource} must have no spaces: write {value.strip()!r}, got {value!r}"


def _is_for_auto_mode(template: Mapping[str, Any]) -> bool:
    return part(template, "nodeClassRef").get("group") == AUTO_MODE_GROUP


def _age_problems(template: Mapping[str, Any]) -> Iterator[str]:
    """Auto Mode has a bound of its own."""
    age = template.get("expireAfter") if _is_for_auto_mode(template) else None
    if age == NEVER or (seconds(age) or 0) > AUTO_MODE_MAX_AGE_H * 3600:
        most = f"{AUTO_MODE_MAX_AGE_H}h on Auto Mode"
        yield f"spec.template.spec.expireAfter must be at most {most}, got {template['expireAfter']}"


def node_class_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Fields of a node class of either kind that the API server refuses or drops."""
    auto_mode = manifest["kind"] == "NodeClass"
    known, other = (_AUTO_MODE_NODE_CLASS, _EC2_NODE_CLASS) if auto_mode else (_EC2_NODE_CLASS, _AUTO_MODE_NODE_CLASS)
    ec2, own = "an EC2NodeClass", "a NodeClass of Auto Mode"
    kind, elsewhere = (own, ec2) if auto_mode else (ec2, own)
    spec = part(manifest, "spec")
    for field in spec:
        if field in known:
            continue
        if field in _MOVED_IN_NODE_CLASS:
            yield f"spec.{field} is of an older version: write spec.{_MOVED_IN_NODE_CLASS[field]}"
        elif field in other:
            yield f"spec.{field} is no field of {kind}, but of {elsewhere}"
        else:
            yield f"spec.{field} is no field of {kind}{hint(field, known)}"
    if ("role" in spec) == ("instanceProfile" in spec):
        yield "spec must have one of role and instanceProfile"
    if auto_mode and part(manifest, "metadata").get("name") == BUILT_IN_NODE_CLASS:
        yield "metadata.name must not be default: that is the class which Auto Mode brings"
    required = () if auto_mode else ("amiSelectorTerms",)
    for field in (*required, "subnetSelectorTerms", "securityGroupSelectorTerms"):
        if not spec.get(field):
            yield f"spec.{field} is required"
