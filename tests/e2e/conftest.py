"""What takes longest comes first, so that every worker is busy to the end.

xdist gives a worker the next group while the one before has two tests left: a group that takes minutes has three or
more, or the next would wait behind it.
"""

from collections.abc import Iterator

import pytest

from eks_gpu.lab.state import Lab
from tests.e2e.own_lab import own_lab


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "minutes(n): about how long a test takes, or the group that it is of")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=minutes, reverse=True)


def minutes(item: pytest.Item) -> float:
    mark = item.get_closest_marker("minutes")
    return mark.args[0] if mark else 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab that nobody else uses, for the whole file."""
    with own_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made
