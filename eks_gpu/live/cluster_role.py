"""The least that RBAC must allow: a ClusterRole of what is read, each rule with the commands that it is for, and one
more for the releases of Helm.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eks_gpu.live.cluster import Kind
from eks_gpu.live.kinds import AUTOSCALER_STATUS, EVENT, NAMED, READ
from eks_gpu.live.nodes.why_node import KINDS as WATCHED
from eks_gpu.live.why.gangs import POD_GROUPS

READER, RELEASES_READER = "eks-gpu-reader", "eks-gpu-releases-reader"
_THE_WHOLE = "check --cluster, why pod, cost --cluster, drift --cluster"
_EVERYTHING = "check --cluster, why pod, why node, cost --cluster, drift --cluster; watch: --watch"

Rule = dict[str, Any]


def rules() -> list[Rule]:
    """What RBAC must allow, without what each rule is for."""
    return [rule for rule, _ in rules_and_commands()]


def rules_and_commands() -> list[tuple[Rule, str]]:
    """Each rule with the commands that need it. `why` alone is `why pod` and `why node`."""
    return [
        *((rule, _EVERYTHING) for rule in _of(WATCHED, "list", "watch")),
        *((rule, _THE_WHOLE) for rule in _of((kind for kind in READ if kind not in WATCHED), "list")),
        (_named(name for _, name in NAMED), _THE_WHOLE),
        *((rule, "why pod, why node") for rule in _of([EVENT], "list")),
        (_named([AUTOSCALER_STATUS[1]]), "why pod, why node, --watch"),
        *((rule, "why pod") for rule in _of(POD_GROUPS, "list")),
    ]


def _of(kinds: Iterable[Kind], *verbs: str) -> list[Rule]:
    """One for each API group."""
    groups: dict[str, set[str]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, set()).add(plural(kind))
    return [
        {"apiGroups": [group], "resources": sorted(names), "verbs": list(verbs)}
        for group, names in sorted(groups.items())
    ]


def _named(names: Iterable[str]) -> Rule:
    """Of ConfigMaps, which are read by name."""
    return {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": sorted(names), "verbs": ["get"]}


def rules_of_releases() -> list[Rule]:
    """Helm keeps its releases in Secrets, which RBAC cannot tell from others by their type."""
    return [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]


def cluster_role(name: str, found: Iterable[Rule]) -> dict[str, Any]:
    """The object that is applied."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(found),
    }


def plural(kind: Kind) -> str:
    """How a path and RBAC call a kind: `networkpolicies` of NetworkPolicy."""
    name = kind.name.lower()
    if re.search(r"(s|x|ch|sh)$", name):
        return f"{name}es"
    return f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"


def written() -> str:
    """Both as YAML, for `kubectl apply`; above each rule are the commands that it is for."""
    return "---\n".join(
        "\n".join(_lines(name, found)) + "\n"
        for name, found in (
            (READER, rules_and_commands()),
            (RELEASES_READER, [(rule, _THE_WHOLE) for rule in rules_of_releases()]),
        )
    )


def _lines(name: str, found: Iterable[tuple[Rule, str]]) -> Iterator[str]:
    role = cluster_role(name, ())
    yield f"apiVersion: {role['apiVersion']}"
    yield f"kind: {role['kind']}"
    yield f"metadata: {{name: {name}}}"
    yield "rules:"
    for rule, commands in found:
        yield f"# {commands}"
        for start, (key, values) in zip(["- ", *["  "] * len(rule)], rule.items(), strict=False):
            yield from _wrapped(f"{start}{key}: [", [value or '""' for value in values])


_WIDTH = 110


def _wrapped(head: str, values: list[str]) -> Iterator[str]:
    """A list in brackets, on several lines where one would be too long."""
    whole = f"{head}{', '.join(values)}]"
    if len(whole) <= _WIDTH:
        yield whole
        return
    yield head
    line = "    "
    for value in values:
        if len(line) + len(value) + 2 > _WIDTH:
            yield line.rstrip()
            line = "    "
        line += f"{value}, "
    yield f"{line.rstrip().rstrip(',')}]"
