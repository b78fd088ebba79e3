"""Values as the engine writes them into JSON.

Source: Pulumi, sdk/go/common/resource: signatures of special objects, and the string that stands for an unknown value.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.unknown import Asked, Told, ToldList

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of an object that is no plain one."""
SECRET, OUTPUT, REFERENCE = (
    "1b47061264138c4ac30d75fd1eb44270",
    "d0e6a833031e9bbcd3f4e8bde6ca49a4",
    "5cf8f73096256a8f31e491e813e4eb8e",
)
UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string, or nobody knows what
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
MASK = "[secret]"

Path = tuple[str | int, ...]


class Unknown:
    """What only `pulumi up` will tell."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def decoded(value: Any) -> Any:
    """Plain data with UNKNOWN where nothing is known yet. A secret told in the clear is read, others are masked."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(SIGNATURE)
    if kind == SECRET:
        return decoded(_told(value))
    if kind == OUTPUT:
        return decoded(value["value"]) if "value" in value else UNKNOWN
    if kind == REFERENCE:
        return {"urn": value.get("urn", ""), "id": decoded(value.get("id", ""))}
    return {str(key): decoded(item) for key, item in value.items()}


def _told(secret: Mapping[str, Any]) -> Any:
    try:
        return json.loads(secret["plaintext"]) if "plaintext" in secret else secret.get("value", MASK)
    except (TypeError, ValueError):
        return MASK


def unknowns(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where a value is unknown, at any depth."""
    if value is UNKNOWN:
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from unknowns(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from unknowns(item, (*path, position))


def replaced(value: Any, by: Mapping[Path, Any], urn: str, path: Path = ()) -> Any:
    """The value with what stands at these paths put in. What stays unknown is as if it were not there, and tells who
    asks for it. `urn` is the resource's.
    """
    if isinstance(value, dict):
        items = {key: replaced(item, by, urn, (*path, key)) for key, item in value.items()}
        known = {key: item for key, item in items.items() if item is not UNKNOWN}
        unknown = {key: Asked(urn, written((*path, key))) for key, item in items.items() if item is UNKNOWN}
        return Told(known, unknown) if unknown else known
    if isinstance(value, list):
        found = [replaced(item, by, urn, (*path, position)) for position, item in enumerate(value)]
        known = [item for item in found if item is not UNKNOWN]
        unknown = [Asked(urn, written((*path, at))) for at, item in enumerate(found) if item is UNKNOWN]
        return ToldList(known, unknown) if unknown else known
    return by.get(path, UNKNOWN) if value is UNKNOWN else value


def known(value: Any) -> Any:
    """The value without what is unknown; nobody hears who asks."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [known(item) for item in value if item is not UNKNOWN]
    return value


def written(path: Path) -> str:
    """`subnetIds[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
