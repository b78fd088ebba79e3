"""A program that has the components from their provider, as one in another language has them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from typing import Any
from unittest.mock import patch

import pulumi

from components.provider.components import Components
from components.provider.names import type_of
from components.provider.package import NAME
from components.provider.serve import components
from eks_gpu.offline import program_run
from eks_gpu.offline.packaged import Packaged
from eks_gpu.offline.recorder import Recorder
from eks_gpu.offline.served import Served, serving
from tests.engine import REGION, Run, run


@cache
def provider() -> Components:
    return Components(components(), "0.1.0")


def run_through_provider(program: Callable[[Any], None], *, preview: bool = False, **more: Any) -> Run:
    """Runs a program that takes its components from what it is called with."""

    class Through(Recorder):
        served: Served

        def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the protocol's own name
            ours = request.remote and request.type.startswith(f"{NAME}:")
            return self.served.register(request) if ours else super().RegisterResource(request)

    @contextmanager
    def recorder_of(*args: Any) -> Iterator[Through]:
        config = {"aws:region": REGION, **more.get("config", {})}
        packaged = Packaged(project="project", stack="dev", config=config)
        made = Through(*args)
        with serving(made, {NAME: packaged.construct}) as made.served, packaged:
            yield made

    made: list[Through] = []
    with ExitStack() as opened:

        def recorder(*args: Any) -> Through:
            made.append(opened.enter_context(recorder_of(*args)))
            return made[0]

        with patch.object(program_run, "Recorder", recorder):
            found = run(lambda: program(Remote()), preview=preview, **more)
        return replace(found, log=[*found.log, *made[0].served.log])


class Remote:
    """The library as its generated SDK is: classes that register a component and let the provider make it."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        definition = provider()._component_defs[name]

        def make(of: str, args: Any, opts: pulumi.ResourceOptions | None = None) -> Any:
            made = pulumi.ComponentResource(
                f"{NAME}:index:{name}",
                of,
                {**dict.fromkeys(definition.outputs), **_wire(args, definition.inputs, definition.inputs_mapping)},
                opts,
                remote=True,
            )
            for key, attribute in definition.outputs_mapping.items():
                setattr(made, attribute, getattr(made, key))
            return made

        return make


def _wire(args: Mapping[str, Any], properties: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    wire = {attribute: key for key, attribute in mapping.items()}
    return {wire.get(name, name): _value(value, properties.get(wire.get(name, ""))) for name, value in args.items()}


def _value(value: Any, wanted: Any) -> Any:
    if wanted is None:
        return value
    if (made := type_of(wanted, provider()._type_defs)) and isinstance(value, Mapping):
        return _wire(value, made.properties, made.properties_mapping)
    if isinstance(value, list | tuple):
        return [_value(item, wanted.items) for item in value]
    if isinstance(value, Mapping):
        return {key: _value(item, wanted.additional_properties) for key, item in value.items()}
    return value
