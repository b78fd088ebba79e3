"""Metadata and selectors, which every kind has."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import labels_hold, refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, joined

judges("meta.v1.ObjectMeta", "name namespace~dns_label labels annotations")
judges("meta.v1.LabelSelector", "matchLabels matchExpressions")
judges("meta.v1.LabelSelectorRequirement", "key~key operator:In|NotIn|Exists|DoesNotExist values", "key operator")


@rule("meta.v1.ObjectMeta")
def _metadata(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from labels_hold(given.get("labels"), joined(path, "labels"))
    size = 0
    for key, value in (given.get("annotations") or {}).items():
        yield from refused(joined(joined(path, "annotations"), key), names.key(key.lower()))
        size += len(key) + len(value or "")
    if size > 256 * 1024:
        yield Refused(joined(path, "annotations"), f"must have at most {256 * 1024} characters, got {size}")


@rule("meta.v1.LabelSelector")
def _selector(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from labels_hold(given.get("matchLabels"), joined(path, "matchLabels"))


@rule("meta.v1.LabelSelectorRequirement")
def _requirement(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    values, operator = given.get("values") or [], given.get("operator")
    at = joined(path, "values")
    if operator in ("In", "NotIn") and not values:
        yield Refused(at, f"is required, because the operator is {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        yield Refused(at, f"must be left out, because the operator is {operator}")
    for index, value in enumerate(values):
        yield from refused(joined(at, index), names.label_value(value))
