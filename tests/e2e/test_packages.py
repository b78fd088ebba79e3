"""A stranger's path, in an empty environment: the package installs, and a first program plans and can be tested."""

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_gpu.init.program import program
from eks_gpu.lab.toolchain import toolchain
from eks_gpu.pools.pool import KARPENTER
from tests.committed import export
from tests.programs import EXAMPLES, ROOT

pytestmark = [pytest.mark.xdist_group("a stranger"), pytest.mark.minutes(2)]

TAG = "v0.1.0"
QUIET = ["--quiet", "--disable-pip-version-check"]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What it prints on stdout; its stderr where it fails."""
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), **_kept(), **environment}
    ran = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def _kept() -> dict[str, str]:
    """How this machine reaches a package registry, and nothing else of its environment."""
    return {name: text for name, text in os.environ.items() if name.startswith(("PIP_", "SSL_")) or "_proxy" in name}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as a repository with a tag, as somebody publishes them."""
    folder = tmp_path_factory.mktemp("published") / "repository"
    export(folder)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "a"], ["tag", TAG]):
        run("git", *words, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def packages(repository: Path) -> Path:
    """The folder with the wheel and the source distribution."""
    out = repository.parent / "dist"
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", out, repository)
    warned = [line for line in run(*build, cwd=repository.parent).splitlines() if "importable" in line]
    assert warned == []  # a folder that is in the wheel, and not said to be
    return out


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Path:
    """An environment with the wheel and what it asks for, in the versions that the lock has."""
    folder = tmp_path_factory.mktemp("stranger")
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    locked = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements" / "plan.txt").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(locked))
    (wheel,) = packages.glob("*.whl")
    constraints = ["--no-compile", "--constraint", folder / "constraints.txt"]
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", *QUIET, *constraints, f"{wheel}[plan]", cwd=folder)
    assert "No broken requirements found." in run(python, "-m", "pip", "check", cwd=folder)
    return python


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "first-gpus"
    told = run(python.parent / "eks-gpu", "init", folder, "--yes", cwd=folder.parent)
    assert "265* USD a month while idle" in told
    return folder


def plan(python: Path, folder: Path) -> dict:
    return json.loads(run(python.parent / "eks-gpu", "plan", folder, "--json", "-", cwd=folder))


def test_the_packages_are_the_same_bytes_whenever_and_by_whomever_they_are_built(repository, packages, tmp_path):
    other = tmp_path / "other"
    run("git", "clone", "-q", repository, other, cwd=tmp_path)
    for file in other.rglob("*"):
        if ".git" not in file.parts:
            os.utime(file, (1, 1))
            file.chmod(0o700 if file.is_dir() else 0o600)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", other, cwd=tmp_path)
    made = {file.name: file.read_bytes() for file in packages.iterdir()}
    assert len(made) == 2
    assert [name for name, data in made.items() if (tmp_path / "dist" / name).read_bytes() != data] == []


def test_the_sources_have_the_pages_the_examples_and_what_builds_them(packages):
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"docs/traps.md", "docs/images/karpenter-inference.svg", "examples/auto-mode/__main__.py", "CHANGELOG.md"}
    assert wanted | {"README.md", "LICENSE", "SECURITY.md", "tools/build_backend.py"} <= names
    assert "templates/eks-gpu-python/Pulumi.yaml" in names
    assert not [name for name in names if name.startswith(("tests/", "build/")) or name.endswith(".pyc")]


def test_the_first_program_of_the_readme_plans_green(python, project):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert program(KARPENTER) in text
    assert (project / "__main__.py").read_text() == program(KARPENTER)
    made = plan(python, project)
    assert [check["id"] for check in made["checks"] if check["passed"] is False] == ["api-address-is-given"]
    assert [pool["name"] for pool in made["pools"] if pool["scales_to_zero"]] == ["gpu"]


def test_init_names_the_wheel_that_it_was_installed_from(project, packages):
    (wheel,) = packages.glob("*.whl")
    assert (project / "requirements.txt").read_text() == f"eks-gpu-components @ file://{wheel}\n"


UNIT_TEST = """
import unittest

import pulumi

import eks_gpu_components as eks_gpu

MADE = {}


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        MADE[args.name] = args.inputs
        return f"{args.name}-id", args.inputs

    def call(self, args):
        return {}


pulumi.runtime.set_mocks(Mocks())
CLUSTER = {
    "name": "a", "endpoint": "https://a", "certificate_authority": "YQ==", "service_cidr": "10.100.0.0/16",
    "kubernetes_version": "1.35", "vpc_id": "vpc-1", "region": "us-west-2", "security_group_id": "sg-1",
}
SUBNETS = [{"zone": "us-west-2a", "zone_id": "usw2-az2", "subnet_id": "subnet-1"}]


class Gpus(unittest.TestCase):
    @pulumi.runtime.test
    def make(self):
        pool = {"instance_types": ["g4dn.xlarge"], "max_gpus": 2, "idle_s": 60}
        args = {"cluster": CLUSTER, "subnets": SUBNETS, "node_role_name": "nodes", "pool": pool}
        eks_gpu.KarpenterGpuPool("gpu", args)

    def test_nodes_are_tainted_and_idle_ones_go(self):
        self.make()
        (spec,) = [each["spec"] for each in MADE.values() if each.get("kind") == "NodePool"]
        self.assertEqual(spec["disruption"]["consolidateAfter"], "1m")
        self.assertEqual([taint["key"] for taint in spec["template"]["spec"]["taints"]], ["nvidia.com/gpu"])
"""


