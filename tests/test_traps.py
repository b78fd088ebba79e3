"""The page of traps: forty, each guarded by a check or a test that there is."""

import ast
import re

from eks_gpu.checks import CHECKS
from tests.programs import ROOT

ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    return ROW.findall((ROOT / "docs/traps.md").read_text(encoding="utf-8"))


def fast_tests() -> set[str]:
    """Functions that `make test` runs."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "tests").rglob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def guards(row: tuple[str, ...]) -> list[str]:
    return re.findall(r"`([^`]+)`", row[-1])


def test_there_are_forty_in_order():
    assert [int(row[0]) for row in rows()] == list(range(1, 41))


def test_every_trap_is_guarded_by_what_there_is():
    known = CHECKS.keys() | fast_tests()
    assert {row[0]: guard for row in rows() for guard in guards(row) if guard not in known} == {}
    assert [row[0] for row in rows() if not guards(row)] == []


def test_what_a_graph_shows_is_a_check():
    """What a wrapper drops is never in a graph."""
    assert [row[0] for row in rows() if not any(guard in CHECKS for guard in guards(row))] == ["40"]
