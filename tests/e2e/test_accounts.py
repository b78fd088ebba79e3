"""Stacks in an account that never ran anything, and in one that did: each comes up, goes, and comes up again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.aws.accounts import ACCOUNTS
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.karpenter import CONFIG_MAPS, MACHINES
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.quotas import set_quotas
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from tests.committed import committed
from tests.e2e.lives import unprotected
from tests.e2e.own_lab import own_lab
from tests.programs import plan_of
from tests.waiting import until

REFUSED = ("VcpuLimitExceeded", "MaxSpotInstanceCountExceeded")
"""EC2's codes for a launch beyond the quota of vCPUs, on demand and Spot."""
G_QUOTAS = {"L-DB2E81BA", "L-3819A6DF"}
"""Of EC2: vCPUs of G and VT types, on demand and Spot."""

STANDARD_QUOTA = "L-1216C47A"
"""Of EC2: vCPUs of general types on demand."""

pytestmark = pytest.mark.minutes(2)
each_account = pytest.mark.parametrize("account", ACCOUNTS)


@pytest.fixture
def lab(account: str, tmp_path: Path) -> Iterator[Lab]:
    """A lab that no other test uses."""
    with own_lab(tmp_path / "state", account) as made:
        yield made


@each_account
def test_a_stack_comes_up_goes_and_comes_up_again(lab):
    stack = lab_stack(lab, committed(), "dev", update_from="outside")
    first = stack.up()
    assert stack.destroy().left == ()
    again = stack.up()
    assert again.changes == first.changes == {"create": sum(first.changes.values())}
    assert stack.destroy().left == ()


def _has_a_machine(config_map: dict[str, Any]) -> bool:
    """Karpenter makes its list empty, and writes the first machine to it up to a second later."""
    return config_map["metadata"]["name"].startswith(MACHINES) and bool(config_map.get("data"))


@pytest.mark.parametrize("account", ["used"])  # a new one has no quota for the machine
def test_a_stack_comes_up_after_another_whose_karpenter_ended_while_a_machine_was_on_its_list(lab, tmp_path):
    api, before = ClusterApi(lab), lab_stack(lab, committed(), "dev", update_from="outside")
    before.up()
    listed = until(lambda: [each for each in api.list(CONFIG_MAPS) if _has_a_machine(each)])
    assert before.destroy().left == ()
    for each in listed:  # Karpenter writes once a second, and may not come to it again
        name, data = each["metadata"]["name"], each["data"]
        api.ensure(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})

    assert lab_stack(lab, committed(), "staging", update_from="outside").up().changes.keys() == {"create"}
    off = lab_stack(lab, unprotected(committed(), "staging", tmp_path), "staging", update_from="outside")
    off.up()
    assert off.destroy().left == ()


@each_account
def test_a_private_stack_comes_up_from_outside_while_it_is_bootstrapped(lab, tmp_path):
    stack = lab_stack(lab, committed(), "staging", update_from="outside")
    assert stack.up().changes.keys() == {"create"}
    off = lab_stack(lab, unprotected(committed(), "staging", tmp_path), "staging", update_from="outside")
    assert off.up().changes.keys() == {"same", "update"}
    assert off.destroy().left == ()


@each_account
def test_self_managed_spot_groups_come_up_and_go(lab):
    stack = lab_stack(lab, committed() / "examples/spot-autoscaling-groups", "dev", update_from="outside")
    assert stack.up().changes.keys() == {"create"}
    assert stack.destroy().left == ()


@pytest.mark.parametrize("account", ["new"])
def test_a_quota_that_the_plan_names_is_what_keeps_gpu_nodes_away(lab: Lab):
    assert {each.quota.code for each in plan_of(".", "dev").analysis.quotas if each.beyond_default} == G_QUOTAS

    stack = lab_stack(lab, committed(), "dev", update_from="outside")
    stack.up()
    try:
        karpenter: Path = lab.log("karpenter")
        until(lambda: any(code in karpenter.read_text() for code in REFUSED))
        assert [node.name for node in status(lab).nodes if node.gpus] == []
    finally:
        stack.destroy()


@pytest.mark.parametrize("account", ["used"])
def test_system_nodes_over_their_quota_fail_the_update_and_go_with_the_stack(lab: Lab):
    set_quotas(lab, {STANDARD_QUOTA: 2})  # dev has two nodes of two vCPUs
    stack = lab_stack(lab, committed(), "dev", update_from="outside")
    for _ in range(2):  # what has failed stays so, and in the stack
        with pytest.raises(LabProblem, match=r"'CREATE_FAILED'.* AsgInstanceLaunchFailures: .* 2 allows"):
            stack.up()
    assert stack.destroy().left == ()
