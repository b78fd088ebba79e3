"""Parts of the engine's protocol that a recorder reads and writes."""

import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from google.protobuf import json_format, struct_pb2

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import merged


def changed(resource: Resource, inputs: Mapping[str, Any]) -> Resource:
    """The resource with other values for some inputs."""
    return replace(
        resource,
        inputs=merged(resource.inputs, inputs),
        outputs={**resource.outputs, **inputs},
        masked=None if resource.masked is None else {**resource.masked, **inputs},
    )


def place(position: Any) -> str:
    """`__main__.py:3`, from the folder that the program runs in; empty where the SDK tells no line."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(position.uri).path)
    return f"{os.path.relpath(path)}:{position.line}" if path else ""


def unmarked(exports: dict[str, Any]) -> dict[str, Any]:
    """Without the SDK's mark of an export that is a resource, which it sets in a preview."""
    for each in exports.values():
        if isinstance(each, dict):
            each.pop("@isPulumiResource", None)
    return exports


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())
