"""The scope of a rule: a check never sees pools of which it does not speak."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest

from eks_gpu.checks import CHECKS, Check, Context
from eks_gpu.checks.registry import Said, verdict
from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unknown import Asked
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.scope import EVERYWHERE, Scope, scope_of
from eks_gpu.pools.uncertain import uncertain
from tests.graphs import TODAY, analysed, healthy

BACK_ENDS = ("auto-scaling-group", "managed-node-group", "karpenter", "auto-mode")
TYPES = {"nvidia": "g6.xlarge", "neuron": "inf2.xlarge", "none": "m6i.large"}
FOUND = analysed(*healthy())


def of_every_kind() -> list[Pool]:
    """A pool of each back end, accelerator and capacity type, named by them."""
    return [
        replace(
            FOUND.pools[0],
            name=f"{back_end} {kind} {capacity}",
            urn=f"{back_end} {kind} {capacity}",
            backend=back_end,
            instance_types=(TYPES[kind],),
            capacity_types=(capacity,),
        )
        for back_end, kind, capacity in product(BACK_ENDS, TYPES, ("spot", "on-demand", "reserved"))
    ]


def context_of(pools: Sequence[Pool]) -> Context:
    return Context(
        graph=Graph([]),
        region="us-west-2",
        on=TODAY,
        pools=pools,
        workloads=[],
        software=[],
        clusters=[],
        verdicts={"web": [Verdict(pool.name, True) for pool in pools]},
        cost=FOUND.cost,
        rooms=[Room(pool) for pool in pools],
    )


def seen(scope: Scope, pools: Sequence[Pool]) -> Context:
    """What a check of the scope is asked about."""
    given: list[Context] = []

    def function(context: Context) -> Iterator[Said]:
        given.append(context)
        yield verdict("stack", None, "it holds")

    assert list(Check("made-here", "error", "pool", "change it", function, scope=scope).findings(context_of(pools)))
    return given[0]


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (Scope(("karpenter",), ("none",), ("spot",)), {"karpenter none spot"}),
        (Scope(("karpenter",), ("nvidia", "neuron"), ("spot",)), {"karpenter nvidia spot", "karpenter neuron spot"}),
        (
            Scope(("auto-mode",), capacity_types=("reserved",)),
            {"auto-mode nvidia reserved", "auto-mode neuron reserved", "auto-mode none reserved"},
        ),
    ],
)
def test_a_check_sees_the_pools_in_its_scope_and_what_is_said_of_them(scope, names):
    context = seen(scope, of_every_kind())
    assert {pool.name for pool in context.pools} == names
    assert {room.pool.name for room in context.rooms} == names
    assert {said.pool for said in context.verdicts["web"]} == names


def test_a_check_without_a_scope_sees_every_pool():
    assert len(seen(EVERYWHERE, of_every_kind()).pools) == 4 * 3 * 3


def test_a_pool_of_which_the_capacity_is_unknown_may_be_in_scope():
    pool = replace(FOUND.pools[0], capacity_types=("on-demand",))
    spot = Scope(capacity_types=("spot",))
    assert seen(spot, [pool]).pools == []
    unknown = uncertain(pool, [Asked(pool.urn, "mixedInstancesPolicy.instancesDistribution", secret=False)])
    assert [each.name for each in seen(spot, [unknown]).pools] == [pool.name]


@pytest.mark.parametrize(
    ("id_", "pool"),
    [
        ("gpu-pools-start-at-zero", "managed-node-group none on-demand"),
        ("gpu-nodes-are-tainted", "karpenter none spot"),
        ("gpu-pools-consolidate-when-empty", "karpenter none on-demand"),
        ("gpu-pools-consolidate-when-empty", "managed-node-group nvidia on-demand"),
        ("spot-groups-choose-by-capacity", "auto-scaling-group none on-demand"),
        ("spot-groups-choose-by-capacity", "managed-node-group none spot"),
        ("spot-role-can-be-made", "karpenter nvidia reserved"),
        ("scale-from-zero-taints-match-node", "auto-mode nvidia spot"),
        ("one-zone-a-gpu-group", "auto-scaling-group none spot"),
        ("azrebalance-suspended-on-gpu-groups", "managed-node-group nvidia spot"),
        ("shared-gpus-are-planned", "karpenter neuron spot"),
    ],
)
def test_checks_do_not_speak_of_other_pools(id_, pool):
    (found,) = (each for each in of_every_kind() if each.name == pool)
    assert not CHECKS[id_].scope.meets(scope_of(found))


def test_a_check_that_names_a_scope_speaks_of_some_pools_and_not_of_all():
    scopes = {id_: found.scope for id_, found in CHECKS.items() if not found.scope.is_whole}
    assert len(scopes) > 20
    for id_, scope in scopes.items():
        met = [scope.meets(scope_of(pool)) for pool in of_every_kind()]
        assert any(met) and not all(met), id_


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(), ""),
        (Scope(accelerators=("neuron", "nvidia")), "NVIDIA, Neuron"),
        (Scope(("managed-node-group",), ("none",), ("spot", "reserved")), "managed group · CPU · reserved, spot"),
    ],
)
def test_a_scope_as_the_pages_show_it(scope, words):
    assert (str(scope), scope.is_whole) == (words, not words)


@pytest.mark.parametrize("parts", [{"back_ends": ("lambda",)}, {"accelerators": ()}, {"capacity_types": ("Spot",)}])
def test_a_scope_has_words_that_there_are(parts):
    with pytest.raises(ValueError, match="must be one or more of"):
        Scope(**parts)
