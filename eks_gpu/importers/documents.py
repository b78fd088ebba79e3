"""The documents of a YAML or JSON file, with the line of every key, whoever wrote the file and whatever is in it.

Size, depth and aliases have limits, and no tag makes an object, so a hostile file costs no more than a large one.
Scalars are read as kubectl and eksctl read them, which share libyaml's grammar and YAML 1.1's booleans.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.io.problems import InputError

MAX_BYTES = 5 * 2**20
MAX_DEPTH = 64
"""Maps and lists inside each other."""
MAX_VALUES = 100_000
"""Maps, lists and scalars, each counted as often as aliases repeat it."""

STDIN = Path("-")


class Map(dict[str, Any]):
    """A map that knows the line, from 1, of itself and of each of its keys."""

    __slots__ = ("line", "lines", "merged", "size")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.merged: list[Any] = []
        """What `<<` names."""
        self.size = 0


class Seq(list[Any]):
    """A list that knows the line of itself and of each of its items."""

    __slots__ = ("line", "lines", "size")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.size = 0


def read(file: Path) -> list[Map]:
    """The documents of a file, empty ones left out; `-` is stdin. Raises InputError with every problem it finds."""
    text = _text(file)
    builder = _Builder(file.name)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file.name}:{mark.line + 1}:{mark.column + 1}" if mark else file.name
        builder.problems.append(f"{place}: not valid YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:
        builder.problems.append(f"{file.name}: not valid YAML: {str(error).splitlines()[0]}")
    except _Refused as error:
        builder.problems.append(str(error))
    if builder.problems:
        raise InputError(builder.problems)
    return list(builder.documents())


def embedded(text: str) -> Any:
    """The first document of YAML inside a value; None for what is none."""
    builder = _Builder("")
    try:
        for event in _events(text):
            builder.take(event)
    except (yaml.YAMLError, _Refused):
        return None
    return builder.roots[0] if builder.roots and not builder.problems else None


def _events(text: str) -> Iterator[yaml.Event]:
    return yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _text(file: Path) -> str:
    try:
        with (Path("/dev/stdin") if file == STDIN else file).open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{file.name}: must have at most {MAX_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{file.name}:{line}: not valid YAML: must be UTF-8, got byte {data[error.start]:#x}"
        ) from None


class _Refused(Exception):
    """A limit is reached: there is no use in reading on."""


_BOOLEANS = {
    spelt: value
    for words, value in ((("true", "yes", "on"), True), (("false", "no", "off"), False))
    for word in words
    for spelt in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})([eE][-+]?[0-9]{1,3})?", re.ASCII)
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")} | {"!"}


def scalar(text: str, *, plain: bool = True) -> Any:
    """A scalar's value; what is quoted, and a number too long for any field, stays text."""
    if not plain:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Builder:
    """Makes documents of events. No recursion: depth is this stack's."""

    def __init__(self, name: str):
        self.problems: list[str] = []
        self._name = name
        self.roots: list[Any] = []
        self._open: list[tuple[Map | Seq, str | None, int]] = []
        """Containers from the outermost in, each with its anchor and the count before it."""
        self._keys: list[tuple[str, int] | None] = []
        """The key that waits for its value, for each open container."""
        self._anchors: dict[str, Any] = {}
        self._count = 0

    def documents(self) -> Iterator[Map]:
        """The roots, which must be maps."""
        problems = []
        for root in self.roots:
            if isinstance(root, Map):
                yield root
            elif root is not None:
                place = f"{self._name}:{root.line}" if isinstance(root, Seq) else self._name
                problems.append(f"{place}: must be a Kubernetes object or a ClusterConfig, got {shown(root)}")
        if problems:
            raise InputError(problems)

    def take(self, event: yaml.Event) -> None:
        """The next event of the file."""
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._anchors, self._count = {}, 0
            case yaml.ScalarEvent():
                self._check_tag(event.tag, line)
                plain = (
                    bool(event.implicit[0]) if event.tag is None else event.tag.rpartition(":")[2] not in ("str", "!")
                )
                value = event.value if self._at_key() else scalar(event.value, plain=plain)
                self._grow(1, line)
                self._remember(event.anchor, value)
                self._add(value, line)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise _Refused(f"{self._name}:{line}: not valid YAML: no anchor {event.anchor!r} before its alias")
                value = self._anchors[event.anchor]
                self._grow(getattr(value, "size", 1), line)
                self._add(value, line)
            case yaml.MappingStartEvent():
                self._start(Map(line), event)
            case yaml.SequenceStartEvent():
                self._start(Seq(line), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag not in _TAGS:
            shown_tag = tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(f"{self._name}:{line}: tag {shown_tag} must be left out: it makes no Kubernetes value")

    def _grow(self, by: int, line: int) -> None:
        self._count += by
        if self._count > MAX_VALUES:
            raise _Refused(
                f"{self._name}:{line}: a document must have at most {MAX_VALUES} values, aliases counted too"
            )

    def _remember(self, anchor: str | None, value: Any) -> None:
        if anchor:
            self._anchors[anchor] = value

    def _start(self, container: Map | Seq, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _Refused(f"{self._name}:{container.line}: must be at most {MAX_DEPTH} levels deep")
        self._check_tag(event.tag, container.line)
        if self._at_key():
            raise _Refused(f"{self._name}:{container.line}: not valid YAML: a key must be a text")
        self._grow(1, container.line)
        self._open.append((container, event.anchor, self._count - 1))
        self._keys.append(None)

    def _end(self) -> None:
        container, anchor, before = self._open.pop()
        self._keys.pop()
        container.size = self._count - before
        if isinstance(container, Map):
            self._merge(container)
        self._remember(anchor, container)
        self._add(container, container.line)

    def _merge(self, container: Map) -> None:
        for source in container.merged:
            if not isinstance(source, Map):
                self.problems.append(f"{self._name}:{container.line}: << must name a map, got {shown(source)}")
                continue
            for key, value in source.items():
                if key not in container:
                    container[key] = value
                    container.lines[key] = source.lines[key]

    def _at_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], Map) and self._keys[-1] is None

    def _add(self, value: Any, line: int) -> None:
        if not self._open:
            self.roots.append(value)
            return
        container = self._open[-1][0]
        if isinstance(container, Seq):
            container.append(value)
            container.lines.append(line)
            return
        waiting = self._keys[-1]
        if waiting is None:
            if isinstance(value, Map | Seq):
                raise _Refused(f"{self._name}:{line}: not valid YAML: a key must be a text")
            self._keys[-1] = (str(value), line)
            return
        self._keys[-1] = None
        self._set(container, *waiting, value)

    def _set(self, container: Map, key: str, line: int, value: Any) -> None:
        if key == "<<":
            container.merged += value if isinstance(value, Seq) else [value]
        elif key in container:
            before = container.lines[key]
            self.problems.append(f"{self._name}:{line}: {key} must be there once, it is on line {before} too")
        else:
            container[key] = value
            container.lines[key] = line


def shown(value: Any) -> str:
    """A value in a message, never long."""
    if isinstance(value, Map):
        return "a map"
    if isinstance(value, Seq):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
