"""Controllers: for this cluster, with nodes and permissions, and beside the add-ons they lean on."""

import json
from dataclasses import replace

import pytest

from tests.graphs import autoscaler, findings, managed_group
from tests.whole_graphs import (
    ACCOUNT,
    AUTOSCALER_ACTIONS,
    KARPENTER_ACTIONS,
    association,
    cluster,
    entry,
    failure,
    healthy,
    holds,
    inline,
    karpenter_release,
    kubernetes,
    resource,
    role,
)

PERMISSIONS, STANDING = "controllers-have-their-permissions", "controllers-have-standing-nodes"
ACCOUNT_OF_CA = {"rbac": {"serviceAccount": {"name": "ca"}}}


def test_karpenter_of_another_cluster():
    other = karpenter_release(clusterName="other")
    assert failure("controllers-work-for-this-cluster", karpenter=other) == (
        "karpenter",
        "settings.clusterName is other, but the stack's cluster is shop: set it to shop",
    )


def test_an_autoscaler_in_the_chart_s_own_region():
    elsewhere = autoscaler(awsRegion=None, **ACCOUNT_OF_CA)
    assert failure("controllers-work-for-this-cluster", autoscaler=elsewhere) == (
        "cluster-autoscaler",
        "awsRegion is us-east-1, but the stack is in us-west-2: set awsRegion to us-west-2",
    )


def test_an_action_that_the_role_lacks():
    less = inline("ca", *AUTOSCALER_ACTIONS[:-1])
    assert failure(PERMISSIONS, autoscaler_policy=less) == (
        "cluster-autoscaler",
        "role ca lacks ec2:DescribeLaunchTemplateVersions",
    )


@pytest.mark.parametrize(
    ("version", "lacks"), [("1.8.6", False), ("1.11.9", False), ("1.12.0", True), ("", True), ("v1.14.1", True)]
)
def test_what_karpenter_needs_follows_its_version(version, lacks):
    made = karpenter_release()
    reads = ("Images", "Instances", "InstanceTypeOfferings", "InstanceTypes", "LaunchTemplates", "SecurityGroups")
    described = [f"ec2:Describe{what}" for what in (*reads, "SpotPriceHistory", "Subnets")]
    writes = [f"ec2:{what}*" for what in ("Run", "Create", "Delete", "Terminate")]
    allowed = [*(action for action in KARPENTER_ACTIONS if action != "ec2:*"), *writes, *described]
    stack = healthy(
        karpenter=replace(made, inputs={**made.inputs, "version": version}),
        karpenter_policy=inline("karpenter", *allowed, "eks:DescribeCluster", "sqs:*"),
    )

    passed, message = findings(PERMISSIONS, *stack)["karpenter"]
    assert (passed, "ec2:DescribeInstanceStatus" in message) == (not lacks, lacks)


def test_managed_groups_are_described_only_where_there_are_some():
    managed = managed_group(
        "more", ("scalingConfig.desiredSize",), scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 3}
    )
    assert failure(PERMISSIONS, storage_class=managed) == ("cluster-autoscaler", "role ca lacks eks:DescribeNodegroup")


def test_a_role_that_nobody_gives_to_the_pods():
    assert failure(PERMISSIONS, autoscaler_association=None) == (
        "cluster-autoscaler",
        "role ca has its permissions, but nothing gives it to service account kube-system/ca: add a Pod Identity "
        "association",
    )


def test_an_annotation_gives_a_role_too():
    annotated = {"name": "ca", "annotations": {"eks.amazonaws.com/role-arn": f"{ACCOUNT}/ca"}}
    by_annotation = autoscaler(rbac={"serviceAccount": annotated})
    stack = {
        "autoscaler": by_annotation,
        "autoscaler_association": None,
        "autoscaler_role": by_account("kube-system:ca"),
    }
    assert holds(PERMISSIONS, **stack)
    assert not holds(PERMISSIONS, **stack, autoscaler_policy=inline("ca", "autoscaling:Describe*"))
    assert failure(PERMISSIONS, **{**stack, "autoscaler_role": by_account("default:ca")}) == (
        "cluster-autoscaler",
        "role ca does not trust service account kube-system/ca of an OIDC provider: "
        "let system:serviceaccount:kube-system:ca take it",
    )


