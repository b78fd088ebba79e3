"""What a plan makes of a secret that it has read, such as the taint of a pool: its text is masked where it is told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.values import MASK
from eks_gpu_components.catalog import instance_types

_SHORTEST, _LONG = 6, 20


def secret_texts(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Texts that the inputs hold and hide, the longest first.

    Left out is what would mask half of a plan: short texts, plain words, instance types, and what stands elsewhere in
    the open.
    """
    hidden: set[str] = set()
    open_: set[str] = {row.name for row in instance_types()}
    for resource in resources:
        if resource.masked is not None:
            seen = set(_texts(resource.masked))
            open_ |= seen
            hidden |= {text for text in _texts(resource.inputs) if text not in seen}
        else:
            open_ |= set(_texts(resource.shown))
    return tuple(sorted((text for text in hidden - open_ if _tells(text)), key=lambda text: (-len(text), text)))


def _tells(text: str) -> bool:
    odd = any(sign.isdigit() or sign.isupper() for sign in text)
    return len(text) >= (_SHORTEST if odd else _LONG)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def redacted(value: Any, texts: Sequence[str]) -> Any:
    """The same data with a mask for each of these texts, wherever it stands in a text."""
    if not texts:
        return value
    if isinstance(value, str):
        for text in texts:
            value = value.replace(text, MASK)
        return value
    if isinstance(value, Mapping):
        return {redacted(key, texts): redacted(item, texts) for key, item in value.items()}
    return [redacted(item, texts) for item in value] if isinstance(value, list | tuple) else value


def redacted_page(page: str, texts: Sequence[str]) -> str:
    """HTML with a mask for each of these texts."""
    return redacted(page, [form for text in texts for form in dict.fromkeys((escape(text), text))])
