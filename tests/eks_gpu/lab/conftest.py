"""What all tests of the lab share."""

import functools
from collections.abc import Iterator

import pytest
from botocore.loaders import JSONFileLoader

from eks_gpu.lab.replays import scenario
from tests.committed import committed


@pytest.fixture(scope="session", autouse=True)
def scenarios_replay_committed_projects() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenario, "CHECKOUT", committed())
        yield


@pytest.fixture(scope="session", autouse=True)
def models_of_aws_are_read_once() -> Iterator[None]:
    """moto gives boto3 a new session for every test, and each would read megabytes of botocore's models anew."""
    read = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield
