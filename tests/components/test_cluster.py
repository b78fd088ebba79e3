"""Cluster: the control plane that EKS is asked for, in which order things come up, and what is refused."""

from typing import Any

import pytest

from components.cluster import Cluster
from eks_gpu.offline.sdk_schema import problems
from tests.clusters import ADDON, CONTROL_PLANE, NODE_GROUP, OPEN, WORLD, args, cluster, control_plane, refusal
from tests.documentation import run_example
from tests.engine import run
from tests.given import subnet


def test_the_control_plane_is_private_protected_and_in_standard_support_by_default():
    asked = control_plane()
    assert asked["name"] == "gaia"
    assert asked["version"] == "1.35"
    assert (asked["endpointPrivateAccess"], asked["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in asked
    assert asked["deletionProtection"] is True
    assert asked["upgradePolicy"] == {"supportType": "STANDARD"}
    assert asked["authenticationMode"] == "API"
    assert asked["createOidcProvider"] is True
    assert asked["subnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]


def test_a_protected_cluster_and_its_key_stop_a_destroy_before_anything_is_gone():
    safe, free = cluster(create_kms_key=True), cluster(create_kms_key=True, deletion_protection=False)
    for type_ in ("eks:index:Cluster", "aws:kms/key:Key"):
        assert safe.one(type_).options["protect"] is True
        assert not free.one(type_).options.get("protect")


def test_pulumi_eks_makes_a_control_plane_and_nothing_else():
    asked = control_plane()
    assert asked["skipDefaultNodeGroup"] is True
    assert asked["skipDefaultSecurityGroups"] is True
    assert asked["bootstrapSelfManagedAddons"] is False
    assert asked["useDefaultVpcCni"] is True
    assert asked["corednsAddonOptions"] == {"enabled": False}
    assert asked["kubeProxyAddonOptions"] == {"enabled": False}
    assert "storageClasses" not in asked


def test_what_an_environment_says_reaches_eks():
    asked = control_plane(
        kubernetes_version="1.36",
        endpoint={"private": True, "public": True, "public_cidrs": ["192.88.99.0/24"]},
        log_types=["audit"],
        deletion_protection=False,
        support="EXTENDED",
        kms_key_arn="arn:aws:kms:us-west-2:123456789012:key/k",
    )
    assert asked["version"] == "1.36"
    assert (asked["endpointPublicAccess"], asked["publicAccessCidrs"]) == (True, ["192.88.99.0/24"])
    assert asked["enabledClusterLogTypes"] == ["audit"]
    assert asked["deletionProtection"] is False
    assert asked["upgradePolicy"] == {"supportType": "EXTENDED"}
    assert asked["encryptionConfigKeyArn"] == "arn:aws:kms:us-west-2:123456789012:key/k"


LOGS = "aws:cloudwatch/logGroup:LogGroup"


def test_logs_go_into_a_group_of_the_stack_s_own_that_comes_before_the_cluster_and_goes_after_it():
    found = cluster(log_types=["audit"], log_retention_days=30)
    group = found.one(LOGS, "main-control-plane")
    assert group.inputs == {"name": "/aws/eks/gaia/cluster", "retentionInDays": 30}
    assert "importId" not in group.options
    control_plane = found.one(CONTROL_PLANE)
    assert control_plane.property_dependencies["enabledClusterLogTypes"] == {group.urn}
    assert cluster(log_types=["audit"], preview=True).one(CONTROL_PLANE).inputs["enabledClusterLogTypes"] == ["audit"]
    assert cluster(log_types=["api"]).one(LOGS).inputs["retentionInDays"] == 90
    assert cluster().of(LOGS) == []


@pytest.mark.parametrize(
    ("there", "adopted"),
    [(["/aws/eks/gaia/cluster"], "/aws/eks/gaia/cluster"), (["/aws/eks/gaia/cluster-2"], None), ([], None)],
)
def test_a_log_group_that_eks_made_already_is_adopted_with_the_retention(there, adopted):
    answer = {"aws:cloudwatch/getLogGroups:getLogGroups": {"id": "us-west-2", "logGroupNames": there, "arns": []}}
    group = run(lambda: Cluster("main", args(log_types=["audit"])), given=answer).one(LOGS)
    assert group.options.get("importId") == adopted
    assert group.inputs["retentionInDays"] == 90


def test_a_key_for_secrets_is_made_where_asked_and_turns_every_year():
    found = cluster(create_kms_key=True)
    key = found.one("aws:kms/key:Key", "main-secrets")
    assert key.inputs["enableKeyRotation"] is True
    assert found.one(CONTROL_PLANE).inputs["encryptionConfigKeyArn"] == key.outputs["arn"]
    assert cluster().of("aws:kms/key:Key") == []


def test_the_network_comes_before_the_nodes_and_dns_after_them():
    found = cluster()
    nodes = found.one(NODE_GROUP)
    before = {addon.inputs["addonName"] for addon in found.of(ADDON) if addon.urn in nodes.dependencies}
    after = {addon.inputs["addonName"] for addon in found.of(ADDON) if nodes.urn in addon.dependencies}
    assert before == {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
    assert after == {"coredns", "metrics-server", "aws-ebs-csi-driver", "eks-node-monitoring-agent"}


def test_other_components_get_all_that_they_need_to_know():
    found = cluster()
    reference = found.one("eks-gpu-components:index:Cluster").outputs["reference"]
    assert reference.keys() == {
        "name",
        "endpoint",
        "certificate_authority",
        "service_cidr",
        "kubernetes_version",
        "vpc_id",
        "region",
        "security_group_id",
        "oidc_provider_arn",
        "oidc_issuer",
        "node_role_arn",
    }
    assert (reference["name"], reference["vpc_id"], reference["region"]) == ("gaia", "vpc-1", "us-west-2")
    assert reference["node_role_arn"] == found.one("aws:iam/role:Role", "main-system-role").outputs["arn"]


def test_nodes_may_run_where_the_control_plane_cannot():
    zones = {"b": ("us-east-1b", "use1-az1"), "c": ("us-east-1c", "use1-az2"), "e": ("us-east-1e", "use1-az3")}
    given: Any = {
        **args(system_nodes={"instance_types": ["m6i.large", "i4i.large"]}),
        "region": "us-east-1",
        "subnets": [{"zone": name, "zone_id": id_, "subnet_id": f"subnet-{x}"} for x, (name, id_) in zones.items()],
    }
    found = run(lambda: Cluster("main", given), region="us-east-1")
    assert found.one(CONTROL_PLANE).inputs["subnetIds"] == ["subnet-b", "subnet-c"]
    assert found.one(NODE_GROUP).inputs["subnetIds"] == ["subnet-b", "subnet-c", "subnet-e"]


@pytest.mark.parametrize("settings", [{}, {"create_kms_key": True, "system_nodes": {"taint": True}}])
def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid(settings):
    found = cluster(**settings)
    assert cluster(preview=True, **settings).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_every_child_belongs_to_the_component():
    found = cluster(create_kms_key=True)
    component = found.one("eks-gpu-components:index:Cluster").urn
    ours = [resource for resource in found.graph if resource.urn != component and not resource.expanded_from]
    assert {resource.parent for resource in ours} == {component}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"kubernetes_version": "1.31"},
            "settings.kubernetes_version: Kubernetes version must be one of 1.33, 1.34, 1.35, 1.36, got 1.31",
        ),
        (
            {"endpoint": {"private": False}},
            "settings.endpoint: private or public must be true: nobody could reach the API",
        ),
        (
            {"endpoint": {"public": True}},
            "settings.endpoint: public_cidrs is required where public is true: write `public_cidrs: [ADDRESS/32]`; "
            "`curl -s https://checkip.amazonaws.com` prints your ADDRESS",
        ),
        (
            {"endpoint": {"public": True, "public_cidrs": WORLD}},
            "settings.endpoint: public_cidrs holds 0.0.0.0/0: narrow it, or say open_to_world: true",
        ),
        (
            {"endpoint": {"public_cidrs": ["192.88.99.0/24"]}},
            "settings.endpoint: public_cidrs has no effect where public is false",
        ),
        (
            {"endpoint": {"clients": ["sg-1"]}},
            "settings.endpoint.clients[0] must be a security group, as sg-0123456789abcdef0, or a range, as "
            "10.20.0.0/16, got 'sg-1'",
        ),
        (
            {"endpoint": {"clients": WORLD}},
            "settings.endpoint.clients[0] must be narrower: the VPC's own range, or that of the network behind it, got "
            "'0.0.0.0/0'",
        ),
        (
            {"endpoint": {"clients": ["10.0.0.0/16", "10.0.0.0/16"]}},
            "settings.endpoint: clients must have none of them twice, got 10.0.0.0/16, 10.0.0.0/16",
        ),
        (
            {"endpoint": {"private": False, **OPEN, "clients": ["10.0.0.0/16"]}},
            "settings.endpoint: clients has no effect where private is false",
        ),
        (
            {"log_retention_days": 30},
            "settings: log_retention_days has no effect without log_types",
        ),
        (
            {"log_types": ["api"], "log_retention_days": 45},
            "settings.log_retention_days must be one of CloudWatch's steps, got 45; nearest: 30",
        ),
        (
            {"bootstrap": {}},
            "settings.bootstrap: public_cidrs is required for the first update: write `public_cidrs: [ADDRESS/32]`; "
            "`curl -s https://checkip.amazonaws.com` prints your ADDRESS",
        ),
        (
            {"bootstrap": {"public_cidrs": WORLD}},
            "settings.bootstrap: public_cidrs holds 0.0.0.0/0: narrow it to the addresses of the first update",
        ),
        (
            {"bootstrap": True},
            "settings.bootstrap must be false, or a map as {public_cidrs: [ADDRESS/32]}, got true",
        ),
        (
            {"bootstrap": {"cidrs": ["192.88.99.7/32"]}},
            "settings.bootstrap.cidrs is not a known key",
        ),
        (
            {"endpoint": OPEN, "bootstrap": {"public_cidrs": ["192.88.99.7/32"]}},
            "settings: bootstrap has no effect where endpoint.public is true: leave it out",
        ),
        (
            {"kms_key_arn": "arn", "create_kms_key": True},
            "settings: kms_key_arn and create_kms_key exclude each other",
        ),
        (
            {"name": "-gaia"},
            "settings.name must be 1 to 100 letters, digits, '-' and '_', the first no sign, got '-gaia'",
        ),
        (
            {"access_entries": {"ops": {"principal_arn": "ops", "policy": "AmazonEKSViewPolicy"}}},
            "settings.access_entries.ops.principal_arn must be the ARN of an IAM user or role, got 'ops'",
        ),
        ({"support": "standard"}, "settings.support must be one of STANDARD, EXTENDED, got 'standard'"),
        (
            {"addon_versions": {"core-dns": "v1"}},
            "settings.addon_versions: the cluster has no add-on core-dns; nearest: coredns",
        ),
        (
            {"access_entries": {"ops": {"principal_arn": "arn:aws:iam::123456789012:role/ops", "policy": "Admin"}}},
            "settings.access_entries.ops.policy must be one of AmazonEKSAdminPolicy, AmazonEKSAdminViewPolicy, "
            "AmazonEKSClusterAdminPolicy, AmazonEKSEditPolicy, AmazonEKSViewPolicy, got 'Admin'",
        ),
    ],
)
def test_bad_settings_are_refused_with_the_reason(settings, problem):
    (found,) = refusal(args(**settings))
    assert found.startswith(problem)


def test_a_cluster_in_one_zone_is_refused():
    assert refusal({**args(), "subnets": [subnet("a")]}) == [
        "subnets must lie in 2 zones or more where EKS runs control planes, got us-west-2a usw2-az2"
    ]


def test_all_problems_come_at_once():
    assert len(refusal(args(name="-", support="NONE", system_nodes={"nodes": 1}))) == 3


def test_the_page_has_an_example_that_runs():
    assert run_example("cluster").one("eks-gpu-components:index:Cluster")
