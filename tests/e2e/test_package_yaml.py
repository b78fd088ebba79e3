"""The package in YAML: the example's plan is the Python program's, and wrong args are told with the program's keys."""

import shutil
from pathlib import Path

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.lab.toolchain import toolchain
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from tests.committed import committed
from tests.e2e.packaged import holds_the_plan_of_python

pytestmark = pytest.mark.minutes(0.5)
EXAMPLE = committed() / "examples" / "yaml"


@pytest.fixture(scope="module", autouse=True)
def language() -> None:
    toolchain(["pulumi-language-yaml"])


def problems(folder: Path, was: str, now: str) -> list[str]:
    """What is said of the example with another text in it."""
    shutil.copytree(EXAMPLE, folder)
    program = folder / "Pulumi.yaml"
    program.write_text(program.read_text().replace(was, now))
    project = Project.load(folder)
    with pytest.raises(InputError) as wrong:
        record(project, project.stack("dev"))
    return wrong.value.problems


def test_the_plan_is_that_of_the_program_in_python():
    holds_the_plan_of_python(EXAMPLE)


def test_a_wrong_value_is_told_by_the_component(tmp_path):
    (told,) = problems(tmp_path / "yaml", "maxGpus: 100", "maxGpus: -1")

    assert told in {
        "NvidiaDevicePlugin nvidia-device-plugin: pools[0].maxGpus must be at least 1, got -1",
        "KarpenterGpuPool gpu: pool.maxGpus must be at least 1, got -1",
        "ResnetInference resnet: pool.maxGpus must be at least 1, got -1",
    }


def test_a_wrong_key_is_told_by_the_language_with_its_line(tmp_path):
    told = problems(tmp_path / "yaml", "idleS: 30", "idleSecs: 30")

    assert told[0].startswith("Pulumi.yaml:61: Property idleSecs does not exist on 'eks-gpu-components:index:GpuPool'")
