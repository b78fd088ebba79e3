"""Spot auto scaling groups that the cluster autoscaler starts for pods with GPUs."""

import base64
import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

config = pulumi.Config()
most_gpus = config.require_int("maxGpus")
zones = aws.get_availability_zones_output(state="available").names


def role(name: str, service: str, *policies: str) -> aws.iam.Role:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    made = aws.iam.Role(name, assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    for policy in policies:
        arn = f"arn:aws:iam::aws:policy/{policy}"
        aws.iam.RolePolicyAttachment(f"{name}-{policy}", role=made.name, policy_arn=arn)
    return made


vpc = aws.ec2.DefaultVpc("net")
subnets = [
    aws.ec2.Subnet(
        f"net-{number}", vpc_id=vpc.id, availability_zone=zones[number], cidr_block=f"172.31.{100 + number}.0/24"
    )
    for number in range(2)
]
cluster_role = role("cluster", "eks.amazonaws.com", "AmazonEKSClusterPolicy")
cluster = aws.eks.Cluster(
    "gaia",
    name="gaia",
    role_arn=cluster_role.arn,
    version="1.34",
    access_config={"authentication_mode": "API"},
    vpc_config={"subnet_ids": [subnet.id for subnet in subnets]},
)
nodes = role("nodes", "ec2.amazonaws.com", "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
profile = aws.iam.InstanceProfile("nodes", role=nodes.name)
aws.eks.AccessEntry("nodes", cluster_name=cluster.name, principal_arn=nodes.arn, type="EC2_LINUX")

user_data = pulumi.Output.format(
    "---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n"
    "  cluster:\n    name: {0}\n    apiServerEndpoint: {1}\n"
    "  kubelet:\n    flags: ['--register-with-taints=nvidia.com/gpu=true:NoSchedule']\n",
    cluster.name,
    cluster.endpoint,
)
template = aws.ec2.LaunchTemplate(
    "gpu",
    image_id=aws.ssm.get_parameter_output(
        name="/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
    ).value,
    instance_type="g5.xlarge",
    iam_instance_profile={"arn": profile.arn},
    user_data=user_data.apply(lambda text: base64.b64encode(text.encode()).decode()),
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"volume_size": 100, "volume_type": "gp3"}}],
)
for number, subnet in enumerate(subnets):
    aws.autoscaling.Group(
        f"gpu-{number}",
        name=f"gpu-{number}",
        min_size=0,
        max_size=most_gpus // 2,
        desired_capacity=0,
        vpc_zone_identifiers=[subnet.id],
        suspended_processes=["AZRebalance"],
        mixed_instances_policy={
            "instances_distribution": {
                "on_demand_base_capacity": 0,
                "on_demand_percentage_above_base_capacity": 0,
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": {"launch_template_id": template.id, "version": "$Latest"},
                "overrides": [{"instance_type": "g5.xlarge"}, {"instance_type": "g6.xlarge"}],
            },
        },
        tags=[
            {"key": "kubernetes.io/cluster/gaia", "value": "owned", "propagate_at_launch": True},
            {"key": "k8s.io/cluster-autoscaler/enabled", "value": "true", "propagate_at_launch": False},
            {"key": "k8s.io/cluster-autoscaler/gaia", "value": "owned", "propagate_at_launch": False},
        ],
    )

kubeconfig = pulumi.Output.json_dumps(
    {"apiVersion": "v1", "kind": "Config", "clusters": [{"cluster": cluster.endpoint}]}
)
in_cluster = pulumi.ResourceOptions(provider=k8s.Provider("gaia", kubeconfig=kubeconfig))
k8s.helm.v3.Release(
    "cluster-autoscaler",
    chart="cluster-autoscaler",
    version="9.50.1",
    namespace="kube-system",
    repository_opts={"repo": "https://kubernetes.github.io/autoscaler"},
    values={"autoDiscovery": {"clusterName": cluster.name}, "awsRegion": "us-west-2"},
    opts=in_cluster,
)
k8s.batch.v1.Job(
    "training",
    metadata={"name": "training", "namespace": "default"},
    spec={
        "parallelism": 2,
        "template": {
            "spec": {
                "restart_policy": "Never",
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                "containers": [
                    {
                        "name": "train",
                        "image": config.require("image"),
                        "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    }
                ],
            },
        },
    },
    opts=in_cluster,
)
pulumi.export("cluster", cluster.name)
