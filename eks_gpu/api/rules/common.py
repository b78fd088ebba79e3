"""Rules that fields of several kinds share."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.said import Finding, Refused, joined


def refused(path: str, why: str) -> Iterator[Refused]:
    """A refusal where there is a reason for one."""
    if why:
        yield Refused(path, why)


def labels_hold(given: Any, path: str) -> Iterator[Finding]:
    """Keys and values of labels."""
    for key, value in (given or {}).items():
        yield from refused(joined(path, key), names.key(key) or names.label_value(value or ""))


def twice(values: list[Any], path: str, what: str) -> Iterator[Finding]:
    """Values that must differ, of which two are the same."""
    again = next((value for index, value in enumerate(values) if value and value in values[:index]), None)
    if again is not None:
        yield Refused(path, f"must not have two {what} {again!r}")


def one_of(given: Mapping[str, Any], path: str, words: str) -> Iterator[Finding]:
    """Fields of which an object has one."""
    found = [word for word in words.split() if given.get(word) is not None]
    if len(found) != 1:
        yield Refused(path, f"must have one of {', '.join(words.split())}, got {' and '.join(found) or 'none'}")


def is_port(port: Any, path: str) -> Iterator[Finding]:
    """A port's number or name."""
    if isinstance(port, str):
        yield from refused(path, names.port_name(port))
    elif port is None or not 1 <= port <= 65535:
        yield Refused(path, f"must be 1 to 65535, or a port's name, got {port}")


def inside(file: str, path: str) -> Iterator[Finding]:
    """A path that stays below where it begins."""
    if file.startswith("/") or ".." in file.split("/"):
        yield Refused(path, f"must be a path below, without '..', got {file!r}")


def is_share(value: Any, path: str) -> Iterator[Finding]:
    """A count or a percentage."""
    if isinstance(value, str) and not names.is_percent(value):
        yield Refused(path, f"must be a count or a percentage, as 25%, got {value!r}")
    elif isinstance(value, int) and value < 0:
        yield Refused(path, f"must be at least 0, got {value}")


def is_cidr(value: str, path: str) -> Iterator[Finding]:
    """A range of addresses."""
    try:
        ip_network(value, strict=False)
    except ValueError:
        yield Refused(path, f"must be a range of addresses, as 10.0.0.0/16, got {value!r}")
        return
    if "/" not in value:
        yield Refused(path, f"must be a range of addresses, as 10.0.0.0/16, got {value!r}")
