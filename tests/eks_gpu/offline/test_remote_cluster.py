"""`eks.Cluster` of pulumi-eks, seen from a program that uses it: what is made inside, and what it hands out."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pytest

from tests.engine import Run, run

GROUP = "aws:autoscaling/group:Group"
NODE_POLICIES = {
    "nodes-instanceRole-03516f97": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "nodes-instanceRole-e1b295bd": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    "nodes-instanceRole-3eb088f2": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
}


def cluster(name: str = "nodes", **args: Any) -> Run:
    return run(lambda: eks.Cluster(name, **args))


def made(ran: Run) -> set[str]:
    """What is made inside components, by the part of the URN after the project."""
    return {found.urn.split("::", 2)[2] for found in ran.graph if found.expanded_from}


def test_a_cluster_that_says_nothing_has_all_that_pulumi_eks_makes():
    assert made(cluster()) == {
        "eks:index:Cluster$eks:index:ServiceRole::nodes-eksRole",
        "eks:index:Cluster$eks:index:ServiceRole$aws:iam/role:Role::nodes-eksRole-role",
        "eks:index:Cluster$eks:index:ServiceRole$aws:iam/rolePolicyAttachment:RolePolicyAttachment"
        "::nodes-eksRole-4b490823",
        "eks:index:Cluster$eks:index:ServiceRole::nodes-instanceRole",
        "eks:index:Cluster$eks:index:ServiceRole$aws:iam/role:Role::nodes-instanceRole-role",
        *(
            f"eks:index:Cluster$eks:index:ServiceRole$aws:iam/rolePolicyAttachment:RolePolicyAttachment::{name}"
            for name in NODE_POLICIES
        ),
        "eks:index:Cluster$aws:iam/instanceProfile:InstanceProfile::nodes-instanceProfile",
        "eks:index:Cluster$aws:ec2/securityGroup:SecurityGroup::nodes-eksClusterSecurityGroup",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksClusterInternetEgressRule",
        "eks:index:Cluster$aws:ec2/securityGroup:SecurityGroup::nodes-nodeSecurityGroup",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksNodeIngressRule",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksNodeClusterIngressRule",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksExtApiServerClusterIngressRule",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksNodeInternetEgressRule",
        "eks:index:Cluster$aws:ec2/securityGroupRule:SecurityGroupRule::nodes-eksClusterIngressRule",
        "eks:index:Cluster$aws:eks/cluster:Cluster::nodes-eksCluster",
        "eks:index:Cluster$aws:eks/addon:Addon::nodes-kube-proxy",
        "eks:index:Cluster$aws:eks/addon:Addon::nodes-coredns",
        "eks:index:Cluster$eks:index:VpcCniAddon::nodes-vpc-cni",
        "eks:index:Cluster$eks:index:VpcCniAddon$aws:eks/addon:Addon::nodes-vpc-cni",
        "eks:index:Cluster$pulumi:providers:kubernetes::nodes-eks-k8s",
        "eks:index:Cluster$kubernetes:core/v1:ConfigMap::nodes-nodeAccess",
        "eks:index:Cluster$aws:ec2/launchTemplate:LaunchTemplate::nodes-launchTemplate",
        "eks:index:Cluster$aws:autoscaling/group:Group::nodes",
    }


def test_what_is_made_inside_names_its_component_and_what_a_program_registers_names_none():
    ran = run(lambda: (eks.Cluster("nodes"), aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")))

    assert ran.one(GROUP).expanded_from == "urn:pulumi:dev::project::eks:index:Cluster::nodes"
    assert ran.one("aws:ec2/vpc:Vpc").expanded_from == ""
    assert ran.one("eks:index:Cluster").expanded_from == ""


def test_a_preview_has_the_same_resources_as_an_update():
    def program():
        eks.ManagedNodeGroup("more", cluster=eks.Cluster("nodes"), node_role_arn="arn:1")

    assert run(program, preview=True).urns() == run(program).urns()


def test_the_default_group_is_two_t3_medium():
    ran = cluster()

    group, template = ran.one(GROUP).inputs, ran.one("aws:ec2/launchTemplate:LaunchTemplate")
    assert (group["minSize"], group["desiredCapacity"], group["maxSize"]) == (1, 2, 2)
    assert group["launchTemplate"] == {"name": "nodes-launchTemplate", "version": "1"}
    assert template.inputs["instanceType"] == "t3.medium"
    assert template.inputs["networkInterfaces"][0]["associatePublicIpAddress"] == "true"
    assert template.inputs["blockDeviceMappings"] == []


@pytest.mark.parametrize(
    "args",
    [
        {"instance_type": "g5.2xlarge", "min_size": 0, "desired_capacity": 0, "max_size": 3, "gpu": True},
        {
            "node_group_options": {
                "instance_type": "g5.2xlarge",
                "min_size": 0,
                "desired_capacity": 0,
                "max_size": 3,
                "gpu": True,
            }
        },
    ],
)
def test_the_default_group_is_as_the_arguments_or_the_options_say(args):
    ran = cluster(**args)

    group, template = ran.one(GROUP).inputs, ran.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    assert (group["minSize"], group["desiredCapacity"], group["maxSize"]) == (0, 0, 3)
    assert template["instanceType"] == "g5.2xlarge"


@pytest.mark.parametrize(
    "args",
    [
        {"skip_default_node_group": True},
        {"fargate": True},
        {"auto_mode": {"enabled": True}, "authentication_mode": "API"},
    ],
)
def test_some_clusters_have_no_default_group(args):
    ran = cluster(**args)

    assert ran.of(GROUP) == []
    assert ran.of("aws:ec2/launchTemplate:LaunchTemplate") == []


def test_a_cluster_without_default_nodes_has_no_coredns_unless_the_program_asks_for_it():
    def addons(**options: Any) -> set[str]:
        found = cluster(skip_default_node_group=True, **options).of("aws:eks/addon:Addon")
        return {addon.inputs["addonName"] for addon in found}

    assert addons() == {"kube-proxy", "vpc-cni"}
    assert addons(coredns_addon_options={"enabled": True}) == {"kube-proxy", "vpc-cni", "coredns"}
    assert addons(kube_proxy_addon_options={"enabled": False}, use_default_vpc_cni=True) == set()


def test_fargate_has_a_profile_with_a_role_and_coredns_on_it():
    ran = cluster(fargate=True, subnet_ids=["subnet-1"], vpc_id="vpc-1")

    profile = ran.one("aws:eks/fargateProfile:FargateProfile")
    assert profile.name == "nodes-fargateProfile"
    assert profile.inputs["selectors"] == [{"namespace": "default"}, {"namespace": "kube-system"}]
    assert profile.inputs["subnetIds"] == ["subnet-1"]
    assert profile.inputs["podExecutionRoleArn"].endswith("role/nodes-podExecutionRole-role")
    dns = ran.one("aws:eks/addon:Addon", "nodes-coredns").inputs
    assert json.loads(dns["configurationValues"]) == {"computeType": "Fargate"}


def test_auto_mode_has_a_role_for_its_nodes_and_more_permissions_for_the_cluster():
    ran = cluster(auto_mode={"enabled": True}, authentication_mode="API", skip_default_node_group=True)

    control_plane = ran.one("aws:eks/cluster:Cluster").inputs
    assert control_plane["computeConfig"]["nodePools"] == ["general-purpose", "system"]
    assert control_plane["computeConfig"]["nodeRoleArn"].endswith("role/nodes-nodeRole-role")
    assert control_plane["bootstrapSelfManagedAddons"] is False
    assert ran.of("aws:ec2/securityGroup:SecurityGroup") == []
    attached = {found.inputs["policyArn"].rpartition("/")[2] for found in ran.graph if "policyArn" in found.inputs}
    assert "AmazonEKSComputePolicy" in attached
    assert "AmazonEKSWorkerNodeMinimalPolicy" in attached


def test_nodes_may_join_by_an_entry_or_by_the_config_map():
    by_entry = cluster(authentication_mode="API")
    by_map = cluster()

    entry = by_entry.one("aws:eks/accessEntry:AccessEntry")
    assert (entry.name, entry.inputs["type"]) == ("nodes-defaultNodeGroupInstanceRole", "EC2_LINUX")
    assert by_entry.of("kubernetes:core/v1:ConfigMap") == []
    assert by_map.of("aws:eks/accessEntry:AccessEntry") == []
    assert "role/nodes-instanceRole-role" in by_map.one("kubernetes:core/v1:ConfigMap").inputs["data"]["mapRoles"]


def test_people_get_the_entries_and_policies_that_the_program_names():
    admin = {
        "principal_arn": "arn:aws:iam::123456789012:role/admin",
        "access_policies": {
            "all": {"policy_arn": "arn:aws:eks::aws:cluster-access-policy/x", "access_scope": {"type": "cluster"}}
        },
    }
    ran = cluster(authentication_mode="API", skip_default_node_group=True, access_entries={"admin": admin})

    association = ran.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert association.name == "nodes-admin-all"
    assert association.inputs["principalArn"] == "arn:aws:iam::123456789012:role/admin"
    assert association.inputs["clusterName"] == "nodes-eksCluster"


def test_nodes_run_in_private_subnets_even_if_their_routes_are_registered_later():
    def program():
        private = aws.ec2.Subnet("private", vpc_id="vpc-1", cidr_block="10.0.0.0/24")
        public = aws.ec2.Subnet("public", vpc_id="vpc-1", cidr_block="10.0.1.0/24")
        made = eks.Cluster("nodes", vpc_id="vpc-1", subnet_ids=[private.id, public.id])
        later = pulumi.ResourceOptions(depends_on=[made])
        table = aws.ec2.RouteTable("public", vpc_id="vpc-1", opts=later)
        aws.ec2.Route("out", route_table_id=table.id, gateway_id="igw-1", destination_cidr_block="0.0.0.0/0")
        aws.ec2.RouteTableAssociation("public", route_table_id=table.id, subnet_id=public.id)

    ran = run(program)

    private = ran.one("aws:ec2/subnet:Subnet", "private").id
    assert ran.one(GROUP).inputs["vpcZoneIdentifiers"] == [private]


def test_the_outputs_are_those_of_what_was_made():
    def program():
        made = eks.Cluster("nodes", name="shop", version="1.35", create_oidc_provider=True)
        pulumi.export("node group", made.node_security_group.id)
        pulumi.export("node group id", made.node_security_group_id)
        pulumi.export("cluster group", made.cluster_security_group.id)
        pulumi.export("rule", made.eks_cluster_ingress_rule.from_port)
        pulumi.export("asg", made.default_node_group_asg_name)
        pulumi.export("asg of group", made.default_node_group.auto_scaling_group.name)
        pulumi.export("role", made.instance_roles[0].name)
        pulumi.export("core role", made.core.instance_roles[0].name)
        pulumi.export("cni", made.core.vpc_cni.urn)
        pulumi.export("oidc", made.core.oidc_provider.arn)
        pulumi.export("name", made.core.cluster.name)
        pulumi.export("server", made.kubeconfig["clusters"][0]["cluster"]["server"])
        pulumi.export("profile", made.fargate_profile_id)

    ran = run(program)

    groups = {found.name: found.id for found in ran.of("aws:ec2/securityGroup:SecurityGroup")}
    assert ran.exports["node group"] == ran.exports["node group id"] == groups["nodes-nodeSecurityGroup"]
    assert ran.exports["cluster group"] == groups["nodes-eksClusterSecurityGroup"]
    assert ran.exports["rule"] == 443
    assert ran.exports["asg"] == ran.exports["asg of group"] == "nodes"
    assert ran.exports["role"] == ran.exports["core role"] == "nodes-instanceRole-role"
    assert ran.exports["cni"].endswith("eks:index:Cluster$eks:index:VpcCniAddon::nodes-vpc-cni")
    assert ran.exports["oidc"] == ran.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")["arn"]
    assert ran.exports["name"] == "shop"
    assert ran.exports["server"].startswith("https://")
    assert ran.exports["profile"] == ""


def test_a_protected_cluster_protects_what_it_is_made_of():
    ran = run(lambda: eks.Cluster("nodes", opts=pulumi.ResourceOptions(protect=True)))

    assert {bool(found.options.get("protect")) for found in ran.graph} == {True}


def test_a_secret_of_the_cluster_stays_masked_in_what_is_made_of_it():
    ran = run(lambda: eks.Cluster("nodes", tags={"owner": pulumi.Output.secret("hunter2")}))

    assert ran.one("aws:eks/cluster:Cluster").shown["tags"] == {"Name": "nodes-eksCluster", "owner": "[secret]"}
    assert all("hunter2" not in f"{found.shown}" for found in ran.graph)


def test_a_role_provider_makes_a_role_and_a_provider_that_takes_it():
    def program():
        pulumi.export("role", eks.ClusterCreationRoleProvider("maker", region="us-west-2").role.name)

    ran = run(program)

    assert ran.exports["role"] == "maker-eksClusterCreatorRole"
    assert ran.one("pulumi:providers:aws").name == "maker-eksClusterCreatorEntity"
    allowed = json.loads(ran.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert [statement["Action"] for statement in allowed] == ["eks:*", "iam:PassRole"]


def test_storage_classes_are_made_as_the_program_names_them():
    ran = cluster(storage_classes={"fast": {"type": "gp3", "default": True, "encrypted": True}})

    found = ran.one("kubernetes:storage.k8s.io/v1:StorageClass")
    assert found.name == "nodes-fast"
    assert found.inputs["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert found.provider.startswith("urn:pulumi:dev::project::eks:index:Cluster$pulumi:providers:kubernetes::nodes")


def test_the_profile_is_in_the_kubeconfig_of_the_cluster_itself_and_not_in_what_it_hands_out():
    ran = cluster(provider_credential_opts={"profile_name": "work", "role_arn": "arn:1"})

    def call(kubeconfig: str) -> list[str]:
        return json.loads(kubeconfig)["users"][0]["user"]["exec"]["args"][-4:]

    assert call(ran.one("pulumi:providers:kubernetes").inputs["kubeconfig"]) == ["--role", "arn:1", "--profile", "work"]
    assert call(ran.one("eks:index:Cluster").outputs["kubeconfigJson"]) == ["--output", "json", "--role", "arn:1"]
