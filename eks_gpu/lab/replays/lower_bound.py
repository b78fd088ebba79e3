"""A lower bound for the cost of nodes for a set of pods: a linear program that may divide pods and nodes.

A packing has whole nodes, so none is cheaper, and the cheapest may well cost more than the bound.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import highspy


@dataclass(frozen=True)
class NodeType:
    """One that may be bought, in any number."""

    name: str
    hourly: float
    """USD."""
    allocatable: Mapping[str, int]
    """By resource; one that is not named is not there."""

    def takes(self, needs: Mapping[str, int]) -> bool:
        """Whether a pod fits on an empty node."""
        return all(amount <= self.allocatable.get(resource, 0) for resource, amount in needs.items())


@dataclass(frozen=True)
class LowerBound:
    """What no packing can be cheaper than."""

    hourly: float
    """USD."""
    nodes: Mapping[str, float]
    """How many nodes, and parts of nodes, of each type cost that."""


class _Solver(highspy.Highs):
    """Says nothing: with callbacks it prints its name on stdout as soon as it is made, whatever its options are."""

    def enableCallbacks(self) -> None:  # noqa: N802 - the library's name
        pass


def lower_bound(pods: Iterable[Mapping[str, int]], types: Sequence[NodeType]) -> LowerBound:
    """For pods by what each needs, in the units of `allocatable`. Raises ValueError for a pod that fits on no type.

    Of each size, a number of pods goes to each type that takes one, and of each type there are nodes enough for every
    resource. Pods of one size are one variable a type, so a thousand pods make a small program.
    """
    solver = _Solver()
    solver.silent()
    bought = [solver.addVariable(obj=each.hourly) for each in types]
    load: list[dict[str, list[highspy.highs.highs_linear_expression]]] = [{} for _ in types]
    for size, count in Counter(tuple(sorted(needs.items())) for needs in pods).items():
        takers = [number for number, each in enumerate(types) if each.takes(dict(size))]
        if not takers:
            raise ValueError(f"no type has room for a pod with {', '.join(f'{name} {n}' for name, n in size)}")
        placed = {number: solver.addVariable() for number in takers}
        solver.addConstr(solver.qsum(placed.values()) == count)
        for number, share in placed.items():
            for resource, amount in size:
                load[number].setdefault(resource, []).append(amount * share)
    for each, nodes, loads in zip(types, bought, load, strict=True):
        for resource, parts in loads.items():
            solver.addConstr(solver.qsum(parts) <= each.allocatable.get(resource, 0) * nodes)
    solver.minimize()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"the linear program was not solved: {solver.modelStatusToString(solver.getModelStatus())}")
    nodes = {each.name: solver.val(count) for each, count in zip(types, bought, strict=True)}
    return LowerBound(solver.getObjectiveValue(), {name: count for name, count in nodes.items() if count > 1e-9})
