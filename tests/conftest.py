"""The slow tests run when they are named: `pytest tests/e2e`, which is `make e2e`. All judge what is committed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_gpu.lab.replays import scenario
from tests.committed import SHARED, committed


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder that the tests judge before any worker starts, so that all of them have the same."""
    if not hasattr(config, "workerinput"):
        os.environ.pop(SHARED, None)  # of the session that started this one
        committed()


@pytest.fixture(scope="session", autouse=True)
def scenarios_replay_committed_projects() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenario, "CHECKOUT", committed())
        yield


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = any("e2e" in Path(argument).parts for argument in config.args)
    return True if collection_path.name == "e2e" and not named else None
