"""What the SDK declares, for many threads: pulumi_aws imports a module when it is named, one thread at a time."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

from pulumi import _types

from eks_gpu.offline import sdk_schema
from eks_gpu.offline.sdk_types import resource_class

_importing = threading.RLock()


def problems(token: str, inputs: Mapping[str, Any]) -> list[str]:
    """What is wrong with a resource's inputs, a line each."""
    with _importing:
        return sdk_schema.problems(token, inputs)


def input_names(token: str) -> frozenset[str]:
    with _importing:
        return frozenset(sdk_schema.fields(sdk_schema.args_class(token)))


@functools.cache
def output_types(token: str) -> Mapping[str, Any]:
    """Type by wire name; empty for a type without an SDK."""
    with _importing:
        cls = resource_class(token)
        return {} if cls is None else _types.resource_types(cls)


def is_object(declared: Any) -> bool:
    """Whether a declared type is an object with named properties, and no scalar, list or map."""
    return isinstance(declared, type) and _types.is_output_type(declared)


def members(declared: type) -> Mapping[str, Any]:
    """Type by wire name of a declared object's properties."""
    return _types.output_type_types(declared)
