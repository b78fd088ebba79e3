"""Edits of a recorded graph: a value, a resource, an option or an order."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from eks_gpu.graph.graph import Graph, Resource

from .programs import Program

GONE = object()
"""What a change returns for a key or an item to be left out."""
EACH, JSON, USER_DATA = "*", "<json>", "<user data>"
"""Steps of a path: into every item, into JSON text, and into the text of base64 user data."""

Change = Callable[[Any], Any]
Where = Callable[[Resource, Program], bool]


@dataclass(frozen=True)
class Mutant:
    """One program, broken once."""

    operator: str
    program: Program
    place: str
    graph: Graph

    def __str__(self) -> str:
        return f"{self.program}: {self.operator}: {self.place}"


class Operator(Protocol):
    """One way to break a plan."""

    @property
    def name(self) -> str:
        """What it does, and so what a user might have done."""
        ...

    @property
    def harm(self) -> str:
        """What that does to the user."""
        ...

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """Every place of the program where it applies; none where it would hurt nobody."""
        ...


def anywhere(resource: Resource, program: Program) -> bool:
    """Every resource of the operator's types."""
    return True


@dataclass(frozen=True)
class Edit:
    """A value of a resource's inputs becomes another one, or goes."""

    name: str
    harm: str
    types: Sequence[str]
    at: tuple[Any, ...]
    """Path within the inputs; a last key that is not there is a change of None."""
    change: Change
    where: Where = anywhere

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each resource and each value at the path."""
        for resource in written(program.graph, self.types):
            if self.where(resource, program):
                for place, inputs in edited(resource.inputs, self.at, self.change):
                    changed = replace(resource, inputs=inputs, outputs=_following(resource, inputs))
                    yield Mutant(self.name, program, f"{resource.name} {place}".strip(), _with(program.graph, changed))


@dataclass(frozen=True)
class EditAll:
    """The same of every resource at once."""

    edit: Edit

    @property
    def name(self) -> str:
        """As of one."""
        return self.edit.name

    @property
    def harm(self) -> str:
        """As of one."""
        return self.edit.harm

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One a program."""
        graph = program.graph
        for each in self.edit.mutants(program):
            (changed,) = [found for found in each.graph if found != program.graph.get(found.urn)]
            graph = _with(graph, changed)
        if graph is not program.graph:
            yield Mutant(self.name, program, "everywhere", graph)


@dataclass(frozen=True)
class Without:
    """A resource is forgotten."""

    name: str
    harm: str
    types: Sequence[str]
    where: Where = anywhere

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each resource."""
        for resource in written(program.graph, self.types):
            if self.where(resource, program):
                rest = program.graph.only(lambda found, urn=resource.urn: found.urn != urn)
                yield Mutant(self.name, program, resource.name, rest)


@dataclass(frozen=True)
class With:
    """A resource comes that should not be there."""

    name: str
    harm: str
    resource: Resource
    where: Callable[[Program], bool]

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One a program."""
        if self.where(program):
            graph = program.graph.of_resources([*program.graph, self.resource])
            yield Mutant(self.name, program, self.resource.name, graph)


@dataclass(frozen=True)
class Rewritten:
    """Several resources change together, or resources come that depend on the program."""

    name: str
    harm: str
    rewrite: Callable[[Program], Iterator[tuple[str, Iterable[Resource]]]]
    """Places, each with the resources that are new or that take the place of those with their URNs."""

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each place."""
        for place, changed in self.rewrite(program):
            by_urn = {resource.urn: resource for resource in (*program.graph, *changed)}
            yield Mutant(self.name, program, place, program.graph.of_resources(by_urn.values()))


@dataclass(frozen=True)
class Option:
    """An option of the engine is another."""

    name: str
    harm: str
    types: Sequence[str]
    option: str
    value: Any
    """None to leave it out."""
    where: Where = anywhere

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each resource whose option is not that already."""
        for resource in written(program.graph, self.types):
            if self.where(resource, program) and resource.options.get(self.option) != self.value:
                options = {**resource.options, self.option: self.value}
                changed = replace(resource, options={key: value for key, value in options.items() if value is not None})
                yield Mutant(self.name, program, resource.name, _with(program.graph, changed))


