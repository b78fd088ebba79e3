"""Spot: without its role in the account, or the right to make it, no Spot node comes."""

from tests.graphs import findings
from tests.whole_graphs import KARPENTER_ACTIONS, failure, healthy, holds, inline, resource

CHECK = "spot-role-can-be-made"
OTHERS = [action for action in KARPENTER_ACTIONS if action != "iam:CreateServiceLinkedRole"]
LESS = inline("karpenter", *OTHERS, "eks:DescribeCluster")


def test_a_controller_that_may_not_make_the_role_is_told_with_the_pools_that_ask():
    assert failure(CHECK, karpenter_policy=LESS) == (
        "karpenter",
        "pool reserved asks for Spot, and role karpenter may not make AWSServiceRoleForEC2Spot",
    )


def test_a_stack_that_makes_the_role_itself_needs_no_permission():
    made = resource("aws:iam/serviceLinkedRole:ServiceLinkedRole", "spot", {"awsServiceName": "spot.amazonaws.com"})
    assert findings(CHECK, *healthy(karpenter_policy=LESS, storage_class=made)) == {}


def test_a_role_of_another_stack_is_not_judged():
    assert findings(CHECK, *healthy(karpenter_role=None, karpenter_policy=None)) == {}


def test_a_controller_that_may_make_it_is_said_to():
    assert holds(CHECK)
