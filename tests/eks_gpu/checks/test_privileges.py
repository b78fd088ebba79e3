"""Roles of AWS, administrators of the cluster, and queues."""

import json
from dataclasses import replace

import pytest

from eks_gpu.graph.graph import Resource
from tests import karpenter_graphs as karpenter
from tests.graphs import findings
from tests.whole_graphs import ACCOUNT, attached, entry, failure, healthy, holds, inline, resource, role

ROLES, ADMINS, QUEUES = (
    "node-and-pod-roles-are-limited",
    "nodes-and-pods-are-no-cluster-admins",
    "queues-take-messages-of-aws-alone",
)


def more(*actions: str, of: str = "karpenter", **statement) -> Resource:
    made = inline(of, *actions, **statement)
    return replace(made, urn=f"{made.urn}-more")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (attached("karpenter", "AdministratorAccess"), "it has AdministratorAccess"),
        (more("*"), "a statement allows every action on everything"),
        (more("iam:*"), "it may make itself an administrator, by iam:AttachRolePolicy on everything"),
        (
            more("iam:PutRolePolicy"),
            "it may make itself an administrator, by iam:PutRolePolicy on everything",
        ),
    ],
)
def test_a_role_of_pods_that_is_an_administrator(given, said):
    assert failure(ROLES, s3=given) == ("karpenter", said)


@pytest.mark.parametrize(
    "given",
    [
        more("iam:PutRolePolicy", Resource=f"{ACCOUNT}/one"),
        more("*", Condition={"StringEquals": {"aws:ResourceTag/owner": "shop"}}),
        more("*", Effect="Deny"),
        more("s3:*", "ec2:*"),
    ],
)
def test_a_role_of_pods_that_is_limited(given):
    assert holds(ROLES, s3=given)


def test_a_denial_takes_a_right_away():
    denial = replace(more("iam:*", Effect="Deny"), urn="urn:denial")
    assert holds(ROLES, s3=[more("iam:PutRolePolicy"), denial])
    other = replace(more("ec2:*", Effect="Deny"), urn="urn:denial")
    said = "it may make itself an administrator, by iam:PutRolePolicy on everything"
    assert failure(ROLES, s3=[more("iam:PutRolePolicy"), other]) == ("karpenter", said)


def test_nodes_that_may_push_images():
    said = "its nodes may overwrite the images that they pull: attach AmazonEC2ContainerRegistryPullOnly"
    assert failure(ROLES, images=attached("shop-node", "AmazonEC2ContainerRegistryFullAccess")) == ("shop-node", said)
    assert failure(ROLES, s3=more("ecr:*", of="shop-node")) == ("shop-node", said)
    assert holds(ROLES, s3=more("ecr:PutImage"))  # a builder's pods may


def test_a_role_that_everybody_may_take():
    trust = [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]
    own = json.loads(role("ca").inputs["assumeRolePolicy"])["Statement"]
    open_ = resource(
        "aws:iam/role:Role", "ca", {"name": "ca", "assumeRolePolicy": json.dumps({"Statement": own + trust})}, id_="ca"
    )
    assert failure(ROLES, autoscaler_role=open_) == (
        "ca",
        "everybody may take it: name the principals of its trust policy",
    )


def trusting(principal: object) -> Resource:
    document = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity"}]}
    inputs = {"name": "web", "assumeRolePolicy": json.dumps(document)}
    return resource("aws:iam/role:Role", "web", inputs, id_="web")


def test_pods_that_take_a_role_by_the_cluster_s_oidc_provider():
    provider = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/AB"
    given = [trusting({"Federated": provider}), attached("web", "AdministratorAccess")]
    assert failure(ROLES, s3=given) == ("web", "it has AdministratorAccess")


def test_a_role_whose_trust_nobody_knows_is_not_judged():
    unknown = [resource("aws:iam/role:Role", "web", {"name": "web"}, id_="web"), attached("web", "AdministratorAccess")]
    assert "web" not in findings(ROLES, *healthy(s3=unknown))


def test_roles_of_neither_nodes_nor_pods_are_not_judged():
    builder = [role("builder", "codebuild.amazonaws.com"), attached("builder", "AdministratorAccess")]
    assert "builder" not in findings(ROLES, *healthy(s3=builder))


def binding(kind: str, name: str, to: str = "cluster-admin") -> Resource:
    inputs = {"metadata": {"name": "all"}, "roleRef": {"name": to}, "subjects": [{"kind": kind, "name": name}]}
    return resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "all", inputs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            resource(
                "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
                "admin",
                {"principalArn": f"{ACCOUNT}/shop-node", "policyArn": "arn:aws:eks::aws:x/AmazonEKSClusterAdminPolicy"},
            ),
            "role shop-node of nodes has AmazonEKSClusterAdminPolicy",
        ),
        (entry("shop-node", kubernetesGroups=["admins"]), "role shop-node of nodes is in admins"),
        (binding("ServiceAccount", "default"), "ClusterRoleBinding all makes default an administrator"),
        (binding("Group", "system:anonymous"), "ClusterRoleBinding all makes system:anonymous an administrator"),
        (
            binding("Group", "system:serviceaccounts:web"),
            "ClusterRoleBinding all makes system:serviceaccounts:web an administrator",
        ),
        (
            resource(
                "kubernetes:core/v1:ConfigMap",
                "aws-auth",
                {
                    "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                    "data": {"mapRoles": "- rolearn: a\n  username: system:node:{{x}}\n  groups: [system:masters]\n"},
                },
            ),
            "aws-auth puts the role of nodes into system:masters",
        ),
    ],
)
def test_nodes_and_pods_that_are_administrators_of_the_cluster(given, said):
    assert failure(ADMINS, **{"entry" if given.name.endswith("-entry") else "s3": given}) == ("shop", said)


@pytest.mark.parametrize(
    "given",
    [
        binding("ServiceAccount", "argocd"),
        binding("Group", "platform-team"),
        binding("Group", "system:authenticated", to="view"),
        resource(
            "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
            "person",
            {"principalArn": f"{ACCOUNT}/people", "policyArn": "arn:aws:eks::aws:x/AmazonEKSClusterAdminPolicy"},
        ),
    ],
)
def test_people_may_be_administrators(given):
    assert holds(ADMINS, s3=given)


def queue_of(*statements) -> list[Resource]:
    document = json.dumps({"Statement": list(statements)})
    made = karpenter.queue_policy()
    other = resource(made.type, "more", {**made.inputs, "policy": document})
    return [karpenter.queue(), made, other, *karpenter.rules()]


SEND = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


@pytest.mark.parametrize(
    "statement",
    [
        SEND,
        {**SEND, "Principal": {"AWS": ["*"]}},
        {**SEND, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
)
def test_a_queue_that_everybody_may_send_to(statement):
    assert failure(QUEUES, queue=queue_of(statement)) == ("interruption", "everybody may call its actions")


@pytest.mark.parametrize(
    "statement",
    [
        {**SEND, "Principal": {"Service": "events.amazonaws.com"}},
        {**SEND, "Principal": {"AWS": "123456789012"}},
        {**SEND, "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:123456789012:rule/a"}}},
        {**SEND, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ],
)
def test_a_queue_that_names_who_may_send(statement):
    assert holds(QUEUES, queue=queue_of(statement))
