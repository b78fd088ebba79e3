"""Projects in a folder of a test's own, run offline."""

from pathlib import Path

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.offline.program_run import Recording
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record


def recorded(root: Path, stack: str = "dev") -> Recording:
    """What the project's program registers and says."""
    project = Project.load(root)
    return record(project, project.stack(stack))[0]


def refusal(root: Path, stack: str = "dev") -> list[str]:
    """The problems with which the project's run ends."""
    with pytest.raises(InputError) as refused:
        recorded(root, stack)
    return refused.value.problems
