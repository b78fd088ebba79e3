"""Unknown values: maps and lists that tell who listens which values were asked for that nobody knows yet.

A value that only `pulumi up` will tell is as if it were not there. Whoever judges listens, and so learns whether the
answer needed it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def root_of(path: str) -> str:
    """The resource's own property that a path is in: `tags` of `tags[0].value`."""
    return path.partition(".")[0].partition("[")[0]


@dataclass(frozen=True, order=True, slots=True)
class Asked:
    """An unknown property that somebody wanted to read."""

    urn: str
    """The resource's."""
    path: str
    """Place of the property in the resource, as `tags[0].value`."""
    by: str = ""
    """Name of the pool that was read with it; empty if the resource itself was asked."""
    secret: bool = False
    """Whether it is an encrypted secret, so that an update will not tell it either."""

    @property
    def root(self) -> str:
        """The resource's own property that it is in."""
        return root_of(self.path)

    def __str__(self) -> str:
        return f"{self.path} of {self.urn.rpartition('::')[2]}"


_HEARD: ContextVar[set[Asked] | None] = ContextVar("heard", default=None)


class listening:  # noqa: N801 - a class is twice as fast as a generator, and a plan listens thousands of times
    """The set gets every unknown property that is asked for inside; an outer listener hears it too, unless `alone`,
    for whoever tells it on when what was computed is used.
    """

    __slots__ = ("_alone", "_heard", "_token")
    _token: Token[set[Asked] | None]

    def __init__(self, *, alone: bool = False):
        self._alone = alone
        self._heard: set[Asked] = set()

    def __enter__(self) -> set[Asked]:
        self._token = _HEARD.set(self._heard)
        return self._heard

    def __exit__(self, *_: object) -> None:
        _HEARD.reset(self._token)
        outer = _HEARD.get()
        if outer is not None and not self._alone:
            outer |= self._heard


def tell(asked: Iterable[Asked]) -> None:
    """Says that these were asked for, to whoever listens."""
    heard = _HEARD.get()
    if heard is not None:
        heard.update(asked)


def steps(items: Iterable[T]) -> Iterator[tuple[tuple[T, ...], frozenset[Asked]]]:
    """Each item with what was asked for to get it; then none, with what was asked for after the last."""
    going, end = iter(items), object()
    while True:
        with listening(alone=True) as heard:
            found: Any = next(going, end)
        yield (() if found is end else (found,)), frozenset(heard)
        if found is end:
            return