def test_its_pool_is_unit_tested_without_an_engine(python, project):
    (project / "test_gpus.py").write_text(UNIT_TEST)
    run(python, "-m", "unittest", cwd=project)
    (project / "test_gpus.py").write_text(UNIT_TEST.replace('"1m"', '"2m"'))
    with pytest.raises(AssertionError, match="'1m' != '2m'"):
        run(python, "-m", "unittest", cwd=project)


def test_a_git_requirement_installs_and_init_writes_it(python, repository, tmp_path):
    wanted = f"git+file://{repository}@{TAG}"
    run(python, "-m", "pip", "install", *QUIET, "--no-compile", "--no-deps", "--force-reinstall", wanted, cwd=tmp_path)
    run(python.parent / "eks-gpu", "init", tmp_path / "made", "--yes", "--backend", "auto-mode", cwd=tmp_path)
    commit = run("git", "rev-parse", "HEAD", cwd=repository).strip()
    text = (tmp_path / "made" / "requirements.txt").read_text()
    assert text == f"git+file://{repository}@{commit}\n"


@pytest.fixture(scope="module")
def from_example(python: Path, repository: Path) -> Path:
    """The environment, with what the first example's requirements name; the others name the same."""
    folder = repository / "examples" / EXAMPLES[0].name
    install = ("install", *QUIET, "--no-compile", "--no-deps", "--force-reinstall", "--requirement", "requirements.txt")
    run(python, "-m", "pip", *install, cwd=folder)
    return python


@pytest.mark.parametrize("name", [folder.name for folder in EXAMPLES])
def test_an_example_installs_as_written_and_plans_green(from_example, repository, name):
    made = plan(from_example, repository / "examples" / name)
    failing = {check["id"] for check in made["checks"] if check["passed"] is False and check["severity"] == "error"}
    assert made["pools"] and failing == set()


LANGUAGE = """#!{python}
import signal
from concurrent import futures

import grpc
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2


class Python(language_pb2_grpc.LanguageRuntimeServicer):
    def Handshake(self, request, context):
        return language_pb2.LanguageHandshakeResponse()

    def RuntimeOptionsPrompts(self, request, context):
        return language_pb2.RuntimeOptionsResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="3.0.0")


signal.signal(signal.SIGINT, lambda *_: exit())
server = grpc.server(futures.ThreadPoolExecutor(2))
language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Python(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""
"""What the CLI asks of Python's language host while it only generates: the host itself comes with the whole CLI."""


@pytest.fixture
def generated(tmp_path: Path) -> Iterator[Path]:
    """What `pulumi new` makes of the template, offline."""
    host = tmp_path / "bin" / "pulumi-language-python"
    host.parent.mkdir()
    host.write_text(LANGUAGE.format(python=sys.executable))
    host.chmod(0o755)
    pulumi = toolchain(["pulumi"])["pulumi"]
    words = ("--generate-only", "--yes", "--offline", "--name", "my-gpus", "--dir", tmp_path / "made")
    run(
        *(pulumi, "new", ROOT / "templates" / "eks-gpu-python", *words),
        cwd=tmp_path,
        PATH=f"{host.parent}:/usr/bin:/bin",
        PULUMI_SKIP_UPDATE_CHECK="true",
        PULUMI_HOME=str(tmp_path / "home"),
    )
    yield tmp_path / "made"


def test_the_template_of_pulumi_new_plans_green(python, generated):
    assert sorted(file.name for file in generated.iterdir()) == [
        *(".gitignore", "Pulumi.yaml", "__main__.py", "requirements.txt")
    ]
    assert "${" not in "".join(file.read_text() for file in generated.iterdir())
    # What the CLI writes where it asks, as it does without --generate-only.
    (generated / "Pulumi.dev.yaml").write_text('config: {aws:region: us-west-2, my-gpus:max_gpus: "4"}\n')
    made = plan(python, generated)
    assert made["project"] == "my-gpus" and [pool["max_gpus"] for pool in made["pools"]][-1] == 4
    assert [check["id"] for check in made["checks"] if check["passed"] is False] == ["api-address-is-given"]
