"""What a replay expected and what it measured."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from eks_gpu.lab.replays.timeline import Moment

_BOUNDS = {
    "at_most": ("at most", lambda got, bound: got <= bound),
    "at_least": ("at least", lambda got, bound: got >= bound),
}
_SECONDS = {"within_s": "at_most", "for_s": "at_least"}
"""Quantities that bound how long it took or lasted, which is measured as `after_s`."""


@dataclass(frozen=True)
class Quantity:
    """One row of measured against expected. `measured` is None for what was never reached."""

    group: str
    """The step that it belongs to; empty for what holds of the whole replay."""
    name: str
    expected: Any
    """A value that it must equal, or `{"at_most": x}`, `{"at_least": x}`."""
    measured: Any

    @property
    def holds(self) -> bool:
        if self.measured is None:
            return False
        if bound := _bound(self.expected):
            return _BOUNDS[bound][1](self.measured, self.expected[bound])
        return self.measured == self.expected

    @property
    def wanted(self) -> str:
        """What is expected, in words."""
        if bound := _bound(self.expected):
            return f"{_BOUNDS[bound][0]} {told(self.expected[bound])}"
        return told(self.expected)

    def __str__(self) -> str:
        place = f"{self.group}: {self.name}" if self.group else self.name
        got = "was not reached" if self.measured is None else f"got {told(self.measured)}"
        return f"{place} expected {self.wanted}, {got}"


@dataclass(frozen=True)
class Result:
    """What was expected and what was."""

    scenario: str
    expected: Mapping[str, Any]
    """By quantity, or by step and then by quantity; see Quantity."""
    measured: Mapping[str, Any]
    """The same names, and more."""
    timeline: tuple[Moment, ...]

    @property
    def quantities(self) -> list[Quantity]:
        """In the order in which they are expected."""
        return list(_quantities(self.expected, self.measured))

    @property
    def differences(self) -> list[str]:
        """One for each quantity that is not as expected."""
        return [str(each) for each in self.quantities if not each.holds]

    @property
    def passed(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "expected": self.expected,
            "measured": self.measured,
            "passed": self.passed,
            "timeline": [asdict(moment) for moment in self.timeline],
        }


def _quantities(expected: Mapping[str, Any], measured: Mapping[str, Any], group: str = "") -> Iterator[Quantity]:
    for name, wanted in expected.items():
        if group and name in _SECONDS:
            yield Quantity(group, "seconds", {_SECONDS[name]: wanted}, measured.get("after_s"))
        elif not group and isinstance(wanted, Mapping) and not _bound(wanted):
            yield from _quantities(wanted, measured.get(name, {}), name)
        else:
            yield Quantity(group, name, wanted, measured.get(name))


def _bound(expected: Any) -> str:
    """Which bound it is, if any."""
    return next((bound for bound in _BOUNDS if isinstance(expected, Mapping) and set(expected) == {bound}), "")


def told(value: Any) -> str:
    """A quantity in words: `5 g4dn.xlarge`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{count:g} {kind}" for kind, count in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
