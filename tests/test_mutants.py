"""Mutation: broken plans are seen by a check, and every way to break one does break one."""

from collections import Counter
from functools import cache

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import plan_settings
from eks_gpu_components.catalog import READ_ON
from mutants.__main__ import FLOOR, report
from mutants.accepted import ACCEPTED
from mutants.edits import EACH, GONE, JSON, USER_DATA, Edit, edited, gone, swapped, to, written
from mutants.judge import Outcome, judged, mutants
from mutants.operators import FAMILIES, OPERATORS
from mutants.programs import Program
from tests.programs import ROOT, plan_of

BROKEN = (
    (".", "lab"),
    (".", "staging"),
    ("examples/gpu-claims", "dev"),
    ("examples/gpu-operator", "dev"),
    ("examples/gpu-operator", "ubuntu"),
    ("examples/karpenter-inference", "dev"),
    ("examples/llm-from-zero", "dev"),
    ("examples/warm-gpus", "dev"),
    ("examples/gang-training", "dev"),
    ("examples/reserved-training", "dev"),
    ("examples/reserved-training", "groups"),
    ("examples/reserved-training", "isolated"),
)
"""Programs in which every operator finds a place."""
STEP = 61
"""Every so many mutants one is judged here; `python -m mutants` judges all."""


@cache
def programs() -> list[Program]:
    return [program(*one) for one in BROKEN]


def program(folder: str, stack: str) -> Program:
    project = Project.load(ROOT / folder)
    plan = plan_of(folder, stack)
    settings = plan_settings(project, project.stack(stack))
    return Program(f"{project.name} {stack}", plan.region, plan.graph, settings, READ_ON)


def test_a_sample_is_caught():
    sample = list(mutants(programs(), OPERATORS))[::STEP]
    survivors = [str(one) for one in sample if not judged(one).caught_by and one.operator not in ACCEPTED]
    assert len(sample) >= 30
    assert survivors == []


def test_there_are_more_than_two_hundred_and_no_operator_is_idle():
    made = Counter(one.operator for one in mutants(programs(), OPERATORS))
    assert made.total() > 200
    assert [operator.name for operator in OPERATORS if not made[operator.name]] == []


def test_what_a_component_is_made_of_is_broken_by_nobody():
    graph = plan_of(".", "staging").graph
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    expanded = {found.urn for found in graph.of(attachment) if found.expanded_from}
    assert expanded
    assert expanded.isdisjoint(found.urn for found in written(graph, [attachment]))


def test_what_is_lived_with_is_an_operator_and_has_a_reason():
    assert ACCEPTED.keys() <= {operator.name for operator in OPERATORS}
    assert all(ACCEPTED.values())


def test_every_family_has_a_score_of_its_own(capsys):
    firsts = [operators[:1] for operators in FAMILIES.values()]
    caught = [Outcome(next(mutants(programs(), first)), ("some-check",)) for first in firsts]
    survivor = Outcome(caught[-1].mutant, ())
    report([*caught, survivor], len(BROKEN), 1.0)
    printed = capsys.readouterr().out
    for family in ("what a stack is made of", "nodes never go", "nodes never come", "notices are lost", "no way out"):
        assert f"  {family}: 1 of 1 caught, 100.0%" in printed
    assert "  pods are refused: 1 of 1 caught, 100.0%" in printed
    assert "  doors are open: 1 of 2 caught, 50.0%" in printed


def test_no_operator_is_of_two_families():
    names = [{operator.name for operator in operators} for operators in FAMILIES.values()]
    assert sum(map(len, names)) == len(set.union(*names))


def test_every_operator_says_how_it_hurts():
    assert [operator.name for operator in OPERATORS if not operator.harm] == []


# --- the tool itself -------------------------------------------------------------------------------------------------


def test_a_change_is_made_at_every_place_of_a_path_and_nowhere_else():
    tree = {"a": [{"b": 1}, {"b": 2}, {"c": 3}], "d": 4}
    assert list(edited(tree, ("a", EACH, "b"), to(9))) == [
        ("a.0.b", {"a": [{"b": 9}, {"b": 2}, {"c": 3}], "d": 4}),
        ("a.1.b", {"a": [{"b": 1}, {"b": 9}, {"c": 3}], "d": 4}),
        ("a.2.b", {"a": [{"b": 1}, {"b": 2}, {"c": 3, "b": 9}], "d": 4}),
    ]
    assert tree == {"a": [{"b": 1}, {"b": 2}, {"c": 3}], "d": 4}


def test_what_does_not_change_is_no_mutant():
    assert list(edited({"a": 1}, ("a",), to(1))) == []
    assert list(edited({"a": 1}, ("b",), gone)) == []
    assert list(edited({"a": 1}, ("b", "c"), to(1))) == []


def test_a_key_and_an_item_can_go():
    assert list(edited({"a": [1, 2]}, ("a",), to(GONE))) == [("a", {})]
    assert list(edited({"a": [1, 2]}, ("a", 0), to(GONE))) == [("a.0", {"a": [2]})]


def test_texts_are_opened():
    assert list(edited({"p": '{"a": 1}'}, ("p", JSON, "a"), to(2))) == [("p.a", {"p": '{"a": 2}'})]
    assert list(edited({"u": "aGVsbG8="}, ("u", USER_DATA), swapped("h", "j"))) == [("u", {"u": "amVsbG8="})]


def test_outputs_follow_the_inputs_that_they_repeat():
    made = Resource("urn:a", "t", "a", inputs={"name": "x", "size": 1}, outputs={"name": "x", "arn": "arn:x"})
    stack = Program("shop", "us-west-2", Graph([made]), plan_settings(*_project()), READ_ON)
    (mutant,) = Edit("another name", "it is not found", ["t"], ("name",), to("y")).mutants(stack)
    (changed,) = mutant.graph
    assert (changed.inputs, changed.outputs) == ({"name": "y", "size": 1}, {"name": "y", "arn": "arn:x"})


def _project():
    project = Project.load(ROOT)
    return project, project.stack("dev")


@pytest.mark.parametrize(("operator", "good"), [("no driver at all", True), ("an unknown way", False)])
def test_a_survivor_without_a_reason_fails_the_run(operator, good, capsys):
    caught, survivor = (
        Outcome(next(mutants(programs()[:1], [Edit(name, "", ["aws:ec2/vpc:Vpc"], ("a",), to(1))])), by)
        for name, by in (("caught", ("vpc-resolves-names",)), (operator, ()))
    )
    assert report([*[caught] * 99, survivor], 1, 1.0) is good
    assert "99 caught by 1 checks: 99.0%, in 1 s" in capsys.readouterr().out


def test_a_score_under_the_floor_fails_the_run():
    caught, survivor = (
        Outcome(next(mutants(programs()[:1], [Edit(name, "", ["aws:ec2/vpc:Vpc"], ("a",), to(1))])), by)
        for name, by in (("caught", ("vpc-resolves-names",)), ("no driver at all", ()))
    )
    assert FLOOR == 0.97
    assert not report([*[caught] * 96, *[survivor] * 4], 1, 1.0)
