"""The nearest valid value: told when it is near, and not otherwise."""

import ast

import pytest

from components.catalog import UnknownInstanceType, UnknownRegion, instance_types, regions
from components.catalog.nearest import hint, hint_or_all, nearest
from tests.programs import ROOT

TYPES = [row.name for row in instance_types()]


@pytest.mark.parametrize(
    ("given", "known", "found"),
    [
        ("g5.xlrge", TYPES, "g5.xlarge"),
        ("NO_SCHEDULE", ["NoSchedule", "NoExecute"], "NoSchedule"),
        ("regoin", ["region", "profile"], "region"),
        ("al2", ["al2023", "bottlerocket"], "al2023"),
        ("banana", TYPES, None),
        ("banana", regions(), None),
        ("tags", ["taints", "labels"], None),
        ("", ["dev"], None),
        ("dev", [], None),
    ],
)
def test_the_nearest_of_several(given, known, found):
    assert nearest(given, known) == found


def test_nothing_near_nothing_said():
    assert hint("banana", TYPES) == ""
    assert str(UnknownInstanceType("banana")) == "instance type banana is not in the catalog"
    assert str(UnknownRegion("banana")) == "region banana is not in the catalog"


def test_a_few_known_values_are_listed_where_none_is_near():
    assert hint_or_all("qa", ["prod", "dev"]) == "; there are: dev, prod"
    assert hint_or_all("prdo", ["prod", "dev"]) == "; nearest: prod"
    assert hint_or_all("banana", TYPES) == ""
    assert hint_or_all("banana", []) == ""


def test_there_is_one_measure_of_likeness():
    users = [
        str(file.relative_to(ROOT))
        for folder in ("components", "eks_gpu", "policy", "tools")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if ".venv" not in file.parts and "difflib" in (text := file.read_text(encoding="utf-8"))
        if "difflib" in _imports(text)
    ]
    assert users == ["components/catalog/nearest.py"]


def _imports(source: str) -> set[str]:
    return {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name
    }
