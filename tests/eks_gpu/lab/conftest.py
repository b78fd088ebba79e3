"""What all tests of the lab share."""

import functools
import json
from collections.abc import Iterator

import pytest
from botocore.loaders import JSONFileLoader
from moto.ec2.models import amis
from moto.iam.aws_managed_policies import aws_managed_policies_data

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


@pytest.fixture(scope="session", autouse=True)
def accounts_of_moto_begin_small() -> Iterator[None]:
    """A few of the thousands of images and policies that moto would give every account of every test."""
    policies = json.loads(aws_managed_policies_data)
    few = {name: policy for name, policy in policies.items() if name.startswith(("AmazonEKS", "AmazonEC2Container"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.iam.models.aws_managed_policies_data", json.dumps(few))
        patch.setattr(amis, "AMIS", amis.AMIS[:10])
        patch.setenv("MOTO_AMIS_PATH", "none besides these")
        yield
