"""The slow tests run when they are named: `pytest tests/e2e`, which is `make e2e`."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = any("e2e" in Path(argument).parts for argument in config.args)
    return True if collection_path.name == "e2e" and not named else None
