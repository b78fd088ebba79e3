"""Run a program in a test and ask what it registered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.offline import program_run as engine
from eks_gpu.offline.answers import CatalogAnswers

REGION = "us-west-2"


@dataclass(frozen=True)
class Run:
    """A program's registrations; `inputs`, `options` and `dependencies` stand on each resource."""

    graph: Graph
    exports: Mapping[str, Any]
    log: list[tuple[str, str]]

    def of(self, type_: str) -> list[Resource]:
        return self.graph.of(type_)

    def one(self, type_: str, name: str | None = None) -> Resource:
        return self.graph.one(type_, name)

    def under(self, name: str) -> dict[str, Resource]:
        """The children of the component of this name, by name; of equal names the type tells: `name (type)`."""
        ours = [made for made in self.graph if made.name == name and made.type.startswith("eks-gpu-components:")]
        (parent,) = ours or [made for made in self.graph if made.name == name and not made.custom]
        children = self.graph.children(parent.urn)
        names = [child.name for child in children]
        return {
            child.name if names.count(child.name) == 1 else f"{child.name} ({child.type.split(':')[-1]})": child
            for child in children
        }

    def urns(self) -> set[str]:
        return {resource.urn for resource in self.graph}


def run(
    program: Callable[[], Any],
    *,
    region: str = REGION,
    given: Mapping[str, Any] | None = None,
    config: Mapping[str, str] | None = None,
    preview: bool = False,
) -> Run:
    """Run a program as an update, or as a first preview. `given` answers look-ups by token."""

    def without_result() -> None:
        program()  # a resource that a lambda returns is not awaitable

    answers = CatalogAnswers(region, given)
    recording = engine.run(
        without_result,
        answers,
        config={"aws:region": region, **(config or {})},
        preview=preview,
    )
    return Run(answers.kubernetes.added_to(recording.graph), recording.outputs, recording.log)
