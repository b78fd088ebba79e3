"""Waiting for another process or thread: as long as it takes, and never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 900
"""After that long nobody waits for what never comes. No test takes it but one that fails."""


def until(happened: Callable[[], T], pause_s: float = 0.01) -> T:
    """What a question is answered with once the answer is yes. Raises AssertionError when it never is."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := happened()):
        assert time.monotonic() < end, f"waited for {PATIENCE_S} s in vain"
        time.sleep(pause_s)
    return answer
