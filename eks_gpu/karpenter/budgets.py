"""Disruption budgets of a NodePool: whether they let an empty node go at some time, and how many now.

Source: Karpenter 1.15, concepts, disruption; robfig/cron, which reads the schedules, in UTC.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from eks_gpu.pods import durations

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH, _WEEKDAY = 3, 4
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKS = 6
_MINUTES = _WEEKS * 7 * 24 * 60


def keeps_empty_nodes(budgets: Iterable[Mapping[str, Any]]) -> bool:
    """Whether budgets of 0 forbid at every minute that an empty node goes; False for a schedule that is not known."""
    closed = [budget for budget in budgets if _is_closed(budget)]
    if any("schedule" not in budget for budget in closed):
        return True
    return bool(closed) and _covers_all_time([(str(each["schedule"]), each.get("duration")) for each in closed])


def allowed(budgets: Iterable[Mapping[str, Any]], reason: str, nodes: int, now: datetime) -> int | None:
    """How many nodes of a pool of so many may go at once for this reason, None without a bound.

    A schedule that is not known allows none, as Karpenter has it.
    """
    numbers = [_number_of(budget, nodes) for budget in budgets if _is_of(budget, reason) and _is_active(budget, now)]
    return min(numbers, default=None)


def opens_at(budgets: Iterable[Mapping[str, Any]], reason: str, now: datetime) -> datetime | None:
    """When budgets of 0 end that forbid now to remove a node for this reason; None if they do not end within weeks."""
    closed = [budget for budget in budgets if _is_of(budget, reason) and _number_of(budget, 1) == 0]
    try:
        windows = [_window(budget) for budget in closed]
    except (KeyError, ValueError):  # no schedule, or one that is not known
        return None
    start, covered_until = now.replace(second=0, microsecond=0), 0
    for minute in range(-max((length for _, length in windows), default=0), _MINUTES):
        later = start + timedelta(minutes=minute)
        covered_until = max([covered_until, *(minute + length for fields, length in windows if _fires(fields, later))])
        if minute >= 0 and covered_until <= minute:
            return max(later, now)
    return None


def _is_of(budget: Mapping[str, Any], reason: str) -> bool:
    reasons = budget.get("reasons")
    return not reasons or reason in reasons


def _number_of(budget: Mapping[str, Any], nodes: int) -> int:
    text = str(budget.get("nodes", "10%"))
    try:
        return ceil(nodes * int(text[:-1]) / 100) if text.endswith("%") else int(text)
    except ValueError:
        return 0


def _is_active(budget: Mapping[str, Any], now: datetime) -> bool:
    """Whether its window has begun within its duration before now; always without a schedule."""
    try:
        fields, length = _window(budget)
    except (KeyError, ValueError):
        return True
    start = now.replace(second=0, microsecond=0)
    return any(_fires(fields, start - timedelta(minutes=back)) for back in range(length))


def _window(budget: Mapping[str, Any]) -> tuple[list[frozenset[int]], int]:
    """When it begins, and its minutes. Raises KeyError without a schedule, and ValueError for one that is not known."""
    return _fields(str(budget["schedule"])), int(durations.seconds(budget.get("duration"))) // 60


def _is_closed(budget: Mapping[str, Any]) -> bool:
    return str(budget.get("nodes")) in ("0", "0%") and _is_of(budget, "Empty")


def _covers_all_time(windows: list[tuple[str, Any]]) -> bool:
    """Whether the windows leave no minute free, in the second half of some weeks, where the first ones have begun."""
    try:
        read = [(_fields(schedule), int(durations.seconds(duration)) // 60) for schedule, duration in windows]
    except ValueError:
        return False
    first = datetime(2026, 6, 1, tzinfo=UTC)
    covered_until = 0
    for minute in range(2 * _MINUTES):
        now = first + timedelta(minutes=minute)
        for fields, length in read:
            if _fires(fields, now):
                covered_until = max(covered_until, minute + length)
        if minute >= _MINUTES and covered_until <= minute:
            return False
    return True


def _fires(fields: list[frozenset[int]], now: datetime) -> bool:
    minutes, hours, days, months, weekdays = fields
    if now.minute not in minutes or now.hour not in hours or now.month not in months:
        return False
    by_day, by_weekday = now.day in days, now.isoweekday() % 7 in weekdays
    restricted = len(days) < 31, len(weekdays) < 7
    return by_day or by_weekday if all(restricted) else by_day and by_weekday


def _fields(schedule: str) -> list[frozenset[int]]:
    """Raises ValueError for a schedule that is not one of five fields."""
    texts = _NICKNAMES.get(schedule.strip().lower(), schedule).lower().split()
    if len(texts) != len(_RANGES):
        raise ValueError(f"must have five fields, got {schedule}")
    return [_values(text, *limits, place) for place, (text, limits) in enumerate(zip(texts, _RANGES, strict=True))]


def _values(text: str, least: int, most: int, place: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            start, end = least, most
        else:
            low, _, high = span.partition("-")
            start = _number(low, place)
            end = _number(high, place) if high else most if step else start
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(value % 7 if place == _WEEKDAY else value for value in found)


def _number(text: str, place: int) -> int:
    names, first = {_MONTH: (_MONTHS, 1), _WEEKDAY: (_WEEKDAYS, 0)}.get(place, ((), 0))
    return names.index(text) + first if text in names else int(text)
