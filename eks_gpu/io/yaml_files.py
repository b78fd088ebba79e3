"""YAML 1.2 with the line of every key."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from eks_gpu.io.problems import InputError


def load(path: Path) -> CommentedMap:
    """The map in a file; an empty file is an empty map. Raises InputError with file, line and column."""
    try:
        data = YAML().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        reason = (error.problem or error.context or "it cannot be read").strip().splitlines()[0]
        raise InputError(f"{place}: not valid YAML: {reason}") from None
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name}: cannot be read: {str(error).splitlines()[0]}") from None
    if data is None:
        return CommentedMap()
    if not isinstance(data, CommentedMap):
        raise InputError(f"{path.name}: must be a map of keys to values, got {type(data).__name__}")
    return data


def line_of(data: Any, key: str) -> int | None:
    """The line, from 1, of a key in its own map."""
    try:
        return data.lc.key(key)[0] + 1
    except (AttributeError, KeyError):
        return None


def lines(data: Any) -> dict[str, int]:
    """Line, from 1, of each key and item by its path, as `network.nat` and `zones[0]`. An alias is followed once."""
    found: dict[str, int] = {}
    seen: set[int] = set()

    def visit(value: Any, at: str) -> None:
        if not isinstance(value, CommentedMap | CommentedSeq) or id(value) in seen:
            return
        seen.add(id(value))
        of_map = isinstance(value, CommentedMap)
        for key in value if of_map else range(len(value)):
            path = (f"{at}.{key}" if at else str(key)) if of_map else f"{at}[{key}]"
            with suppress(AttributeError, KeyError):  # what is merged from another map has no line here
                found[path] = (value.lc.key(key) if of_map else value.lc.item(key))[0] + 1
            visit(value[key], path)

    visit(data, "")
    return found


def plain(value: Any) -> Any:
    """Ruamel's containers and scalars as built-in ones."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
