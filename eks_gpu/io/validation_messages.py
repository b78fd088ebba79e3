"""A data model's problems in the words of the one who wrote the data."""

from collections.abc import Iterable, Mapping
from json import dumps
from reprlib import repr as shortened
from typing import Any

from eks_gpu.io.problems import nearest

_LONGEST = 200
_TYPES = {
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be a map",
    "model_type": "must be a map",
}


def rule(problem: Any) -> str:
    """One of a ValidationError's problems: the rule, the value given and the nearest valid one."""
    given = problem["input"]
    match problem["type"]:
        case "missing":
            return "is required"
        case "too_short":
            return "must have at least one item"
        case "value_error":
            said = str(problem["ctx"]["error"])
            return said if len(said) < _LONGEST else f"{said[:_LONGEST]}..."
        case "literal_error":
            known = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            close = nearest(given, known) if isinstance(given, str) else ""
            return f"must be one of {', '.join(known)}, got {shown(given)}{close}"
        case "string_type" if isinstance(given, bool | int | float):
            return f"must be a string, got {shown(given)}; nearest: {dumps(shown(given))}"
        case kind:
            return f"{_TYPES.get(kind, problem['msg'])}, got {shown(given)}"


def shown(value: Any) -> str:
    """In YAML's words, and short: a container may be large."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a map"
        case list():
            return "a list"
        case _:
            return shortened(value)


def written(path: Iterable[str | int]) -> str:
    """`spec.containers[0].resources`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