def by_account(account):
    """The autoscaler's role, for a service account of the cluster's OIDC provider."""
    issuer = "oidc.eks.us-west-2.amazonaws.com/id/A1"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"{ACCOUNT.rpartition(':')[0]}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:sub": f"system:serviceaccount:{account}"}},
    }
    made = role("ca")
    return replace(made, inputs={**made.inputs, "assumeRolePolicy": json.dumps({"Statement": [trust]})})


def test_a_role_that_pods_cannot_take():
    assert failure(PERMISSIONS, autoscaler_role=role("ca", "lambda.amazonaws.com")) == (
        "cluster-autoscaler",
        "role ca does not trust pods.eks.amazonaws.com: trust pods.eks.amazonaws.com",
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            {"Condition": {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/old": "owned"}}},
            "its policies are limited to cluster old: limit them to shop",
        ),
        (
            {"Resource": "arn:aws:autoscaling:eu-west-1:*:autoScalingGroup:*"},
            "its policies name resources of eu-west-1: name those of us-west-2",
        ),
    ],
)
def test_a_policy_for_elsewhere(statement, said):
    assert failure(PERMISSIONS, autoscaler_policy=inline("ca", *AUTOSCALER_ACTIONS, **statement)) == (
        "cluster-autoscaler",
        said,
    )


def test_a_role_of_another_stack_is_not_judged():
    assert "cluster-autoscaler" not in findings(PERMISSIONS, *healthy(autoscaler_role=None))


def test_controllers_without_a_node():
    renamed = managed_group(labels={"role": "core"})
    said = findings(STANDING, *healthy(system=renamed))
    assert said["add-on coredns"] == (
        False,
        "no standing node takes its pods. system: pod selects role=system, nodes have role=core; "
        "gpu: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule; "
        "fast: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule; "
        "reserved: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule",
    )
    tainted = managed_group(taints=[{"key": "team", "value": "core", "effect": "NO_SCHEDULE"}])
    assert findings(STANDING, *healthy(system=tainted))["release karpenter"] == (
        False,
        "no standing node takes its pods. system: pod does not tolerate taint team=core:NoSchedule",
    )


def test_more_pods_of_karpenter_than_nodes():
    one = managed_group(scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 1})
    assert failure(STANDING, system=one) == (
        "release karpenter",
        "its 2 pods want a node each, and 1 stand ready: set replicas to 1",
    )


def test_nodes_that_nobody_sees_may_take_controllers():
    fleet = resource("aws:ec2/fleet:Fleet", "fleet", {})
    said = findings(STANDING, *healthy(system=managed_group(labels={}), storage_class=fleet))
    assert {passed for passed, _ in said.values() if not passed} == {None}
    assert "what is missing may be in Fleet fleet, which is not read" in said["add-on coredns"][1]


def test_a_resource_of_another_cluster():
    assert failure("resources-belong-to-the-cluster", entry=entry("shop-node", clusterName="old")) == (
        "AccessEntry shop-node-entry",
        "it is of cluster old, and the stack's is shop",
    )


@pytest.mark.parametrize(
    ("role_", "addon_"), [("cni", "vpc-cni"), ("kube_proxy", "kube-proxy"), ("coredns", "coredns")]
)
def test_an_add_on_that_the_cluster_is_made_without(role_, addon_):
    assert failure("cluster-has-its-add-ons", **{role_: None}) == (
        "shop",
        f"nothing installs {addon_}: add {addon_}",
    )
    assert holds("cluster-has-its-add-ons", **{role_: None, "cluster": cluster(bootstrapSelfManagedAddons=True)})


