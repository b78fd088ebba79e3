"""Systems in TypeScript and in YAML on the real engine: up as the one in Python, and away without a trace."""

import re
from pathlib import Path

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.lab.apply import LabStack, lab_stack
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from tests.committed import committed
from tests.e2e.packaged import installed

pytestmark = [pytest.mark.minutes(4), pytest.mark.xdist_group("lab_languages")]
RESOURCES = 99
"""As many as of the Karpenter example in Python, and its Kubernetes provider."""


def comes_and_goes(stack: LabStack) -> None:
    try:
        applied = stack.up()
        steps = stack.preview()
    finally:  # another stack of this lab makes a cluster of the same name
        destroyed = stack.destroy()
    assert applied.changes == {"create": RESOURCES}
    assert [each.chart for each in applied.charts] == [
        "aws-load-balancer-controller",
        "karpenter",
        "karpenter-crd",
        "nvidia-device-plugin",
    ]
    assert applied.outputs["kubeconfig"] == "[secret]"
    assert re.fullmatch(r"http://k8s-resnet-resnet-\w+\.elb\.us-west-2\.amazonaws\.com:8501", applied.outputs["url"])
    # YAML's host asks for other versions of providers in a preview.
    assert {step.operation for step in steps if "::pulumi:providers:" not in step.urn} == {"same"}
    assert (destroyed.deleted, destroyed.left) == (RESOURCES, ())


def test_a_system_in_yaml(lab: Lab):
    comes_and_goes(lab_stack(lab, committed() / "examples" / "yaml", "dev"))


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("example") / "typescript")


def test_a_system_in_typescript(lab: Lab, typescript: Path):
    comes_and_goes(lab_stack(lab, typescript, "dev"))


def test_what_is_wrong_in_a_program_is_told_once_with_its_place(lab: Lab, typescript: Path):
    program = typescript / "index.ts"
    right = program.read_text()
    stack = lab_stack(lab, typescript, "dev")
    try:
        program.write_text(f'{right}\nthrow new Error("no such pool");\n')
        with pytest.raises((InputError, LabProblem)) as thrown:
            stack.preview()
        program.write_text(right.replace("maxGpus: 100", "maxGpus: -1"))
        with pytest.raises((InputError, LabProblem)) as refused:
            stack.preview()
    finally:
        program.write_text(right)
    line = right.count("\n") + 2
    assert str(thrown.value).splitlines()[:-1] == [f"index.ts:{line}: Error: no such pool"]
    assert "maxGpus with value '{-1}' has a problem: must be at least 1, got -1" in str(refused.value)
    assert "exited prematurely" not in str(refused.value)
