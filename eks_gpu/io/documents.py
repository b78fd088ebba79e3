"""The one reader of YAML and of JSON that people write: documents with the line of every key, whatever a file holds.

Size, depth and aliases have limits, and no tag makes an object, so that a hostile file costs no more than a large one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.io.input_files import read_text
from eks_gpu.io.problems import InputError
from eks_gpu.io.yaml_builder import Builder, Limit, Map, Seq, shown
from eks_gpu.io.yaml_values import KUBECTL, PULUMI, Dialect

__all__ = [
    "KUBECTL",
    "PULUMI",
    "Map",
    "Seq",
    "kubernetes_objects",
    "lines_by_path",
    "parse",
    "parse_first",
    "plain",
    "read",
    "read_map",
    "shown",
]


def read(file: Path, name: str, *, holds: str = "a Kubernetes object") -> list[Map]:
    """The documents of a file that kubectl could read too, empty ones left out; `-` is stdin.

    Raises InputError with every problem, which calls the file `name` and each document what the file `holds`.
    """
    builder = _built(read_text(file, name), name, KUBECTL)
    return list(_maps(builder, holds))


def read_map(file: Path, dialect: Dialect = KUBECTL) -> Map:
    """The map that a file is; an empty file is an empty map. Raises InputError with every problem."""
    builder = _built(read_text(file, file.name), file.name, dialect)
    found = list(_maps(builder, "a map of keys to values"))
    if len(found) > 1:
        raise InputError(f"{file.name}:{found[1].line}: must be one document, here begins another")
    return found[0] if found else Map(1)


def kubernetes_objects(documents: Iterable[Map]) -> Iterator[tuple[Any, int]]:
    """Each object of Kubernetes and its line; those of a List one by one."""
    for document in documents:
        items = document.get("items")
        if isinstance(items, Seq) and str(document.get("kind", "")).endswith("List"):
            yield from zip(items, items.lines, strict=True)
        else:
            yield document, document.line


def parse(text: str, name: str = "text") -> list[Any]:
    """The documents of YAML inside a value, empty ones left out. Raises InputError."""
    return [root for root, _ in _built(text, name, KUBECTL).roots if root is not None]


def parse_first(text: str) -> Any:
    """The first document of YAML inside a value, None for an empty one. Raises InputError."""
    return next(iter(parse(text)), None)


def lines_by_path(value: Any) -> dict[str, int]:
    """Line of each key and item of a value by its path, as `network.nat` and `zones[0]`. An alias is followed once."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    open_: list[tuple[Any, str]] = [(value, "")]
    while open_:
        inner, at = open_.pop()
        if id(inner) in seen or not isinstance(inner, Map | Seq):
            continue
        seen.add(id(inner))
        if isinstance(inner, Map):
            parts = [(f"{at}.{key}" if at else key, inner.lines.get(key), item) for key, item in inner.items()]
        else:
            parts = [(f"{at}[{n}]", inner.lines[n], item) for n, item in enumerate(inner)]
        found |= {path: line for path, line, _ in parts if line is not None}
        open_ += [(item, path) for path, _, item in reversed(parts)]
    return found


def plain(value: Any) -> Any:
    """The same value in Python's own maps and lists."""
    if isinstance(value, Map):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, Seq) else value


def _built(text: str, name: str, dialect: Dialect) -> Builder:
    builder = Builder(name, dialect)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_broken(error, text, name))
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        builder.problems.append(f"{name}:{line}: not valid YAML: must be text, got character {error.character:#04x}")
    except UnicodeEncodeError as error:  # half of a pair, which no file of UTF-8 has
        builder.problems.append(f"{name}: not valid YAML: must be text, got character {ord(text[error.start]):#x}")
    except Limit as limit:
        builder.problems.append(str(limit))
    if builder.problems:
        raise InputError(builder.problems)
    return builder


def _broken(error: yaml.MarkedYAMLError, text: str, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    reason = error.problem or error.context or "it cannot be read"
    if mark is None:
        return f"{name}: not valid YAML: {reason}"
    lines = text.split("\n", mark.line + 1)
    here = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    if here.startswith("\t"):
        reason = "a tab must not stand before a key or a value: indent with spaces"
    return f"{name}:{mark.line + 1}:{mark.column + 1}: not valid YAML: {reason}"


def _maps(builder: Builder, holds: str) -> Iterator[Map]:
    """The documents, which must be maps."""
    problems = []
    for root, line in builder.roots:
        if isinstance(root, Map):
            yield root
        elif root is not None:
            problems.append(f"{builder.name}:{line}: must be {holds}, got {shown(root)}")
    if problems:
        raise InputError(problems)