def test_pod_identity_without_its_agent():
    assert failure("cluster-has-its-add-ons", agent=None) == (
        "shop",
        "nothing installs eks-pod-identity-agent: add eks-pod-identity-agent",
    )


def test_a_chart_may_bring_the_network():
    cilium = resource("kubernetes:helm.sh/v3:Release", "cilium", {"chart": "cilium", "namespace": "kube-system"})
    assert holds("cluster-has-its-add-ons", cni=None, kube_proxy=cilium)


def test_disks_without_a_driver():
    assert failure("storage-classes-have-their-driver", disks=None) == (
        "StorageClass gp3",
        "nothing installs its driver ebs.csi.aws.com",
    )


def test_groups_that_nobody_scales():
    assert findings("what-needs-a-controller-has-one", *healthy(autoscaler=None))["gpu"] == (
        False,
        "nothing in the stack scales it, because the stack has no cluster-autoscaler",
    )
    assert not findings("what-needs-a-controller-has-one", *healthy(karpenter=None))["reserved"][0]
    assert not findings("what-needs-a-controller-has-one", *healthy(balancer=None))["Service serving/api"][0]


def test_a_controller_by_another_way_is_seen_by_its_image():
    container = {"name": "ca", "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2"}
    plain = kubernetes("Deployment", "ca", {"template": {"spec": {"containers": [container]}}}, namespace="kube-system")
    assert holds("what-needs-a-controller-has-one", autoscaler=plain)


def test_in_somebody_else_s_cluster_nothing_is_missing():
    assert findings("what-needs-a-controller-has-one", *healthy(cluster=None, autoscaler=None)) == {}


def test_a_namespace_that_nobody_makes():
    assert failure("namespaces-exist", namespace=None) == (
        "Namespace serving",
        "the stack uses it and does not create it",
    )


def test_a_release_may_make_its_namespace():
    inputs = {"chart": "x", "namespace": "own", "createNamespace": True}
    maker = resource("kubernetes:helm.sh/v3:Release", "x", inputs)
    assert holds("namespaces-exist", storage_class=maker)
    refused = resource("kubernetes:helm.sh/v3:Release", "x", {**inputs, "createNamespace": False})
    assert failure("namespaces-exist", storage_class=refused)[0] == "Namespace own"


def by_karpenter(*statements):
    """Its policies with one more, which is evaluated with them."""
    document = json.dumps({"Statement": list(statements)})
    return [
        inline("karpenter", *KARPENTER_ACTIONS, "eks:DescribeCluster", "sqs:*"),
        resource("aws:iam/rolePolicy:RolePolicy", "more", {"role": "karpenter", "policy": document}),
    ]


NODE_POOL = "aws:RequestTag/karpenter.sh/nodepool"


def denying(action, **more):
    return {"Sid": "Shut", "Effect": "Deny", "Action": action, "Resource": "*", **more}


