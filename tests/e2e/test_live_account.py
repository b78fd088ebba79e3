"""What the policy of the docs lets anybody read of an account, and what an answer says with one action less.

moto, which stands in for AWS, has every operation that is asked; who may ask is judged as IAM does.
"""

import json
from collections.abc import Iterator

import pytest
from boto3.session import Session

from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.lab.aws.moto_server import moto
from eks_gpu.live.account import AccountReader, Denied, cluster_at
from eks_gpu.live.account_resources import account_resources
from eks_gpu.live.permissions import READ, WAY_IN, policy
from tests.e2e.accounts import CLUSTER, REGION, client, make_account
from tests.eks_gpu.live.test_account_resources import READ_TYPES

pytestmark = [pytest.mark.minutes(1.5), pytest.mark.xdist_group("live-account")]

BESIDE = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
}
"""Types of which this account has something too: each VPC's own group, and an association that no add-on owns."""
USER = "reader"
UNREAD_CHECKS = {"nodes": "nodes-are-all-read", "software": "software-is-all-read"}


@pytest.fixture(scope="module")
def account() -> Iterator[AccountReader]:
    """An account with one of everything, as a user of the docs' policy asks it."""
    with pytest.MonkeyPatch.context() as patch, moto() as url:
        patch.setenv("AWS_ENDPOINT_URL", url)
        make_account()
        iam = client("iam")
        iam.create_user(UserName=USER)
        key = iam.create_access_key(UserName=USER)["AccessKey"]
        session = Session(key["AccessKeyId"], key["SecretAccessKey"])
        allow()
        yield AccountReader(session, REGION)


def allow(without: str = "") -> None:
    """Gives the user the policy, all of it or without an action."""
    permissions = [each for each in (*WAY_IN, *READ) if each.action != without]
    client("iam").put_user_policy(UserName=USER, PolicyName="read", PolicyDocument=json.dumps(policy(permissions)))


def test_with_the_policy_of_the_docs_everything_is_read(account):
    rows, unread = account_resources(account, cluster_at(account, "", CLUSTER))
    assert unread == []
    assert {each.type for each in rows} == READ_TYPES | BESIDE


def _failures(rows: list[Resource], unread: list[Unread]) -> set[tuple[str, str]]:
    graph = Graph(rows, unread=unread, options_known=False)
    judged = judge(Foreign(CLUSTER, "running", REGION, graph, [], {}, {}))
    return {(each.id, each.subject) for each in judged.findings if each.passed is False}


def test_without_an_action_the_answer_names_it_and_calls_nothing_else_wrong(account):
    described = cluster_at(account, "", CLUSTER)
    usual = _failures(*account_resources(account, described))
    wrong: list[str] = []
    for permission in READ:
        allow(without=permission.action)
        rows, unread = account_resources(account, described)
        if {row.how for row in unread} != {f"allow {permission.action}"} or unread[0].what != permission.what:
            wrong.append(f"{permission.action}: {unread}")
        more = _failures(rows, unread) - usual
        told = {(f"{UNREAD_CHECKS[permission.what]}", row.subject) for row in unread if row.what in UNREAD_CHECKS}
        if more != told:
            wrong.append(f"{permission.action}: fails {sorted(more ^ told)}")
    allow()
    assert wrong == []


@pytest.mark.parametrize("permission", WAY_IN, ids=lambda each: each.action)
def test_without_the_cluster_nothing_is_answered(account, permission):
    allow(without=permission.action)
    with pytest.raises(Denied, match=permission.action):
        cluster_at(account, "", CLUSTER)
    allow()
