"""YAML 1.2 with the line of every key."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
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
