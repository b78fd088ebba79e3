"""Resources of a run as those see them who make more of them: what is asked for, and what was made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import REFERENCE, SIGNATURE

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource of the run, and its state: inputs and outputs, with wire values."""

    urn: str
    id: str
    state: Properties

    def __getitem__(self, key: str) -> Any:
        """A property by its wire name, None if it has none of that name."""
        return self.id if key == "id" else self.state.get(key)

    @property
    def reference(self) -> dict[str, str]:
        """The resource as the output of another one."""
        return {SIGNATURE: REFERENCE, "urn": self.urn, "id": self.id}


class Engine(Protocol):
    """The run in which the component is made."""

    def make(self, component: Resource, asked: "Asked") -> Made:
        """Registers a resource that a component is made of."""
        ...

    def find(self, urn: str) -> Made | None:
        """A resource that was registered before; None for one that is not of this run."""
        ...

    def when_all_is_there(self, change: Callable[[Graph], Mapping[str, Properties]]) -> None:
        """Lets inputs be set, by URN, that depend on resources which may be registered later."""
        ...

    def not_read(self, unread: Unread) -> None:
        """Notes what the plan cannot read."""
        ...


@dataclass(frozen=True)
class Asked:
    """One resource that a component asks for."""

    type: str
    name: str
    inputs: Properties
    parent: str
    custom: bool = True
    ignore_changes: Sequence[str] = ()
    needs: Sequence[str] = ()
    """URNs that it waits for, beside what its component waits for."""
    provider: str = ""
    told: Properties = field(default_factory=dict)
    """Parts of outputs that are maps, which only the component knows."""
