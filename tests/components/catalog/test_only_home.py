"""The catalog is the only home of its facts: no other module writes one of them again."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from components.catalog import ADDONS, CapacityType, Taint, instance_types

ROOT = Path(__file__).parents[3]
FOLDERS = ("components", "eks_gpu", "policy")
HOMES = [
    import_module(f"components.catalog.{name}")
    for name in (
        *("addons", "api_groups", "chart_defaults", "instance_types", "label_rules", "labels", "load_balancers"),
        *("managed_policies", "scheduling", "tags"),
    )
]
WRITTEN_AS_USERS_WRITE = ("eks_gpu/lab/scenarios/",)
"""Programs that the lab brings up: they are a user's, in which a label is written and not imported."""
ANOTHER_MEANING = {
    # Where Go finds Kubernetes' own modules.
    ("eks_gpu/lab/toolset.py", "k8s.io"),
    ("eks_gpu/lab/go_patches.py", "k8s.io"),
    ("eks_gpu/lab/toolset.py", "kube-state-metrics"),
    # Where kubelet puts the token of a pod's service account.
    ("components/observability/monitors.py", "kubernetes.io"),
    # The service principal of EKS's control plane, which has the name of Auto Mode's API group.
    ("eks_gpu/lab/aws/eks_provider.py", "eks.amazonaws.com"),
    ("eks_gpu/offline/remote/cluster.py", "eks.amazonaws.com"),
    # The provisioner of pulumi-eks' storage classes, which is of Kubernetes' own.
    ("eks_gpu/offline/remote/cluster.py", "kubernetes.io"),
}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (found for pair in value.items() for each in pair for found in _strings(each))
    elif isinstance(value, tuple | list | set | frozenset):
        yield from (found for each in value for found in _strings(each))
    elif isinstance(value, Taint):
        yield value.key


@cache
def facts() -> frozenset[str]:
    """Strings of the catalog's constants that mean one thing wherever they stand: names with a sign in them."""
    constants = [value for home in HOMES for name, value in vars(home).items() if name.isupper()]
    found = {text.strip("/") for text in _strings(constants)}
    telling = {text for text in found if re.search(r"[/.-]|^Amazon|^CriticalAddons", text) and " " not in text}
    policy_language = {"2012-10-17"}  # a version, written in every policy
    return frozenset(telling | ADDONS) - {*CapacityType} - {row.name for row in instance_types()} - policy_language


def modules() -> list[Path]:
    tracked = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    names = {path: path.relative_to(ROOT).as_posix() for path in tracked}
    return [
        path
        for path, name in names.items()
        if not name.startswith(("components/catalog/", *WRITTEN_AS_USERS_WRITE))
        and not {".venv", "build", "node_modules"} & {*path.parts}
    ]


@dataclass(frozen=True)
class Written:
    """What stands in a module, each with its line."""

    literals: list[tuple[int, str]]
    """Strings but for its docstrings, those of fields too."""
    lists: list[tuple[int, set[Any]]]
    """Constants of its tuples, lists and sets that have three or more."""


@cache
def written(path: Path) -> Written:
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    docs = {id(found.value) for found in nodes if isinstance(found, ast.Expr)}
    constants = [found for found in nodes if isinstance(found, ast.Constant) and id(found) not in docs]
    literals = [(found.lineno, found.value) for found in constants if isinstance(found.value, str)]
    several = [
        (node.lineno, {each.value for each in node.elts if isinstance(each, ast.Constant)})
        for node in nodes
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
    ]
    return Written(literals, [(line, values) for line, values in several if len(values) > 2])


def written_again(text: str) -> list[str]:
    """Facts that a literal repeats, as a whole or as a part; a sentence may name them."""
    if " " in text:
        return []
    return [fact for fact in _candidates(text) if fact in facts()]


def _candidates(text: str) -> Iterator[str]:
    """Runs of the text between signs that no fact begins or ends with, and their parts up to a slash."""
    for run in re.split(r"[:\"'=,]", text):
        parts = run.strip("/").split("/")
        spans = ((start, end) for start in range(len(parts)) for end in range(start + 1, len(parts) + 1))
        yield from ("/".join(parts[start:end]) for start, end in spans)


def test_no_other_module_writes_a_fact_of_the_catalog():
    scanned = modules()
    assert len(scanned) > 200 and len(facts()) > 120
    again = [
        (path.relative_to(ROOT).as_posix(), line, fact)
        for path in scanned
        for line, text in written(path).literals
        for fact in written_again(text)
    ]
    assert [each for each in again if (each[0], each[2]) not in ANOTHER_MEANING] == []
    assert {(name, fact) for name, _, fact in again} >= ANOTHER_MEANING


WORDS = {
    "In",
    "NotIn",
    "Exists",
    "DoesNotExist",
    "Gt",
    "Lt",
    "Gte",
    "Lte",
    "NoSchedule",
    "PreferNoSchedule",
    "NoExecute",
}
"""Kubernetes' operators and effects, each of which a module may use by itself."""


def lists_of(words: set[str], paths: list[Path]) -> list[tuple[str, int]]:
    """Where three or more of the words stand in one list."""
    return [
        (path.relative_to(ROOT).as_posix(), line)
        for path in paths
        for line, values in written(path).lists
        if len(values & words) > 2
    ]


def test_no_other_module_lists_the_operators_or_effects_of_kubernetes():
    assert lists_of(WORDS, modules()) == []
    assert lists_of(WORDS, [ROOT / "components/catalog/requirements.py", ROOT / "components/catalog/scheduling.py"])


def test_families_with_accelerators_are_read_from_the_table_and_listed_nowhere():
    families = {row.family for row in instance_types() if row.accelerator}
    assert len(families) > 15
    assert lists_of(families, [*modules(), *(ROOT / "components/catalog").glob("*.py")]) == []
