"""What takes longest comes first, so that every worker is busy to the end."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "minutes(n): about how long a test takes, or the group that it is of")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=minutes, reverse=True)


def minutes(item: pytest.Item) -> float:
    mark = item.get_closest_marker("minutes")
    return mark.args[0] if mark else 0
