"""The resource graph: what a program registered, whatever recorded it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from eks_gpu.graph.unknown import Asked, steps, tell
from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import shown

T = TypeVar("T")

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Resource:
    """One registration. `inputs` and `outputs` have wire names (camelCase), and secrets in the clear: print `shown`."""

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What is unknown is absent: a map without it is a `values.Told`, and `unknown` has its path."""
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    """As the engine is told them: `ignoreChanges`, `protect`, `retainOnDelete`, `customTimeouts`, `aliases`, ..."""
    dependencies: frozenset[str] = frozenset()
    """URNs it waits for, those its inputs come from among them."""
    property_dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    provider: str = ""
    remote: bool = False
    """Whether another program, a component's provider, makes what is in it; a state and a preview do not tell."""
    unknown: tuple[str, ...] = ()
    """Paths of inputs that cannot be read, such as `subnetIds[0]`: known after an update only, or encrypted."""
    wanted: tuple[str, ...] = ()
    """Outputs that nobody knows, and that the program waits for."""
    masked: Mapping[str, Any] | None = None
    """The inputs with a mask for what the program calls a secret; None where it calls nothing one."""
    expanded_from: str = ""
    """URN of the component whose provider makes it; empty for what the program registers itself."""
    one_for_each: str = ""
    """List of unknown length that the program goes through where it registers this; empty if it goes through none."""

    @property
    def shown(self) -> Mapping[str, Any]:
        """The inputs with a mask for each secret: what is printed and written of them."""
        return shown(self.inputs, self.type) if self.masked is None else self.masked

    def __getitem__(self, key: str) -> Any:
        """An output, else the input of that name, else None: an update's view of a property."""
        value = self.outputs.get(key)
        return self.inputs.get(key) if value is None else value


class Graph:
    """Resources by URN, type, parent and id."""

    def __init__(
        self,
        resources: Iterable[Resource],
        *,
        options_known: bool = True,
        created: Collection[str] | None = None,
        unread: Iterable[Unread] = (),
        looked_up: Collection[str] | None = None,
        running: bool = False,
    ):
        """`options_known` is whether resources tell their options: in a preview they do not.

        `created` are the URNs of what is not there yet; None for all, as in a plan. `unread` is what whoever made the
        graph could not read. `looked_up` are the ids and releases of images that the program's look-ups gave,
        and that so move without a change of the program; None if nobody can tell. `running` is whether these are the
        resources of a cluster and its account, and of no program.
        """
        self._by_urn = {resource.urn: resource for resource in resources}
        self.options_known = options_known
        self._created = created
        self.unread = tuple(unread)
        self.looked_up = looked_up
        self.running = running

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_urn.values())

    def __len__(self) -> int:
        return len(self._by_urn)

    def of_resources(self, resources: Iterable[Resource]) -> "Graph":
        """A graph with other resources that is told the same of them."""
        return self._with(resources, self.unread)

    def with_unread(self, unread: Iterable[Unread]) -> "Graph":
        """The same graph with more that could not be read."""
        return self._with(self, (*self.unread, *unread))

    def _with(self, resources: Iterable[Resource], unread: Iterable[Unread]) -> "Graph":
        return Graph(
            resources,
            options_known=self.options_known,
            created=self._created,
            unread=unread,
            looked_up=self.looked_up,
            running=self.running,
        )

    def is_new(self, resource: Resource) -> bool:
        """Whether the next update makes it."""
        return self._created is None or resource.urn in self._created

    def only(self, keep: Callable[[Resource], bool]) -> "Graph":
        """The graph of these resources alone, with what was not read."""
        return self.of_resources(resource for resource in self if keep(resource))

    def replayed(self, make: Callable[["Graph"], Iterable[T]]) -> Iterator[T]:
        """What `make` gives for this graph. It is made once; everyone who goes through it asks, step by step, for the
        unknown properties that it was made from.
        """
        if make not in self._made:
            self._made[make] = list(steps(make(self)))
        for item, asked in self._made[make]:
            tell(asked)
            yield from item

    @cached_property
    def _made(self) -> dict[Callable[["Graph"], Iterable[Any]], list[tuple[tuple[Any, ...], frozenset[Asked]]]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_made"}

    def get(self, urn: str) -> Resource | None:
        return self._by_urn.get(urn)

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        return _grouped((resource.type, resource) for resource in self)

    @cached_property
    def _by_parent(self) -> dict[str, list[Resource]]:
        return _grouped((resource.parent, resource) for resource in self)

    @cached_property
    def _by_id(self) -> dict[str, list[Resource]]:
        return _grouped((resource.id, resource) for resource in self if resource.id)

    def of(self, *types: str) -> list[Resource]:
        """Resources of these type tokens, in the graph's own order within a type."""
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    def one(self, type_: str, name: str | None = None) -> Resource:
        """The only resource of a type, or of that name. Raises LookupError when there is none or more than one."""
        found = [resource for resource in self.of(type_) if name is None or resource.name == name]
        if len(found) != 1:
            raise LookupError(f"want one {type_} {name or ''}, found {sorted(resource.name for resource in found)}")
        return found[0]

    def children(self, urn: str) -> list[Resource]:
        return self._by_parent.get(urn, [])

    def by_id(self, id_: str, *types: str) -> Resource | None:
        """The resource with this provider id, of one of the types where ids of several kinds can be equal."""
        return next((r for r in self._by_id.get(id_, ()) if not types or r.type in types), None)


def _grouped(pairs: Iterable[tuple[str, Resource]]) -> dict[str, list[Resource]]:
    out: dict[str, list[Resource]] = {}
    for key, resource in pairs:
        out.setdefault(key, []).append(resource)
    return out
