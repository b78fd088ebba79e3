"""What the nodes that run cost: by pool, beside the plan, and since when they are idle."""

import sys
from dataclasses import replace

import pytest

from eks_gpu.commands.main import main
from eks_gpu.cost.money import Marks
from eks_gpu.live.nodes.render import render
from eks_gpu.live.nodes.why_node import WhyNodes, answers_of
from eks_gpu.live.render_spending import render as render_spending
from eks_gpu.live.spending import Level, Levels, PoolSpending, Spending, by_pool
from tests.console import broken_words, printed, shown
from tests.running_nodes import NOW, OF_KARPENTER, ago, claim, claim_of, facts, node, node_pool


def test_idle_nodes_cost_since_they_are_idle():
    (pool,) = by_pool(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()]).nodes)

    row = pool.as_json(NOW)

    assert (row["idle_nodes"], row["idle_hourly"], row["idle_since"], row["idle_cost"]) == (
        1,
        1.006,
        ago(hours=1),
        1.006,
    )


def test_a_price_is_unknown_before_anyone_says_what_is_bought():
    coming = claim()
    coming["metadata"] = {**coming["metadata"], "labels": {"karpenter.sh/nodepool": "gpu"}}
    (pool,) = by_pool(facts(claims=[coming]).nodes)

    assert (pool.as_json(NOW)["hourly"], pool.as_json(NOW)["unpriced_nodes"]) == (0, 1)


OVER = Levels("its own pools", None, None, Level(1.0, 730.0, Marks()))


def spent(plan: Levels) -> Spending:
    nodes = facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()]).nodes
    return Spending("north", NOW, "us-west-2", (PoolSpending("gpu", "karpenter", tuple(nodes)),), (), plan)


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", ["research-and-development-of-language-models-gpu-us-west-2a", "gpu" * 21])
def test_no_name_is_broken_within_a_word(name, width):
    found = spent(OVER)
    named = replace(found, pools=tuple(replace(pool, name=name) for pool in found.pools))
    assert name in shown(render_spending(named), 200)
    assert broken_words(render_spending(named), width) == set()
    read = facts(
        nodes=[node(name, labels=OF_KARPENTER)], claims=[claim_of(name, name, ago(hours=3))], pools=[node_pool()]
    )
    why = WhyNodes(name, NOW, tuple(answers_of(read, read.nodes, read.nodes)))
    assert name in shown(render(why), 200)
    assert broken_words(render(why), width) == set()


@pytest.mark.parametrize(
    "plan, over",
    [
        (OVER, "over the maximum of its own pools"),
        (replace(OVER, max=Level(1.1, 803.0, Marks())), ""),
        (replace(OVER, max=Level(1.0, 730.0, Marks(at_least=True))), ""),
        (replace(OVER, max=Level(1.0, 730.0, Marks(missing=True))), ""),
        (replace(OVER, max=None), ""),
        (replace(OVER, max=None, budget=700.0), "over the budget of its own pools"),
        (replace(OVER, max=None, budget=800.0), ""),
    ],
)
def test_a_rate_over_what_is_certain_of_the_plan_fails(plan, over):
    assert spent(plan).over == over


def test_the_rate_is_shown_within_80_columns_beside_the_plan():
    lines = printed(shown(render_spending(spent(OVER))))

    assert max(map(len, lines)) <= 80
    assert "now: 1.006 USD an hour, 734 a month of 730" in lines
    assert "the plan of its own pools: idle unknown, steady unknown, maximum 1.00 USD an hour" in " ".join(lines)
    assert "1 of 1 nodes of gpu idle, the first for 1h at least: 1.006 USD since" in lines


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["cost"], "--cluster is required: `eks-gpu plan` has the cost of a program"),
        (["cost", "--cluster", "--plan", ".", "--plan-file", "p.json"], "--plan PROJECT and --plan-file FILE exclude"),
        (["cost", "--cluster", "--watch", "--json", "-"], "--json and --html are of one moment"),
        (["why", "node", "--watch", "--json", "-"], "--json is of one moment"),
        (["why", "node", "--kubeconfig", "nowhere"], "--kubeconfig: nowhere: there is no such file"),
    ],
)
def test_wrong_input_is_said_before_anything_is_asked(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["eks-gpu", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
