"""What a test goes through must be there: a loop over nothing holds for any code."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def every(items: Iterable[T]) -> list[T]:
    """The items, of which there is at least one. Raises AssertionError for none."""
    found = list(items)
    assert found, "nothing was found, so nothing was tested"
    return found
