"""A component while its provider makes it: what it was asked for, and the resources that come of it, one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.offline.account import Account, Properties
from eks_gpu.offline.registered import Asked, Engine, Made
from eks_gpu.offline.wire import urn_of


@dataclass(frozen=True)
class Construction:
    """A remote component, and the means to make what it is made of."""

    component: Resource
    inputs: Properties
    """The component's inputs with wire values: secrets and references stand in them as the program gave them."""
    engine: Engine
    account: Account
    ask: Callable[[str, Properties], Properties | None]
    """Looks something up in AWS by the token of a function; None for what no offline run can know."""

    @property
    def name(self) -> str:
        """The component's name in Pulumi."""
        return self.component.name

    def make(
        self,
        type_: str,
        name: str,
        inputs: Properties,
        *,
        parent: Made | None = None,
        custom: bool = True,
        ignore_changes: Sequence[str] = (),
        needs: Sequence[Made | None] = (),
        provider: Made | None = None,
        told: Properties | None = None,
    ) -> Made:
        """Makes a resource under the component, or under another that was made for it."""
        return self.engine.make(
            self.component,
            Asked(
                type_,
                name,
                inputs,
                parent.urn if parent else self.component.urn,
                custom,
                ignore_changes,
                [made.urn for made in needs if made],
                f"{provider.urn}::{provider.id}" if provider else "",
                told or {},
            ),
        )

    def find(self, value: Any) -> Made | None:
        """The resource that a value refers to; None for a value that refers to none of this run."""
        urn = urn_of(value)
        return self.engine.find(urn) if urn else None

    def property_of(self, value: Any, key: str) -> Any:
        """A property of the resource that a value refers to, or of the map that stands for it."""
        found = self.find(value)
        if found:
            return found[key]
        return value.get(key) if isinstance(value, Mapping) else None
