"""EventBridge: whether a rule hears an event of AWS, and what it sends of it where.

Source: EventBridge User Guide, "Event patterns" and "Input transformation"; EC2 User Guide, events of instances.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import json_of, like, listed
from eks_gpu_components.catalog import LIFECYCLE_ACTION, REBALANCE_RECOMMENDATION, SPOT_INTERRUPTION, TERMINATING, Event

RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
DEFAULT_BUS = "default"
"""The only bus that hears events of AWS."""

_EACH_ITS_OWN = object()
"""A field with another value in every event: whoever filters by it loses most of them."""
_DETAILS: Mapping[str, Mapping[str, Any]] = {
    SPOT_INTERRUPTION.kind: {"instance-id": _EACH_ITS_OWN, "instance-action": ("terminate",)},
    REBALANCE_RECOMMENDATION.kind: {"instance-id": _EACH_ITS_OWN},
    LIFECYCLE_ACTION.kind: {"LifecycleTransition": (TERMINATING,), "EC2InstanceId": _EACH_ITS_OWN},
}
"""Kind of event -> fields of its detail, each with the values that a node's event has; other fields are not judged."""
_ONLY = frozenset({SPOT_INTERRUPTION.kind, REBALANCE_RECOMMENDATION.kind})
"""Kinds whose detail has no other fields."""
_ALTERED = ("input", "inputPath", "inputTransformer")


def forwards(event: Event, queue_arn: str, region: str, graph: Graph) -> list[tuple[Resource, Resource]]:
    """Rules of the stack that send the event to the queue, each with its target."""
    account = (queue_arn.split(":") + [""] * 5)[4]
    return [
        (rule, target)
        for rule in graph.of(RULE)
        if hears(rule, event, region, account)
        for target in targets(rule, graph)
        if target.inputs.get("arn") == queue_arn
    ]


def hears(rule: Resource, event: Event, region: str, account: str) -> bool:
    """Whether the rule is on, hears events of AWS, and takes all events of the kind; True where nobody knows."""
    if rule.inputs.get("state") == "DISABLED" or rule.inputs.get("isEnabled") is False or not _on_default_bus(rule):
        return False
    pattern = json_of(rule.inputs.get("eventPattern"))
    head = {"source": (event.source,), "detail-type": (event.kind,), "region": (region,), "account": (account,)}
    known = {key: values for key, values in head.items() if values[0]}
    return bool(pattern) and _takes(pattern, known, only=False) and _takes_detail(pattern, event)


def targets(rule: Resource, graph: Graph) -> Iterator[Resource]:
    """Targets of a rule, on its own bus."""
    names = {rule.id, rule["name"] or rule.name} - {""}
    for target in graph.of(TARGET):
        if target.inputs.get("rule") in names and _on_default_bus(target):
            yield target


def altered(target: Resource) -> str:
    """What makes the target send another text than the event; empty if nothing does."""
    return next((key for key in _ALTERED if target.inputs.get(key)), "")


def _on_default_bus(resource: Resource) -> bool:
    bus = resource.inputs.get("eventBusName")
    return not bus or str(bus).rpartition("/")[2] == DEFAULT_BUS


def _takes_detail(pattern: Mapping[str, Any], event: Event) -> bool:
    wanted = pattern.get("detail")
    if not isinstance(wanted, Mapping):
        return True
    return _takes(wanted, _DETAILS.get(event.kind, {}), only=event.kind in _ONLY)


def _takes(pattern: Mapping[str, Any], known: Mapping[str, Any], only: bool) -> bool:
    """Whether the pattern takes every event with these values; `only` is whether there are no other fields."""
    for key, wanted in pattern.items():
        if not isinstance(wanted, list):
            continue
        values = known.get(key)
        if values is None:
            if only and not any(each == {"exists": False} for each in wanted):
                return False
        elif values is _EACH_ITS_OWN:
            if all(isinstance(each, str) for each in wanted):
                return False
        elif not all(any(_accepts(each, value) for each in wanted) for value in values):
            return False
    return True


def _accepts(wanted: Any, value: str) -> bool:
    """Whether one alternative of a pattern takes a value; True for a filter that is not known."""
    if not isinstance(wanted, Mapping):
        return wanted == value
    filters = {
        "prefix": lambda given: value.startswith(str(given)),
        "suffix": lambda given: value.endswith(str(given)),
        "equals-ignore-case": lambda given: value.lower() == str(given).lower(),
        "wildcard": lambda given: like(str(given), value),
        "anything-but": lambda given: isinstance(given, Mapping) or value not in listed(given),
        "exists": lambda given: given is True,
    }
    return all(filters[name](given) for name, given in wanted.items() if name in filters)
