"""Properties between protobuf's Struct, whose numbers are all floats, and plain data."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2


def plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    return _whole(json_format.MessageToDict(properties))


def struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(
        {key: value for key, value in properties.items() if value is not None}, struct_pb2.Struct()
    )


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
