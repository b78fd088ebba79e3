"""The package in the real engine, without a cluster: a TypeScript program with our components goes up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eks_gpu.lab.toolchain import toolchain
from tests.committed import CHECKOUT
from tests.e2e.packaged import SDK, installed, without_pulumi

pytestmark = [pytest.mark.minutes(1), pytest.mark.xdist_group("typescript")]

PROGRAM = """
import * as eksGpu from "@eks-gpu/eks-gpu-components";
import * as k8s from "@pulumi/kubernetes";

const provider = new k8s.Provider("rendered", { renderYamlToDirectory: "rendered" });
const pool = { instanceTypes: ["g4dn.xlarge"], maxGpus: 2 };
const vectors = new eksGpu.CudaVectorAdd("vectors", { pool, replicas: 2 }, { providers: [provider] });
export const workload = vectors.workloadName;
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = installed(tmp_path_factory.mktemp("engine") / "typescript")
    (folder / "index.ts").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: up\nruntime: nodejs\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The engine, its Kubernetes provider, our provider and the language host, with a state of their own."""
    tools = toolchain(["pulumi", "pulumi-resource-kubernetes", "package-sdk"])
    folder = tmp_path_factory.mktemp("pulumi")
    commands = {
        "pulumi-language-nodejs": f"{sys.executable} -m tests.e2e.language_host",
        "pulumi-resource-eks-gpu-components": f"{sys.executable} {CHECKOUT / 'plugin'}",
    }
    for name, command in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {command} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "state").mkdir()
    path = [str(folder), *(str(tool.parent) for tool in tools.values()), os.environ["PATH"]]
    return without_pulumi() | {
        "PATH": os.pathsep.join(path),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@pytest.fixture
def pulumi(project, environment):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        whole = ["pulumi", "--non-interactive", "--color", "never", *command]
        return subprocess.run(whole, cwd=project, env=environment, capture_output=True, text=True, timeout=300)

    run("stack", "select", "--create", "dev")
    return run


def test_a_program_in_typescript_goes_up(pulumi, project):
    previewed = pulumi("preview", "--stack", "dev")
    up = pulumi("up", "--stack", "dev", "--yes", "--skip-preview")

    assert previewed.returncode == 0 and up.returncode == 0, previewed.stdout + up.stdout + up.stderr
    assert "eks-gpu-components:index:CudaVectorAdd" in previewed.stdout
    assert pulumi("stack", "output", "workload", "--stack", "dev").stdout == "vectors\n"
    (made,) = (project / "rendered").rglob("*vectors*.yaml")
    assert "nvidia.com/gpu" in made.read_text()


def test_wrong_args_are_problems_of_the_callers_properties(pulumi, project):
    (project / "index.ts").write_text(PROGRAM.replace("maxGpus: 2", "maxGpus: -1").replace("g4dn.xlarge", "g4dn.xlrge"))

    said = pulumi("preview", "--stack", "dev").stdout

    assert "eks-gpu-components:index:CudaVectorAdd resource 'vectors' has a problem:" in said
    assert "pool.maxGpus" in said and "must be at least 1, got -1" in said
    assert "instance type g4dn.xlrge is not in the catalog; nearest: g4dn.xlarge" in said
    assert "Traceback" not in said and "BadInput" not in said


def test_the_package_is_added_to_a_project_where_the_example_has_it(pulumi, project, environment):
    sdk = project / SDK
    shutil.rmtree(sdk)
    provider = shutil.which("pulumi-resource-eks-gpu-components", path=environment["PATH"])
    assert provider

    added = pulumi("package", "add", provider)

    assert added.returncode == 0, added.stdout + added.stderr
    assert "export interface KarpenterGpuPoolArgs" in (sdk / "karpenterGpuPool.ts").read_text()
    assert "eks-gpu-components" in (project / "Pulumi.yaml").read_text()
