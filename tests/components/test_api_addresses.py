"""Addresses of the API: a program of a real update stops before its first resource where none is given."""

import json
from pathlib import Path
from unittest.mock import patch

import pulumi
import pytest

from components.values.api_addresses import stack_addresses
from eks_gpu.offline import program_run
from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu.offline.project import Project
from tests.engine import run
from tests.programs import ROOT

PRINTS = "`curl -s https://checkip.amazonaws.com` prints your ADDRESS"


class Counted(CatalogAnswers):
    """Answers that remember what was registered."""

    def __init__(self) -> None:
        super().__init__("us-west-2")
        self.registered: list[str] = []

    def outputs(self, resource, recorder):
        self.registered.append(resource.name)
        return super().outputs(resource, recorder)


def updated(folder: Path) -> list[str]:
    """What the program of a stack without an address says when an update runs it; it makes nothing."""
    project, answers = Project.load(folder), Counted()
    stack = project.stack("dev")
    update = patch("pulumi.runtime.is_dry_run", lambda: False)
    with update, project.entered(), pytest.raises(pulumi.RunError) as stopped:
        program_run.run(project.main, answers, config=stack.config, project=project.name, stack="dev")
    assert answers.registered == []
    return str(stopped.value).splitlines()


def test_an_update_without_an_address_stops_before_its_first_resource():
    assert updated(ROOT) == [
        "Pulumi.dev.yaml: eks-gpu:settings.cluster.endpoint: public_cidrs is required where public is true: "
        f"write `public_cidrs: [ADDRESS/32]`; {PRINTS}"
    ]


EXAMPLES = ["auto-mode", "gang-training", "gpu-operator", "karpenter-inference", "reserved-training"]
EXAMPLES += ["spot-autoscaling-groups", "warm-gpus"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_so_does_every_example(example):
    assert updated(ROOT / "examples" / example) == [
        f"Pulumi.dev.yaml: {example}:api_cidrs is required: write `{example}:api_cidrs: [ADDRESS/32]`; {PRINTS}"
    ]


def given(cidrs: object, **more: object) -> list[str]:
    found: list[str] = []
    config = {"project:api_cidrs": json.dumps(cidrs)} | {
        f"eks-gpu-components:{key}": json.dumps(value) for key, value in more.items()
    }
    run(lambda: found.extend(stack_addresses()), config=config)
    return found


def test_a_stacks_own_addresses_are_checked_as_settings_are():
    assert given(["192.88.99.7/32"]) == ["192.88.99.7/32"]
    assert given([], api_cidrs=["192.88.99.9/32"]) == []
    with pytest.raises(pulumi.RunError) as stopped:
        given(["192.168.0.0/16", "7"])
    assert str(stopped.value).splitlines() == [
        "Pulumi.dev.yaml: project:api_cidrs[0] must be of the internet, because EKS refuses a range that is private, "
        "got '192.168.0.0/16'; nearest: endpoint.clients, for whoever reaches the VPC",
        "Pulumi.dev.yaml: project:api_cidrs[1] must be an IPv4 network, as 10.0.0.0/16, got '7'",
    ]
