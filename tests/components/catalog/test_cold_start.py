"""The waits of a first pod: explain estimates with what is usual, deadlines allow the longest."""

import pytest

from components.catalog import COLD_START_S, DRIVER_S
from components.catalog.cold_start import (
    ACCELERATED_LAUNCH,
    BARE_METAL_LAUNCH,
    DRIVER_INSTALLATION,
    LARGE_IMAGE,
    PLAIN_LAUNCH,
    PULL_MB_S,
    Wait,
)


@pytest.mark.parametrize(
    ("wait", "usual_s", "longest_s"),
    [
        (PLAIN_LAUNCH, 60, 100),
        (ACCELERATED_LAUNCH, 90, 300),
        (BARE_METAL_LAUNCH, 1200, 1200),
        (DRIVER_INSTALLATION, 240, 300),
        (LARGE_IMAGE, 300, 360),
    ],
)
def test_what_is_usual_takes_no_longer_than_the_longest(wait: Wait, usual_s: int, longest_s: int):
    assert (wait.usual_s, wait.longest_s) == (usual_s, longest_s)
    assert wait.usual_s <= wait.longest_s and wait.source


def test_a_deadline_allows_launch_driver_and_image_at_their_longest():
    assert (COLD_START_S, DRIVER_S) == (300 + 300 + 360, 300)


def test_a_large_image_comes_at_the_speed_of_any_other():
    assert 15_000 <= PULL_MB_S * LARGE_IMAGE.usual_s <= 20_000
