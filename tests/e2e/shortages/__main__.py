"""A stack with something of everything that an account can be short of; its configuration says how much, and which."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


def trusted(service: str) -> str:
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id)
zones = [f"us-west-2{letter}" for letter in "ab"]
subnets = [
    aws.ec2.Subnet(f"private-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{number}.0/24", availability_zone=zone)
    for number, zone in enumerate(zones)
]
subnet_ids = [subnet.id for subnet in subnets]
addresses = [aws.ec2.Eip(f"address-{n}", domain="vpc") for n in range(config.get_int("addresses") or 1)]
aws.ec2.NatGateway("nat", allocation_id=addresses[0].id, subnet_id=subnets[0].id)
tables = [aws.ec2.RouteTable("table", vpc_id=vpc.id).id]
if table := config.get("table"):
    tables.append(pulumi.Output.from_input(table))
aws.ec2.VpcEndpoint("s3", vpc_id=vpc.id, service_name="com.amazonaws.us-west-2.s3", route_table_ids=tables)

role = aws.iam.Role("control-plane", name="shortages-control-plane", assume_role_policy=trusted("eks.amazonaws.com"))
aws.iam.RolePolicyAttachment(
    "control-plane", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
)
cluster = aws.eks.Cluster(
    "cluster",
    name="shortages",
    role_arn=role.arn,
    version=config.get("kubernetes") or "1.35",
    vpc_config={"subnet_ids": subnet_ids},
    access_config={"authentication_mode": "API"},
)
aws.iam.OpenIdConnectProvider("issuer", url="https://oidc.example", client_id_lists=["sts.amazonaws.com"])
aws.cloudwatch.LogGroup("logs", name="/aws/eks/shortages/cluster")
aws.sqs.Queue("jobs", name="shortages-jobs")
aws.lb.LoadBalancer("front", load_balancer_type="network", subnets=subnet_ids)

nodes = aws.iam.Role("nodes", assume_role_policy=trusted("ec2.amazonaws.com"))
node_role = config.get("node_role") or nodes.arn
aws.iam.InstanceProfile("nodes", name="shortages-nodes", role=nodes.name)
aws.eks.Addon("proxy", cluster_name=cluster.name, addon_name="kube-proxy", addon_version=config.get("kube_proxy"))
entry = aws.eks.AccessEntry("admin", cluster_name=cluster.name, principal_arn=nodes.arn)
aws.eks.AccessPolicyAssociation(
    "admin",
    cluster_name=cluster.name,
    principal_arn=entry.principal_arn,
    policy_arn=config.get("access_policy") or ADMIN,
    access_scope={"type": "cluster"},
)
for name, capacity_type in (("steady", "ON_DEMAND"), ("spot", "SPOT")):
    aws.eks.NodeGroup(
        name,
        cluster_name=cluster.name,
        node_role_arn=node_role,
        subnet_ids=subnet_ids,
        capacity_type=capacity_type,
        ami_type="AL2023_x86_64_NVIDIA",
        instance_types=[config.get("instance_type") or "g5.xlarge"],
        scaling_config={"min_size": 2, "desired_size": 2, "max_size": 2},
    )
pods = aws.iam.Role("pods", assume_role_policy=trusted("eks-fargate-pods.amazonaws.com"))
aws.eks.FargateProfile(
    "batch",
    cluster_name=cluster.name,
    pod_execution_role_arn=pods.arn,
    subnet_ids=subnet_ids,
    selectors=[{"namespace": "batch"}],
)
if onto := config.get("onto"):  # a cluster that another stack makes
    aws.eks.NodeGroup(
        "onto",
        cluster_name=onto,
        node_role_arn=node_role,
        subnet_ids=subnet_ids,
        ami_type="AL2023_x86_64_STANDARD",
        instance_types=["m7i.large"],
        scaling_config={"min_size": 0, "desired_size": 0, "max_size": 2},
    )
    selectors: list[aws.eks.FargateProfileSelectorArgsDict] = [{"namespace": "onto"}]
    aws.eks.FargateProfile(
        "onto", cluster_name=onto, pod_execution_role_arn=pods.arn, subnet_ids=subnet_ids, selectors=selectors
    )
aws.ec2.LaunchTemplate(
    "own", name="shortages-own", image_id=config.get("image") or "ami-00000000000000000", instance_type="m7i.large"
)