class Told(dict[str, Any]):
    """A map of which some values are unknown: it is as if they were not there, and it tells who asks for them."""

    def __init__(self, known: Mapping[str, Any], unknown: Mapping[str, Asked]):
        super().__init__(known)
        self.unknown = dict(unknown)

    def get(self, key: str, default: Any = None) -> Any:
        self._tell(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._tell(key)
        return super().__contains__(key)

    def __missing__(self, key: str) -> Any:
        self._tell(key)
        raise KeyError(key)

    def __bool__(self) -> bool:
        return True  # something is there, whatever it is

    def __iter__(self) -> Iterator[str]:
        tell(self.unknown.values())
        return super().__iter__()

    def items(self) -> Any:
        tell(self.unknown.values())
        return super().items()

    def values(self) -> Any:
        tell(self.unknown.values())
        return super().values()

    def __or__(self, other: Mapping[str, Any]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - a dict's has overloads
        return _joined(self, other)

    def __ror__(self, other: Mapping[str, Any]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - a dict's has overloads
        return _joined(other, self)

    def _tell(self, key: object) -> None:
        if key in self.unknown:
            tell([self.unknown[str(key)]])


class ToldList(list[Any]):
    """A list of which some items are unknown: they are left out, and it tells who goes through it."""

    def __init__(self, known: Iterable[Any], unknown: Iterable[Asked]):
        super().__init__(known)
        self.unknown = tuple(unknown)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        tell(self.unknown)
        return super().__iter__()

    def __len__(self) -> int:
        tell(self.unknown)
        return super().__len__()

    def __contains__(self, item: object) -> bool:
        tell(self.unknown)
        return super().__contains__(item)

    def __getitem__(self, position: Any) -> Any:
        tell(self.unknown)
        return super().__getitem__(position)


def _known(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a map, without a word to a listener."""
    return dict(dict.items(mapping)) if isinstance(mapping, Told) else dict(mapping)


def _unknown(mapping: Mapping[str, Any]) -> Mapping[str, Asked]:
    return mapping.unknown if isinstance(mapping, Told) else {}


def _told(known: dict[str, Any], unknown: Mapping[str, Asked]) -> dict[str, Any]:
    return Told(known, unknown) if unknown else known


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(first, Told) and not isinstance(second, Told):
        return {**first, **second}
    known, later = _known(first), _known(second)
    unknown = {key: asked for key, asked in _unknown(first).items() if key not in later} | dict(_unknown(second))
    return _told({key: value for key, value in (known | later).items() if key not in unknown}, unknown)


def merged(*maps: Mapping[str, Any]) -> dict[str, Any]:
    """All of them in one map, the later before the earlier; what is unknown stays so, key by key."""
    found: dict[str, Any] = {}
    for each in maps:
        found = _joined(found, each)
    return found


def without(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The map without these keys; what is unknown stays so, and nobody is told of it."""
    known, unknown = _known(mapping), _unknown(mapping)
    return _told(
        {key: value for key, value in known.items() if key not in keys},
        {key: asked for key, asked in unknown.items() if key not in keys},
    )


def renamed(mapping: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """New key -> what the old one holds, where it holds anything; what is unknown stays so, and nobody is told."""
    known, unknown = _known(mapping), _unknown(mapping)
    return _told(
        {new: known[old] for new, old in names.items() if known.get(old) is not None},
        {new: unknown[old] for new, old in names.items() if old in unknown},
    )


def keys(mapping: Mapping[str, Any]) -> list[str]:
    """All keys, those whose values are unknown too; nobody is told."""
    return [*_known(mapping), *_unknown(mapping)]


def is_unknown(mapping: Mapping[str, Any], key: str) -> bool:
    """Whether a key is there and its value unknown; nobody is told."""
    return key in _unknown(mapping)


def starting_with(mapping: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Entries whose key begins so, without the prefix. Who asks hears of unknown ones only if they begin so."""
    tell(asked for key, asked in _unknown(mapping).items() if key.startswith(prefix))
    return {key.removeprefix(prefix): value for key, value in _known(mapping).items() if key.startswith(prefix)}


def after(mapping: Mapping[str, T], mark: str) -> dict[str, T]:
    """Entries whose key has the mark anywhere, by what follows it up to the next one. Who asks hears as above."""
    tell(asked for key, asked in _unknown(mapping).items() if mark in key)
    return {key.split(mark)[1]: value for key, value in _known(mapping).items() if mark in key}


def texts(mapping: Mapping[str, Any] | None) -> dict[str, str]:
    """Keys and values as text; what is unknown stays so, key by key."""
    known = {str(key): str(value) for key, value in _known(mapping or {}).items()}
    return _told(known, _unknown(mapping or {}))


def pairs(listed: Iterable[Mapping[str, Any]] | None, key: str = "key", value: str = "value") -> dict[str, str]:
    """A list of `{key, value}` as a map of texts. A pair whose value alone is unknown makes its key unknown."""
    known: dict[str, str] = {}
    unknown: dict[str, Asked] = {}
    for pair in listed or ():
        name = pair.get(key)
        if name is not None and value in _unknown(pair):
            unknown[str(name)] = _unknown(pair)[value]
        elif name is not None or key not in _unknown(pair):
            known[str(name)] = str(pair.get(value))
    return _told(known, unknown)


class Remembered(dict[str, T]):
    """Values that were computed from unknown ones: who takes a value is heard to ask for what it was computed from."""

    def __init__(self, values: Mapping[str, T], asked: Mapping[str, Iterable[Asked]]):
        super().__init__(values)
        self.asked = {key: frozenset(each) for key, each in asked.items()}

    def __getitem__(self, key: str) -> T:
        tell(self.asked.get(key, ()))
        return super().__getitem__(key)
