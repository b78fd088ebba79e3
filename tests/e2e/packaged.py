"""Programs in other languages with the components' package: made ready as `pulumi install` does, and held against the
program in Python.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from eks_gpu.lab.toolchain import toolchain
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import make_plan
from tests.committed import CHECKOUT, committed
from tests.programs import plan_of

SDK = Path("sdks/eks-gpu-eks-gpu-components")
_NPM = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")


def write_sdk(language: str, folder: Path) -> None:
    """The package's SDK for a language, from the schema that is recorded."""
    tool = toolchain(["package-sdk"])["package-sdk"]
    subprocess.run([tool, language, CHECKOUT / "tests" / "schema.json", folder], check=True)


def installed(folder: Path) -> Path:
    """A copy of the example in which all that it imports is there."""
    shutil.copytree(committed() / "examples" / "typescript", folder)
    write_sdk("nodejs", folder / SDK)
    subprocess.run(_NPM, cwd=folder, check=True, capture_output=True, env=without_pulumi())
    compiled(folder / SDK, folder)
    return folder


def compiled(sdk: Path, folder: Path) -> None:
    """What the SDK's script `postinstall` does."""
    assert types(folder, sdk) == ""
    shutil.copyfile(sdk / "package.json", sdk / "bin" / "package.json")


def types(folder: Path, project: Path | None = None) -> str:
    """What the project's own TypeScript says of a folder's program; nothing where all is well."""
    command = ["node", folder / "node_modules" / "typescript" / "bin" / "tsc", "-p", project or folder]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def without_pulumi() -> dict[str, str]:
    """The environment without what another run of Pulumi has left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}


def package_json(folder: Path) -> dict:
    return json.loads((folder / SDK / "package.json").read_text())


def holds_the_plan_of_python(folder: Path) -> None:
    """The example's plan is that of the Karpenter example in Python, with a Kubernetes provider of its own."""
    project = Project.load(folder)
    here = make_plan(project, project.stack("dev")).as_json()
    there = plan_of("examples/karpenter-inference", "dev").as_json()

    for part in ("region", "pools", "workloads", "cost", "unread", "quotas"):
        assert here[part] == there[part], part
    assert _verdicts(here) == _verdicts(there)
    assert _resources(here) - _resources(there) == {("pulumi:providers:kubernetes", "in-cluster")}
    assert _resources(there) <= _resources(here)


def _verdicts(told: Any) -> set[tuple[str, str, bool]]:
    return {(check["id"], check["subject"], check["passed"]) for check in told["checks"]}


def _resources(told: Any) -> set[tuple[str, str]]:
    return {(made["type"], made["name"]) for made in told["resources"]}
