"""JSON that programs write, such as plans and states: read within limits, with one message for everything that is
wrong.
"""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from eks_gpu.io.input_files import MAX_DEPTH, read_text
from eks_gpu.io.problems import InputError

MAX_JSON_BYTES = 100 * 2**20
"""Size of a file; a state of some thousand resources has 50 MiB."""
MAX_JSON_VALUES = 5_000_000
"""Values in a file, counted by the commas and brackets that part them."""


def read_json(file: Path) -> Any:
    """The value in a file; `-` is stdin. Raises InputError with file, line and column."""
    text = read_text(file, str(file), most=MAX_JSON_BYTES, kind="JSON")
    if sum(map(text.count, ",[{")) > MAX_JSON_VALUES:
        raise InputError(f"{file}: must have at most {MAX_JSON_VALUES} values")
    try:
        data = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except ValueError as error:  # a number with thousands of digits, or none
        raise InputError(f"{file}: not valid JSON: {error}") from None
    except RecursionError:
        raise InputError(_too_deep(file)) from None
    if _depth(data) > MAX_DEPTH:
        raise InputError(_too_deep(file))
    return data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(digits: str) -> float:
    """A number too large for JSON's readers would be infinite."""
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is no number of JSON")
    return value


def _too_deep(file: Path) -> str:
    return f"{file}: must be at most {MAX_DEPTH} levels deep"


def _depth(data: Any) -> int:
    """Levels of maps and lists, counted no further than one beyond the limit."""
    depth, level = 0, [data]
    while depth <= MAX_DEPTH:
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            break
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth
