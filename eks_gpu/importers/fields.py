"""A document's fields, read one by one with their types; a field that no reader uses is reported as lost."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.io.documents import Map, Seq, shown
from eks_gpu_components.catalog.nearest import hint, nearest


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the object, the path in it as `spec.taints[0].key`, the line from 1."""

    object: str
    path: str
    line: int


@dataclass
class Sheet:
    """What reading one object comes upon."""

    file: str
    object: str = ""
    """As `NodePool gpu`."""
    problems: list[str] = field(default_factory=list)
    """Wrong input, a line each; shared by all objects of a file."""

    def wrong(self, place: Place, rule: str) -> None:
        """A value that breaks a rule of its type."""
        where = f"{self.object}: " if self.object else ""
        self.problems.append(f"{self.file}:{place.line}: {where}{place.path} {rule}")


MANY = 200
"""Keys of one map, from which on no nearest is looked for."""
_SLIP = 1
"""Letters that a misspelt key has more or fewer."""
MAX_KEY = 200
"""Characters of a key in a message."""


def _joined(path: str, key: str) -> str:
    """Kubernetes' way: a key that is no identifier stands in brackets."""
    if key.replace("_", "").isalnum():
        return f"{path}.{key[:MAX_KEY]}" if path else key[:MAX_KEY]
    return f"{path}[{key[:MAX_KEY]}]"


class Fields:
    """One map. A value of the wrong type is a problem of the sheet, and reads as if it was not there."""

    def __init__(self, data: Map, sheet: Sheet, path: str = ""):
        self._data, self._sheet, self._path = data, sheet, path
        self._asked: set[str] = set()
        self._inner: dict[str, list[Fields]] = {}

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def place(self, key: str | None = None, index: int | None = None) -> Place:
        """Of a key, of an item of its list, or of the map itself."""
        if key is None or key not in self._data:
            return Place(self._sheet.object, self._join(key) if key else self._path, self._data.line)
        line, path = self._data.lines[key], self._join(key)
        value = self._data[key]
        if index is not None and isinstance(value, Seq):
            return Place(self._sheet.object, f"{path}[{index}]", value.lines[index])
        return Place(self._sheet.object, path, line)

    def _join(self, key: str) -> str:
        return _joined(self._path, key)

    def text(self, key: str, *, required: bool = False, of: Collection[str] = ()) -> str | None:
        """A text, one `of` these where they are given."""
        value = self._take(key, required)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong_text(self.place(key), value)
            return None
        if required and not value:
            self._sheet.wrong(self.place(key), "must not be empty")
        if of and value not in of:
            self._sheet.wrong(self.place(key), f"must be one of {', '.join(of)}, got {shown(value)}{hint(value, of)}")
            return None
        return value

    def whole(self, key: str, *, least: int = 0, most: int = 10**6) -> int | None:
        """A whole number between two bounds."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._sheet.wrong(self.place(key), f"must be a whole number, got {shown(value)}")
            return None
        if not least <= value <= most:
            bound = min(max(value, least), most)
            self._sheet.wrong(self.place(key), f"must be from {least} to {most}, got {value}; nearest: {bound}")
            return None
        return value

    def flag(self, key: str) -> bool | None:
        """true or false."""
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            self._sheet.wrong(self.place(key), f"must be true or false, got {shown(value)}")
            return None
        return value

    def quantity(self, key: str) -> str | None:
        """A text or a number, as text: Kubernetes' IntOrString."""
        value = self._take(key)
        if isinstance(value, bool | Map | Seq):
            self._sheet.wrong(self.place(key), f"must be a number or a text, got {shown(value)}")
            return None
        return None if value is None else str(value)

    def texts(self, key: str, *, required: bool = False) -> list[str]:
        """A list of texts."""
        found = []
        for index, item in enumerate(self._items(key, required)):
            if isinstance(item, str):
                found.append(item)
            else:
                self._wrong_text(self.place(key, index), item)
        return found

    def names(self, key: str, *, most: int, required: bool = False) -> list[str]:
        """A list of texts that has an end."""
        found = self.texts(key, required=required)
        if len(found) > most:
            self._sheet.wrong(self.place(key), f"must have at most {most} names, got {len(found)}")
        return found[:most]

    def strings(self, key: str) -> dict[str, str]:
        """A map of texts to texts; an empty value is an empty text."""
        value = self._take(key)
        if value is None:
            return {}
        if not isinstance(value, Map):
            self._sheet.wrong(self.place(key), f"must be a map, got {shown(value)}")
            return {}
        found = {}
        for name, text in value.items():
            if text is None or isinstance(text, str):
                found[name] = text or ""
            else:
                self._wrong_text(self.below(key, name), text)
        return found

    def below(self, key: str, name: str) -> Place:
        """Of a key of the map at `key`."""
        value = self._data.get(key)
        line = value.lines.get(name, value.line) if isinstance(value, Map) else self.place(key).line
        return Place(self._sheet.object, _joined(self._join(key), name), line)

    def part(self, key: str, *, required: bool = False) -> "Fields":
        """The map at a key; an empty one where there is none. Asked for again, it is the same."""
        if key in self._inner:
            return self._inner[key][0]
        value = self._take(key, required)
        if value is not None and not isinstance(value, Map):
            self._sheet.wrong(self.place(key), f"must be a map, got {shown(value)}")
            value = None
        line = self.place(key).line
        inner = Fields(value if isinstance(value, Map) else Map(line), self._sheet, self._join(key))
        self._inner[key] = [inner]
        return inner

    def parts(self, key: str, *, required: bool = False) -> list["Fields"]:
        """The maps of a list. Asked for again, they are the same."""
        if key in self._inner:
            return self._inner[key]
        found = []
        for index, item in enumerate(self._items(key, required)):
            if isinstance(item, Map):
                found.append(Fields(item, self._sheet, f"{self._join(key)}[{index}]"))
            else:
                self._sheet.wrong(self.place(key, index), f"must be a map, got {shown(item)}")
        self._inner[key] = found
        return found

    def at(self, path: Sequence[str | int]) -> "Fields | None":
        """The map at a path of keys and positions; None where none stands."""
        found = self
        keys = list(path)
        while keys:
            key = str(keys.pop(0))
            if keys and isinstance(keys[0], int):
                items, index = found.parts(key), int(keys.pop(0))
                if index >= len(items):
                    return None
                found = items[index]
            elif not found.is_map(key):
                return None
            else:
                found = found.part(key)
        return found

    @property
    def document(self) -> Map:
        """The map as it is."""
        return self._data

    def is_map(self, key: str) -> bool:
        """Whether a map stands there, where a list may stand too."""
        return isinstance(self._data.get(key), Map)

    def raw(self, key: str) -> Any:
        """The value as it is, all of it taken."""
        return self._take(key)

    def replaced(self, *keys: str) -> None:
        """What the program makes or decides itself, so that nothing is lost."""
        self._asked.update(keys)

    def off(self, *keys: str) -> None:
        """Switches that the program leaves off: nothing is lost where they are off."""
        self._asked.update(key for key in keys if self._data.get(key) is False)

    def lost(self) -> Iterator[tuple[Place, str, str]]:
        """What nobody took, the outermost of it: place, key, and the field that was perhaps meant."""
        missing = self._asked - {*self._data} if len(self._data) < MANY else set()
        for key, value in self._data.items():
            if key not in self._asked:
                if value is not None:
                    meant = nearest(key, missing) or ""
                    # A field with another word in it is one that import does not know, and no slip of the pen.
                    yield self.place(key), key, meant if abs(len(meant) - len(key)) <= _SLIP else ""
                continue
            for inner in self._inner.get(key, ()):
                yield from inner.lost()

    def _items(self, key: str, required: bool) -> Sequence[Any]:
        value = self._take(key, required)
        if value is None:
            return ()
        if not isinstance(value, Seq):
            self._sheet.wrong(self.place(key), f"must be a list, got {shown(value)}")
            return ()
        return value

    def _take(self, key: str, required: bool = False) -> Any:
        self._asked.add(key)
        value = self._data.get(key)
        if required and value is None:
            self._sheet.wrong(self.place(key), "is required")
        return value

    def _wrong_text(self, place: Place, value: Any) -> None:
        quoted = "" if value is None or isinstance(value, Map | Seq) else f"; nearest: '{shown(value)}', in quotes"
        self._sheet.wrong(place, f"must be a text, got {shown(value)}{quoted}")
