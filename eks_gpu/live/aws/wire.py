"""AWS's answers in the terms of the AWS provider."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from eks_gpu.graph.graph import Resource

Row = Mapping[str, Any]
"""One thing of an answer, as boto3 gives it."""
_NOTHING: tuple[Any, ...] = (None, "", [], {}, ())


def resource(
    type_: str,
    name: str,
    inputs: Mapping[str, Any],
    *,
    id_: str = "",
    key: str = "",
    outputs: Mapping[str, Any] | None = None,
    masked: Mapping[str, Any] | None = None,
) -> Resource:
    """A resource by its name; `key` tells it from others of this name. What the answer lacks is absent."""
    return Resource(
        f"urn:pulumi:live::cluster::{type_}::{key or name}",
        type_,
        name,
        id=id_ or name,
        inputs=told(inputs),
        outputs=told(outputs or {}),
        masked=told(masked) if masked is not None else None,
    )


def told(given: Mapping[str, Any]) -> dict[str, Any]:
    """What has a value; inside of one, what is not null: an empty text may be that of a tag."""
    return {str(key): _plain(value) for key, value in given.items() if value not in _NOTHING}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def camel(value: Any, names: Mapping[str, str] | None = None) -> Any:
    """The same with keys as the provider writes them: `launchTemplateId` of `LaunchTemplateId`; `names` has those that
    are called otherwise there.
    """
    if isinstance(value, Mapping):
        called = names or {}
        return told({called.get(key, f"{key[0].lower()}{key[1:]}"): camel(item, names) for key, item in value.items()})
    if isinstance(value, list):
        return [camel(item, names) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def tags(row: Row) -> dict[str, str]:
    """Tags of a row of EC2, as a map."""
    return {str(each["Key"]): str(each.get("Value") or "") for each in row.get("Tags") or ()}


def named(row: Row, id_: str) -> str:
    """What people call a row of EC2: its tag Name, else its id."""
    return tags(row).get("Name") or id_


def document(given: Any) -> str:
    """A policy document as JSON text, as the provider has it."""
    return given if isinstance(given, str) else json.dumps(given) if given else ""


def last(arn: Any) -> str:
    """The last part of an ARN or path, or the name itself."""
    return str(arn or "").rpartition("/")[2]


def distinct(texts: Iterable[Any]) -> list[str]:
    """Each text once, in their order, without empty ones."""
    return list(dict.fromkeys(str(text) for text in texts if text))
