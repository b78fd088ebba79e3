"""The slow tests run when they are named: `pytest tests/e2e`, which is `make e2e`. All judge what is committed."""

import gc
import os
from pathlib import Path

import pytest

from eks_gpu.io.today import TODAY
from eks_gpu_components.catalog import READ_ON
from tests.committed import committed
from tests.session import begin

LOOKS_FOR_GARBAGE = (500_000, 10, 10)
"""Python's thresholds beside a million objects of the SDKs that stay. With a tenth of the first it looks through them a
tenth of the time, and by default longer."""
FIRST = "test_a_linter_finds_nothing[types]"
"""The longest test, which no other worker can share: what comes last would wait for it alone."""


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder that the tests judge before any worker starts, so that all of them have the same."""
    os.environ["EKS_GPU_CATALOG_PRICES"] = "1"  # and not those that the developer has fetched
    os.environ[TODAY] = READ_ON.isoformat()  # tests say the same next year
    if not hasattr(config, "workerinput"):
        begin()
        committed()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name != FIRST)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: Python need not look through it again."""
    gc.set_threshold(*LOOKS_FOR_GARBAGE)
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = any("e2e" in Path(argument).parts for argument in config.args)
    return True if collection_path.name == "e2e" and not named else None
