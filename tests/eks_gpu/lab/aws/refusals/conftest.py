"""One moto for all tests of a file, empty for each."""

from collections.abc import Iterator

import pytest
from moto import mock_aws
from moto.moto_api._internal.models import moto_api_backend

from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.pace import Pace, pacing
from eks_gpu.lab.aws.refusals import refusing
from tests.eks_gpu.lab.aws.refusals.account import Aws


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    complete_moto("https://127.0.0.1:6443")
    with mock_aws(), pacing(Pace(settles_s=600)), refusing():
        yield


@pytest.fixture
def aws(moto) -> Aws:
    moto_api_backend.reset()
    return Aws()
