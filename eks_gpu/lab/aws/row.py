"""What the table says of one resource type: its calls, and where each parameter comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

State = Mapping[str, Any]
"""A resource's inputs by wire name, with the outputs that identify it, `id` and `arn` among them."""

Function = Callable[[State, State], Any]
"""Of the new state and the one before, which is empty when the resource is made."""

Source = str | Function
"""Where a parameter comes from: a key of the state, or a function."""


@dataclass(frozen=True)
class Call:
    """One operation of an AWS service, as boto3 names it. A parameter without a source is the key of its own name."""

    operation: str
    sources: Mapping[str, Source] = field(default_factory=dict)
    whole: bool = False
    """Whether AWS replaces the object by what the call says, so that an update has to say all."""
    always: tuple[str, ...] = ()
    """Parameters that an update says though they did not change."""


def call(operation: str, /, *, whole: bool = False, always: tuple[str, ...] = (), **sources: Source) -> Call:
    return Call(operation, sources, whole, always)


@dataclass(frozen=True)
class Row:
    """A resource type. Paths are JMESPath; templates are Python format strings over the state."""

    service: str
    create: Call
    id: str
    """Path into create's answer, or a template, which has braces."""
    delete: Call
    read: Call
    found: str
    """Path into read's answer, itself a template; nothing there means that the resource is gone."""
    after: tuple[Call, ...] = ()
    """After create; and on update, when what they say changed."""
    update: tuple[Call, ...] = ()
    before_delete: tuple[Call, ...] = ()
    tag: Call | None = None
    untag: Call | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    """For every call of the row."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Templates of outputs that no answer has."""
    named: str = ""
    """The key that gets a name when the program gives none."""
    fixed: frozenset[str] = frozenset()
    """Keys whose change replaces, though an update takes them."""
    quiet: frozenset[str] = frozenset()
    """Keys of the Pulumi provider's own, and those that only say how: their change asks for no call."""
    renewed: frozenset[str] = frozenset()
    """Outputs that an update may change."""
    failure: Callable[[Mapping[str, Any]], str] | None = None
    """Of what read finds: why the resource is there and does not work; empty if it does. None: it always does."""

    @property
    def updates(self) -> tuple[Call, ...]:
        return (*self.after, *self.update)


ARN = "arn:{partition}:%s:{region}:{account}:%s"
"""Template of an ARN, for `outputs`: of a service and a resource."""
