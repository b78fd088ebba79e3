"""The least that RBAC must allow: a ClusterRole of what is read, and one more for the releases of Helm."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eks_gpu.live.cluster import Kind
from eks_gpu.live.kinds import EVENT, NAMED, READ

READER, RELEASES_READER = "eks-gpu-reader", "eks-gpu-releases-reader"
_VERBS = ("get", "list", "watch")

Rule = dict[str, Any]


def rules() -> list[Rule]:
    """One for each API group, and one for the ConfigMaps, which are read by name."""
    groups: dict[str, set[str]] = {}
    for kind in (*READ, EVENT):
        groups.setdefault(kind.group, set()).add(plural(kind))
    found = [
        {"apiGroups": [group], "resources": sorted(names), "verbs": list(_VERBS)}
        for group, names in sorted(groups.items())
    ]
    names = sorted({name for _, name in NAMED})
    return [*found, {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["get"]}]


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
    """Both as YAML, for `kubectl apply`."""
    return "---\n".join(
        "\n".join(_lines(each)) + "\n"
        for each in (cluster_role(READER, rules()), cluster_role(RELEASES_READER, rules_of_releases()))
    )


def _lines(role: dict[str, Any]) -> Iterator[str]:
    yield f"apiVersion: {role['apiVersion']}"
    yield f"kind: {role['kind']}"
    yield f"metadata: {{name: {role['metadata']['name']}}}"
    yield "rules:"
    for rule in role["rules"]:
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
