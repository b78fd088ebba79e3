"""Durations as Go reads them, and therefore Kubernetes, Karpenter and the cluster autoscaler.

Source: Go 1.26, time.ParseDuration; Kubernetes 1.36, metav1.Duration.
"""

import re
from fractions import Fraction
from math import ceil, floor
from reprlib import repr as shortened
from typing import Any

NEVER = "Never"
"""Value that Karpenter accepts instead of a duration if a node may be kept forever."""

_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_NANOSECONDS |= {"h": 3600 * 10**9}
_MOST_NS = 2**63 - 1
_PART = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(sorted(_NANOSECONDS, key=len, reverse=True))})")
_DURATION = re.compile(rf"([+-]?)(0|(?:{_PART.pattern})+)")
_MAX_LENGTH = 200
_WORDS = {
    1: "s sec secs second seconds",
    60: "m min mins minute minutes",
    3600: "h hr hrs hour hours",
    86_400: "d day days",
    604_800: "w week weeks",
}
"""What people write for a number of seconds."""
_MEANT = {word: size for size, words in _WORDS.items() for word in words.split()}
_MEANT_PART = re.compile(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)\s*({'|'.join(sorted(_MEANT, key=len, reverse=True))})\s*")


def seconds(value: Any) -> Fraction:
    """A text such as `1h30m`, `1.5h` or `-500ms`, in seconds, each part cut to whole nanoseconds.

    Raises ValueError for anything else, also for one beyond 2**63 - 1 nanoseconds, or 292 years.
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= _MAX_LENGTH else None
    if found is None:
        near = f"; nearest: {close}" if (close := nearest(value)) else ""
        raise ValueError(f"must be a duration such as 1h30m, got {shortened(value)}{near}")
    total = sum(floor(Fraction(number) * _NANOSECONDS[unit]) for number, unit in _PART.findall(found[2]))
    if total > _MOST_NS + (found[1] == "-"):
        raise ValueError(f"must be at most 2562047h, got {shortened(value)}")
    return Fraction(-total if found[1] == "-" else total, 10**9)


def nearest(value: Any) -> str:
    """The duration in whole hours, minutes and seconds that was meant by `30d` or `1.5 h`; empty if there is none."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) > _MAX_LENGTH or not re.fullmatch(f"(?:{_MEANT_PART.pattern})+", text):
        return ""
    meant = ceil(sum(Fraction(number) * _MEANT[unit] for number, unit in _MEANT_PART.findall(text)))
    return written(meant) if meant * 10**9 <= _MOST_NS else ""


def written(duration: int) -> str:
    """Seconds as `1h30m`, `720h` or `0s`."""
    minutes, rest = divmod(duration, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
