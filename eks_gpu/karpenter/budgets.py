"""Disruption budgets of a NodePool: whether they let an empty node go at some time.

Source: Karpenter 1.15, concepts, disruption; robfig/cron, which reads the schedules, in UTC.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
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


def _is_closed(budget: Mapping[str, Any]) -> bool:
    reasons = budget.get("reasons")
    return str(budget.get("nodes")) in ("0", "0%") and (not reasons or "Empty" in reasons)


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