@dataclass(frozen=True)
class Given:
    """A harm that there is only after a change which by itself does none."""

    change: Operator
    harmful: Operator

    @property
    def name(self) -> str:
        """Of what does harm."""
        return self.harmful.name

    @property
    def harm(self) -> str:
        """Of what does harm."""
        return self.harmful.harm

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each pair of places; what is broken is the changed program."""
        for changed in self.change.mutants(program):
            yield from self.harmful.mutants(replace(program, graph=changed.graph))


@dataclass(frozen=True)
class Unordered:
    """Nobody waits for a release any more."""

    name: str
    harm: str
    chart: str
    where: Callable[[Program], bool] = lambda program: True

    def mutants(self, program: Program) -> Iterator[Mutant]:
        """One for each release of the chart."""
        for release in program.releases(self.chart) if self.where(program) else ():
            forgotten = program.graph.of_resources(_without(found, release.urn) for found in program.graph)
            yield Mutant(self.name, program, release.name, forgotten)


def _following(resource: Resource, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs of changed inputs: those that were the same as an input still are."""
    same = {key for key, value in resource.outputs.items() if resource.inputs.get(key) == value}
    return {key: inputs.get(key) if key in same else value for key, value in resource.outputs.items()}


def _without(resource: Resource, urn: str) -> Resource:
    return replace(resource, dependencies=resource.dependencies - {urn})


def written(graph: Graph, types: Sequence[str]) -> Iterator[Resource]:
    """Resources of these types that a person can break: what a provider makes inside a component is its own."""
    return (resource for resource in graph.of(*types) if not resource.expanded_from)


def _with(graph: Graph, changed: Resource) -> Graph:
    return graph.of_resources(changed if found.urn == changed.urn else found for found in graph)


def edited(tree: Any, at: tuple[Any, ...], change: Change) -> Iterator[tuple[str, Any]]:
    """Each place that the path leads to, and the tree with that place changed; nothing where that makes no change."""
    if not at:
        changed = change(tree)
        if changed != tree:
            yield "", changed
        return
    step, rest = at[0], at[1:]
    if step in (JSON, USER_DATA):
        if isinstance(tree, str) and tree:
            read, write = _CODECS[step]
            yield from ((place, write(new)) for place, new in edited(read(tree), rest, change))
        return
    for key in _keys(tree, step):
        old = tree[key] if not isinstance(tree, Mapping) or key in tree else None
        if rest and old is None:
            continue
        for place, new in edited(old, rest, change):
            yield f"{key}{'.' if place else ''}{place}", _replaced(tree, key, new)


_CODECS: Mapping[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    JSON: (json.loads, json.dumps),
    USER_DATA: (lambda text: base64.b64decode(text).decode(), lambda text: base64.b64encode(text.encode()).decode()),
}


def _keys(tree: Any, step: Any) -> Sequence[Any]:
    if step == EACH:
        return list(tree) if isinstance(tree, Mapping) else range(len(tree)) if isinstance(tree, list) else ()
    if isinstance(tree, list):
        return [step] if isinstance(step, int) and step < len(tree) else ()
    return [step] if isinstance(tree, Mapping) else ()


def _replaced(tree: Any, key: Any, new: Any) -> Any:
    copy = dict(tree) if isinstance(tree, Mapping) else list(tree)
    if new is GONE:
        del copy[key]
    else:
        copy[key] = new
    return copy


# --- changes ---------------------------------------------------------------------------------------------------------


def to(value: Any) -> Change:
    """Whatever was there."""
    return lambda _: value


def gone(_: Any) -> Any:
    """Left out; no change where nothing is there."""
    return None if _ is None else GONE


def swapped(old: str, new: str) -> Change:
    """One piece of a text for another."""
    return lambda text: text.replace(old, new) if isinstance(text, str) else text


def only(value: Any, then: Any) -> Change:
    """This value alone, for another one or GONE."""
    return lambda given: then if given == value else given


def with_key(**pairs: Any) -> Change:
    """A mapping with these keys too."""
    return lambda given: {**(given or {}), **pairs}


def with_item(item: Any) -> Change:
    """A list with one more item."""
    return lambda given: [*(given or ()), item]


def without_items(matches: Callable[[Any], bool]) -> Change:
    """A list without those items."""
    return lambda given: [item for item in given or () if not matches(item)]
