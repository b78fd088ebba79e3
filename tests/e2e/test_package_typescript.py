"""The package in TypeScript: its SDK, the example's types, and the example's plan, which is the Python program's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.committed import committed
from tests.e2e.packaged import holds_the_plan_of_python, installed, package_json, types, write_sdk

pytestmark = [pytest.mark.minutes(1), pytest.mark.xdist_group("typescript")]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("example") / "typescript")


def test_the_sdk_is_of_our_own_scope_and_version(example):
    told = package_json(example)

    assert (told["name"], told["version"]) == ("@eks-gpu/eks-gpu-components", "0.1.0")
    assert told["pulumi"] == {"resource": True, "name": "eks-gpu-components", "version": "0.1.0"}


def test_the_example_has_the_right_types_and_others_are_found(example, tmp_path):
    program = example / "index.ts"
    right = program.read_text()
    assert types(example) == ""

    try:
        program.write_text(right.replace("idleS: 30", "idleSecs: 30"))
        found = types(example)
    finally:
        program.write_text(right)
    assert "'idleSecs' does not exist in type 'GpuPoolArgs'" in found


def test_the_plan_is_that_of_the_program_in_python(example):
    holds_the_plan_of_python(example)


def test_wrong_args_are_told_with_the_programs_own_keys(example):
    program = example / "index.ts"
    right = program.read_text()
    try:
        program.write_text(right.replace("maxGpus: 100", "maxGpus: -1").replace("g4dn.xlarge", "g4dn.xlrge"))
        command = [Path(sys.executable).with_name("eks-gpu"), "plan", example]
        ran = subprocess.run(command, capture_output=True, text=True)
    finally:
        program.write_text(right)

    assert ran.returncode == 2
    assert "maxGpus must be at least 1, got -1" in ran.stderr  # of the component that is asked for first
    assert "instance type g4dn.xlrge is not in the catalog; nearest: g4dn.xlarge" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_sdk_for_go_has_every_component(tmp_path):
    write_sdk("go", tmp_path)

    schema = json.loads((committed() / "tests" / "schema.json").read_text())
    names = {token.rpartition(":")[2] for token in schema["resources"]}
    text = "\n".join(file.read_text() for file in tmp_path.rglob("*.go"))
    assert names and all(f"func New{name}(ctx *pulumi.Context" in text for name in names)