@pytest.mark.parametrize(
    ("statement", "actions"),
    [
        (denying("ec2:RunInstances"), "ec2:RunInstances"),
        (denying("ec2:Run*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}), "ec2:RunInstances"),
        (
            denying("ec2:Run*", Condition={"StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"}}),
            "ec2:RunInstances",
        ),
        (denying("iam:PassRole", Resource=f"{ACCOUNT}/shop-node"), "iam:PassRole"),
    ],
)
def test_a_deny_in_another_policy(statement, actions):
    subject, message = failure(PERMISSIONS, karpenter_policy=by_karpenter(statement))
    assert (subject, message.partition(": ")[0]) == ("karpenter", f"Shut denies role karpenter {actions}")


@pytest.mark.parametrize(
    "statement",
    [
        denying("ec2:Run*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        denying("iam:PassRole", Resource=f"{ACCOUNT}/other"),
        denying("s3:*"),
    ],
)
def test_a_deny_of_something_else(statement):
    assert holds(PERMISSIONS, karpenter_policy=by_karpenter(statement))


def test_a_condition_that_only_aws_knows_gives_no_verdict():
    unknown = denying("ec2:RunInstances", Condition={"DateLessThan": {"aws:CurrentTime": "2027-01-01"}})
    said = findings(PERMISSIONS, *healthy(karpenter_policy=by_karpenter(unknown)))["karpenter"]
    assert said == (None, "conditions of role karpenter that only AWS can judge decide on ec2:RunInstances")


@pytest.mark.parametrize(
    ("boundary", "said"),
    [
        ("ReadOnlyAccess", "its permissions boundary denies role ca autoscaling:SetDesiredCapacity"),
        ("AWSDenyAll", "a Deny without a Sid denies role ca autoscaling:DescribeAutoScalingGroups"),
        ("AdministratorAccess", ""),
        ("of-another-stack", "conditions of role ca"),
    ],
)
def test_a_permissions_boundary(boundary, said):
    made = role("ca")
    bound = {**made.inputs, "permissionsBoundary": f"arn:aws:iam::aws:policy/{boundary}"}
    passed, message = findings(PERMISSIONS, *healthy(autoscaler_role=replace(made, inputs=bound)))["cluster-autoscaler"]
    assert (passed, message.startswith(said)) == ({"": True, "conditions of role ca": None}.get(said, False), True)


def test_the_autoscaler_may_scale_its_own_groups_alone():
    scaling = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]

    def limited(tag, value):
        reads = [action for action in AUTOSCALER_ACTIONS if action not in scaling]
        owned = {"Condition": {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{tag}": value}}}
        return [inline("ca", *reads), replace(inline("ca", *scaling, **owned), urn="urn:scale")]

    assert holds(PERMISSIONS, autoscaler_policy=limited("shop", "owned"))
    assert failure(PERMISSIONS, autoscaler_policy=limited("shop", "shared")) == (
        "cluster-autoscaler",
        f"role ca lacks {', '.join(scaling)}",
    )


def test_a_role_that_is_passed_to_another_service():
    passing = {"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
    policies = [
        inline("karpenter", *(each for each in KARPENTER_ACTIONS if each != "iam:PassRole"), "eks:*", "sqs:*"),
        replace(inline("karpenter", "iam:PassRole", **passing), urn="urn:pass"),
    ]
    assert failure(PERMISSIONS, karpenter_policy=policies) == ("karpenter", "role karpenter lacks iam:PassRole")


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": "default"}}, False),
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": "kube-system"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:eks:*:*:cluster/other"}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
    ],
)
def test_a_trust_under_a_condition(condition, trusted):
    made = role("ca")
    trust = json.loads(made.inputs["assumeRolePolicy"])
    trust["Statement"][0]["Condition"] = condition
    under = replace(
        made, inputs={**made.inputs, "assumeRolePolicy": json.dumps(trust)}, outputs={"arn": f"{ACCOUNT}/ca"}
    )
    assert holds(PERMISSIONS, autoscaler_role=under) is trusted


def test_a_session_that_pods_may_not_tag():
    made = role("ca")
    plain = made.inputs["assumeRolePolicy"].replace(', "sts:TagSession"', "")
    assert failure(PERMISSIONS, autoscaler_role=replace(made, inputs={**made.inputs, "assumeRolePolicy": plain})) == (
        "cluster-autoscaler",
        "role ca does not let pods.eks.amazonaws.com tag its session: allow it sts:TagSession too",
    )


def test_an_association_with_a_role_that_is_not_there():
    assert failure(PERMISSIONS, autoscaler_association=association("ca", roleArn=f"{ACCOUNT}/other")) == (
        "cluster-autoscaler",
        "role ca has its permissions, but nothing gives it to service account kube-system/ca: add a Pod Identity "
        "association",
    )
