"""Defaults: the docstring of every optional argument names the default that the checked value has."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Any

import pytest

from eks_gpu_components.catalog import GPU_TAINT, NEURON_TAINT, Taint
from eks_gpu_components.nodes.node_pool import AUTO_MODE, KARPENTER, TERMINATION_GRACE_S
from eks_gpu_components.values.value import Value
from tools.arguments import Argument, all_args, arguments


def shown(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}"


DERIVED = {
    ("GpuPoolArgs", "max_age_h"): f"{KARPENTER.max_age_h} with Karpenter, {AUTO_MODE.max_age_h} on Auto Mode",
    ("GpuPoolArgs", "termination_grace_s"): str(TERMINATION_GRACE_S),
    ("GpuPoolArgs", "taint"): f"{shown(GPU_TAINT)}; of Neuron, {shown(NEURON_TAINT)}",
    ("SpotPoolArgs", "desired_nodes"): "`min_nodes`",
}
"""Defaults that follow from other facts than the value's field."""


def values(base: type[Value] = Value) -> Iterator[type[Value]]:
    for made in base.__subclasses__():
        yield made
        yield from values(made)


def optional() -> list[tuple[str, Argument]]:
    """Every argument of the library that may be left out, with the name of its args."""
    return [
        (name, argument)
        for name, made in all_args().items()
        if name.endswith("Args")
        for argument in arguments(made)
        if not argument.required
    ]


def default(args: str, argument: str) -> Any:
    """What the Value of these args has where the argument is left out."""
    named = {made.__name__: made for made in values() if made.__module__.startswith("eks_gpu_components.")}
    thing = args.removesuffix("Args")
    value = named.get(thing) or named[f"{thing}Spec"]
    return value.model_fields[argument].get_default(call_default_factory=True)


def as_text(value: Any) -> str:
    """A default as a docstring writes it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key}={item}" for key, item in value.items())
        case tuple():
            return ", ".join(map(as_text, value))
        case int() | float() | StrEnum() | str() | IPv4Network():
            return str(value)
    raise TypeError(value)


OPTIONAL = optional()


def test_the_library_has_optional_arguments():
    assert len(OPTIONAL) > 90
    assert {"ClusterSettingsArgs", "GpuPoolArgs", "KarpenterGpuPoolArgs"} <= {args for args, _ in OPTIONAL}


@pytest.mark.parametrize(("args", "argument"), OPTIONAL, ids=lambda one: one if isinstance(one, str) else one.name)
def test_the_docstring_of_an_argument_names_the_default_that_the_value_has(args, argument):
    assert not re.search(r"\bdefault\b", argument.says, re.IGNORECASE)  # the last sentence says it, and says it alone
    found = default(args, argument.name)
    told = argument.default
    if isinstance(found, Value):  # each of its own arguments names its default
        assert (told, argument.nested is not None) == ("", True)
    elif found is None or found in ("", (), {}):  # nothing, or what follows from something else
        assert told and told == DERIVED.get((args, argument.name), told)
    else:
        text = as_text(found)
        assert told == text or told.startswith((f"{text}: ", f"{text}; ", f"{text}, "))


def test_what_follows_from_other_facts_is_still_an_argument():
    assert DERIVED.keys() <= {(args, argument.name) for args, argument in OPTIONAL}
