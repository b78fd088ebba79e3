"""What the tests of explain share."""

from pathlib import Path

import pytest

from eks_gpu.explain.explain import explain
from eks_gpu.explain.explanation import Explanation
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.stack_rooms import StackRooms
from tests.explanations import groups


@pytest.fixture
def explained(tmp_path: Path):
    def run(text: str, stack: StackRooms | None = None) -> Explanation:
        file = tmp_path / "pod.yaml"
        file.write_text(text)
        (found,) = explain(stack or groups(), read_pods(file)[0])
        return found

    return run
