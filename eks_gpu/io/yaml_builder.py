"""Values built from YAML events: each map and list with its lines, within limits."""

from typing import Any

import yaml

from eks_gpu.io.input_files import MAX_DEPTH
from eks_gpu.io.yaml_values import Dialect

MAX_VALUES = 100_000
"""Maps, lists and scalars of a file, each counted as often as aliases repeat it."""
MAX_PROBLEMS = 100
"""Mistakes of a file that are told; after these it is not read on."""

_STR, _NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float"))
_TAGS: dict[str, tuple[type, ...]] = {_NULL: (type(None),), _BOOL: (bool,), _INT: (int,), _FLOAT: (int, float)}
"""Tags of plain scalars, and what their values must be."""
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_MERGE = "<<"


class Map(dict[str, Any]):
    """A map that knows the line, from 1, of itself and of each of its keys."""

    __slots__ = ("line", "lines", "merged", "merges", "size")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.merges: list[Any] = []
        """What `<<` names and is still to be added."""
        self.merged: set[str] = set()
        """Keys that came by `<<`."""
        self.size = 0


class Seq(list[Any]):
    """A list that knows the line, from 1, of itself and of each of its items."""

    __slots__ = ("line", "lines", "size")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.size = 0


class Limit(Exception):
    """The file is too much, or too broken, to be read on."""


class Builder:
    """Makes documents of events. It does not call itself: the depth is that of its own stack."""

    def __init__(self, name: str, dialect: Dialect):
        self.name, self.problems = name, list[str]()
        self.roots: list[tuple[Any, int]] = []
        """Each document, and the line where it begins."""
        self._dialect = dialect
        self._open: list[tuple[Map | Seq, str | None, int]] = []
        """Containers from the outermost in, each with its anchor and the count before it."""
        self._keys: list[tuple[str, int, bool] | None] = []
        """The key that waits for its value, for each open container: text, line, and whether it merges."""
        self._anchors: dict[str, Any] = {}
        self._count = 0

    def take(self, event: yaml.Event) -> None:
        """The next event of the file. Raises Limit."""
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
            case yaml.ScalarEvent():
                self._take_scalar(event, line)
            case yaml.AliasEvent():
                self._take_alias(event.anchor, line)
            case yaml.MappingStartEvent():
                self._start(Map(line), event)
            case yaml.SequenceStartEvent():
                self._start(Seq(line), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()

    def _wrong(self, line: int, rule: str) -> None:
        self.problems.append(f"{self.name}:{line}: {rule}")
        if len(self.problems) > MAX_PROBLEMS:
            raise Limit(f"{self.name}: has more than {MAX_PROBLEMS} mistakes: the rest is not read")

    def _grow(self, by: int, line: int) -> None:
        self._count += by
        if self._count > MAX_VALUES:
            raise Limit(f"{self.name}:{line}: must have at most {MAX_VALUES} values, aliases counted too")

    # --- scalars and aliases -----------------------------------------------------------------------------------------

    def _take_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._grow(1, line)
        is_plain = event.implicit[0] if event.tag is None else event.tag in _TAGS
        if self._at_key():
            self._take_key(event, bool(is_plain), line)
            return
        value = event.value
        try:
            value = self._value(event.tag, event.value, line) if is_plain else event.value
        except ValueError as problem:
            self._wrong(line, str(problem))
        if event.tag not in (None, "!", _STR, *_TAGS):
            self._refuse_tag(event.tag, line)
        self._remember(event.anchor, value)
        self._add(value, line)

    def _value(self, tag: str | None, text: str, line: int) -> Any:
        value = self._dialect.value(text)
        if tag is None or (type(value) in _TAGS[tag]):
            return value
        raise ValueError(f"must be {_short(tag)}, as its tag says, got {shown(value)}")

    def _take_key(self, event: yaml.ScalarEvent, is_plain: bool, line: int) -> None:
        key = text = event.value
        try:
            key = self._dialect.key(text) if is_plain else text
            self._remember(event.anchor, self._dialect.value(text) if is_plain else text)
        except ValueError as problem:
            self._wrong(line, str(problem))
        self._keys[-1] = (key, line, is_plain and text == _MERGE)

    def _take_alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise Limit(f"{self.name}:{line}: not valid YAML: no anchor {anchor!r} before its alias")
        value = self._anchors[anchor]
        self._grow(getattr(value, "size", 1), line)
        if not self._at_key():
            self._add(value, line)
        elif isinstance(value, Map | Seq):
            raise Limit(f"{self.name}:{line}: not valid YAML: a key must be a text, got {shown(value)}")
        else:
            self._keys[-1] = (value if isinstance(value, str) else shown(value), line, False)

    def _remember(self, anchor: str | None, value: Any) -> None:
        if anchor:
            self._anchors[anchor] = value

    def _refuse_tag(self, tag: str | None, line: int) -> None:
        self._wrong(line, f"tag {_short(tag or '')} must be left out: no tag makes an object here")

    # --- maps and lists ----------------------------------------------------------------------------------------------

    def _start(self, container: Map | Seq, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Limit(f"{self.name}:{container.line}: must be at most {MAX_DEPTH} levels deep")
        if event.tag not in (None, "!", *_COLLECTIONS):
            self._refuse_tag(event.tag, container.line)
        if self._at_key():
            raise Limit(f"{self.name}:{container.line}: not valid YAML: a key must be a text, got {shown(container)}")
        self._grow(1, container.line)
        self._open.append((container, event.anchor, self._count - 1))
        self._keys.append(None)

    def _end(self) -> None:
        container, anchor, before = self._open.pop()
        self._keys.pop()
        container.size = self._count - before
        if isinstance(container, Map):
            for source in container.merges:
                self._merge(container, source, container.line)
            container.merges.clear()
        self._remember(anchor, container)
        self._add(container, container.line)

    def _at_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], Map) and self._keys[-1] is None

    def _add(self, value: Any, line: int) -> None:
        if not self._open:
            self.roots.append((value, line))
            return
        container = self._open[-1][0]
        if isinstance(container, Seq):
            container.append(value)
            container.lines.append(line)
        elif key := self._keys[-1]:
            self._keys[-1] = None
            self._set(container, *key, value)

    def _set(self, container: Map, key: str, line: int, merges: bool, value: Any) -> None:
        if merges and not self._dialect.merges_in_place:
            container.merges += value if isinstance(value, Seq) else [value]
        elif merges:
            for source in reversed(value) if isinstance(value, Seq) else [value]:
                self._merge(container, source, line)
        elif key in container and key not in container.merged:
            self._wrong(line, f"{key[:100]} must be there once, it is on line {container.lines[key]} too")
        else:
            container[key] = value
            container.lines[key] = line
            container.merged.discard(key)

    def _merge(self, container: Map, source: Any, line: int) -> None:
        if not isinstance(source, Map):
            self._wrong(line, f"<< must name a map, got {shown(source)}")
            return
        for key, value in source.items():
            if self._dialect.merges_in_place or key not in container:
                container[key] = value
                container.lines[key] = source.lines[key]
                container.merged.add(key)


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def shown(value: Any) -> str:
    """A value in a message, in the words of YAML and never long."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
