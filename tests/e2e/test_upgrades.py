"""A stack that the version before brought up is updated by this one: nothing goes but what CHANGELOG.md names."""

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab.apply import UPDATES_COME_FROM, lab_stack
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.outcomes import Applied, Destroyed
from eks_gpu.lab.state import Lab
from tests.committed import CHECKOUT, committed
from tests.e2e.lives import touched, unprotected
from tests.e2e.own_lab import own_lab

BEFORE = "e0d21d0"
"""The commit of the version before."""
PLACEHOLDER = "203.0.113.7/32"
"""Address in its settings: one for documentation, which EKS refuses."""
SPOT_ROLE = "AWSServiceRoleForEC2Spot"
IN_PLACE = {"create", "update"}
UNNOTED = {"metadata.annotations", 'metadata.annotations["pulumi.com/waitFor"]'}
"""What Pulumi's provider may not note of an update that adds this annotation, by which it waits, and nothing more: it
lists objects from the API server's cache, and tells those of before the update by their `generation` alone."""
SESSIONS = "AmazonSSMManagedInstanceCore"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def detached(cluster: str, nodes: Sequence[str]) -> dict[str, str]:
    """Policies that roles of the cluster's EBS driver and of these nodes had, and have no more."""
    policies = (f"{cluster}-aws-ebs-csi-driver-AmazonEBSCSIDriverPolicy", *(f"{of}-{SESSIONS}" for of in nodes))
    return {f"{ATTACHMENT} {policy}": "delete" for policy in policies}


@dataclass(frozen=True)
class Stack:
    project: str
    """Folder in the checkout."""
    name: str = "dev"
    gone: dict[str, str] = field(default_factory=dict)
    """What the update replaces or takes away, with what it does to it: all of it is in CHANGELOG.md."""
    logs: dict[str, int] = field(default_factory=dict)
    """Days that the control plane's log is kept after the update, by its group's name."""
    protected: bool = False
    """Whether `destroy` is refused until protection is off."""


@dataclass(frozen=True)
class Upgraded:
    """What was seen of one stack."""

    updated: Applied
    again: Applied
    eks_own: dict[str, int | None]
    """Days that the control plane's log is kept before the update, by the group's name."""
    kept: dict[str, int | None]
    """The same after the update."""
    spot_role: bool
    """Whether the account has it after the update."""
    gone: Destroyed


STACKS = [
    Stack(
        ".",
        gone={
            **detached("cluster", nodes=("cluster-system", "karpenter-node")),
            "aws:iam/serviceLinkedRole:ServiceLinkedRole karpenter-spot": "delete",  # from the state alone
        },
    ),
    Stack(".", "staging", logs={"/aws/eks/eks-gpu-staging/cluster": 90}, protected=True),
    Stack("examples/karpenter-inference", gone=detached("inference", nodes=("inference-system", "karpenter-node"))),
    Stack("examples/spot-autoscaling-groups", gone=detached("gaia", nodes=("gaia-system", "spot", "gpu-spot"))),
    Stack("examples/gpu-operator", gone=detached("operator", nodes=("operator-system", "general", "gpu"))),
    Stack("examples/auto-mode"),
]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the version before. Skips where git does not have it."""
    folder = tmp_path_factory.mktemp("version")
    packed = subprocess.run(["git", "archive", BEFORE], cwd=CHECKOUT, capture_output=True, check=False).stdout
    if not packed:
        pytest.skip(f"this clone does not have the commit {BEFORE}, the version before")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def as_it_was(stack: Stack, before: Path, scratch: Path) -> Path:
    """The stack's project with its library beside it, for what is installed is the library of today."""
    folder = Path(shutil.copytree(before / stack.project, scratch / "project", ignore=_all_but_the_program))
    if stack.project != ".":
        shutil.copytree(before / "components", folder / "components")
        program = folder / "__main__.py"
        program.write_text(program.read_text().replace("import eks_gpu_components as", "import components as"))
    for settings in folder.glob("Pulumi.*.yaml"):
        settings.write_text(settings.read_text().replace(PLACEHOLDER, UPDATES_COME_FROM))
    return folder


def _all_but_the_program(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"tests", "docs", "examples", "eks_gpu", "mutants", "tools"}}


def upgraded_once(stack: Stack) -> Any:
    """All that is asked about one stack is asked where it has been updated."""
    name = f"{stack.project}-{stack.name}"
    return pytest.param(stack, id=name, marks=[pytest.mark.xdist_group(f"upgrade of {name}"), pytest.mark.minutes(4)])


each_stack = pytest.mark.parametrize("stack", [upgraded_once(each) for each in STACKS], scope="module")


@pytest.fixture(scope="module")
def lab(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab for this stack alone, in whose account none has asked for Spot yet."""
    with own_lab(tmp_path_factory.mktemp("lab")) as made:
        aws_client(made, "iam").delete_service_linked_role(RoleName=SPOT_ROLE)
        yield made


@pytest.fixture(scope="module")
def upgraded(lab: Lab, stack: Stack, before: Path, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    with _own_library():
        lab_stack(lab, as_it_was(stack, before, tmp_path_factory.mktemp("before")), stack.name).up()
    eks_own = _control_plane_logs(lab)
    today = lab_stack(lab, committed() / stack.project, stack.name)
    updated, again = today.up(), today.up()
    kept, role = _control_plane_logs(lab), _has_spot_role(lab)
    if stack.protected:
        folder = unprotected(committed() / stack.project, stack.name, tmp_path_factory.mktemp("unprotected"))
        lab_stack(lab, folder, stack.name).up()
    return Upgraded(updated, again, eks_own, kept, role, today.destroy())


@contextmanager
def _own_library() -> Iterator[None]:
    """A program meets the `components` beside it, whatever this process has imported under that name."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "components"}
    for name in ours:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.modules.update(ours)


def _control_plane_logs(lab: Lab) -> dict[str, int | None]:
    groups = aws_client(lab, "logs").describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in groups}


def _has_spot_role(lab: Lab) -> bool:
    roles = aws_client(lab, "iam").list_roles(PathPrefix="/aws-service-role/spot.amazonaws.com/")["Roles"]
    return [role["RoleName"] for role in roles] == [SPOT_ROLE]


@each_stack
def test_an_update_takes_away_what_the_changelog_names_and_nothing_else(upgraded, stack):
    done = touched(upgraded.updated.steps)
    assert "update" in done.values()
    assert {name: operation for name, operation in done.items() if operation not in IN_PLACE} == stack.gone


@each_stack
def test_the_next_update_changes_nothing_but_what_the_provider_did_not_note(upgraded):
    changed = [step for step in upgraded.again.steps if touched((step,))]
    assert [step for step in changed if not step.changed or not UNNOTED.issuperset(step.changed)] == []


@each_stack
def test_the_log_group_that_eks_made_is_adopted_and_kept_for_a_time(upgraded, stack):
    assert upgraded.eks_own == dict.fromkeys(stack.logs)  # for good
    assert upgraded.kept == stack.logs


@each_stack
def test_the_role_for_spot_that_a_stack_made_stays(upgraded, stack):
    made = any("ServiceLinkedRole" in name for name in stack.gone)
    assert upgraded.spot_role or not made


@each_stack
def test_nothing_is_left_of_an_updated_stack(upgraded):
    assert upgraded.gone.left == ()
