"""The result as a stack file, with a comment at each choice that was made for the user."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.importers.settings import Answer
from eks_gpu.io.visible import visible
from eks_gpu.io.yaml_text import dump_inline

SETTINGS, REGION = "eks-gpu:settings", "aws:region"
_SHORT, _SHORT_MAP, _SHORT_LIST = 80, 80, 90
"""Characters of what still stands on one line: a value with its comment behind it, a map, a list."""


def written(answer: Answer, source: str) -> str:
    """YAML for Pulumi.<stack>.yaml."""
    config = {REGION: answer.region} if answer.region else {}
    lines = [
        f"# From {visible(source)}, by eks-gpu import.",
        "config:",
        *_lines(config, answer.notes, (), "  "),
        f"  {SETTINGS}:{'' if answer.settings else ' {}'}",
        *_lines(answer.settings, answer.notes, (), "    "),
    ]
    return "\n".join(lines) + "\n"


def _lines(
    values: Mapping[str, Any], notes: Mapping[tuple[str, ...], str], path: tuple[str, ...], indent: str
) -> Iterator[str]:
    """The lines of a map; a comment stands behind its value, and before one that is long."""
    for key, value in values.items():
        note = visible(notes.get((*path, key), "").replace("\n", " "))
        behind = bool(note) and len(str(value)) <= _SHORT
        if note and not behind:
            yield f"{indent}# {note}"
        inline = _inline(value)
        line = f"{indent}{dump_inline(key)}:" if inline is None else f"{indent}{dump_inline(key)}: {inline}"
        yield f"{line}  # {note}" if behind else line
        if inline is not None:
            continue
        if isinstance(value, Mapping):
            yield from _lines(value, notes, (*path, key), f"{indent}  ")
        else:
            yield from (f"{indent}- {dump_inline(item)}" for item in value)


def _inline(value: Any) -> str | None:
    """A value's one line; None where it reads better in several."""
    if isinstance(value, Mapping):
        if any(isinstance(item, Mapping) for item in value.values()):
            return None
        return dump_inline(value) if len(value) < 4 and len(str(value)) < _SHORT_MAP else None
    if isinstance(value, list | tuple) and value:
        return dump_inline(list(value)) if len(", ".join(map(str, value))) < _SHORT_LIST else None
    return dump_inline(value)
