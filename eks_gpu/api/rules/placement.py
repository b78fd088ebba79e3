"""Rules of what says where a pod runs: tolerations, affinity and spread."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged

judges(
    "core.v1.Toleration",
    "key~key operator:|Exists|Equal value tolerationSeconds effect:|NoSchedule|PreferNoSchedule|NoExecute",
)
judges(
    "core.v1.TopologySpreadConstraint",
    "maxSkew>=1 minDomains>=1 topologyKey whenUnsatisfiable:DoNotSchedule|ScheduleAnyway labelSelector",
    "maxSkew topologyKey whenUnsatisfiable",
)
judges("core.v1.Affinity", "nodeAffinity podAffinity podAntiAffinity")
_SOFT, _HARD = "preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"
for _kind in ("NodeAffinity", "PodAffinity", "PodAntiAffinity"):
    judges(f"core.v1.{_kind}", f"{_SOFT} {_HARD}")
judges("core.v1.NodeSelector", "nodeSelectorTerms", "nodeSelectorTerms")
judges("core.v1.NodeSelectorTerm", "matchExpressions matchFields")
judges("core.v1.NodeSelectorRequirement", "key operator:In|NotIn|Exists|DoesNotExist|Gt|Lt values", "key operator")
judges("core.v1.PreferredSchedulingTerm", "weight=1..100 preference", "weight")
judges("core.v1.WeightedPodAffinityTerm", "weight=1..100 podAffinityTerm", "weight podAffinityTerm")
judges("core.v1.PodAffinityTerm", "labelSelector topologyKey~key", "topologyKey")


@rule("core.v1.Toleration")
def _toleration(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    operator, value = given.get("operator") or "Equal", given.get("value") or ""
    if not given.get("key") and operator != "Exists":
        yield Refused(f"{path}.operator", "must be Exists where there is no key")
    if operator == "Exists" and value:
        yield Refused(f"{path}.value", "must be left out, because the operator is Exists")
    if operator == "Equal":
        yield from refused(f"{path}.value", names.label_value(value))
    if given.get("tolerationSeconds") is not None and given.get("effect") != "NoExecute":
        yield Refused(f"{path}.effect", "must be NoExecute beside tolerationSeconds")


@rule("core.v1.TopologySpreadConstraint")
def _spread(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("minDomains") is not None and given.get("whenUnsatisfiable") != "DoNotSchedule":
        yield Refused(f"{path}.minDomains", "is for whenUnsatisfiable DoNotSchedule alone")


@rule("core.v1.NodeSelectorRequirement")
def _node_requirement(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    values, operator = given.get("values") or [], given.get("operator")
    if "matchFields" in path:
        yield Unjudged(path)
        return
    if given.get("key"):
        yield from refused(f"{path}.key", names.key(given["key"]))
    if operator in ("In", "NotIn") and not values:
        yield Refused(f"{path}.values", f"is required, because the operator is {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        yield Refused(f"{path}.values", f"must be left out, because the operator is {operator}")
    if operator in ("Gt", "Lt") and len(values) != 1:
        yield Refused(f"{path}.values", f"must be one value, because the operator is {operator}")
    for index, value in enumerate(values if "required" in path else ()):
        yield from refused(f"{path}.values[{index}]", names.label_value(value))
