"""A cluster with Karpenter, and inference on its GPU nodes."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s

config = pulumi.Config()
most_gpus = config.require_int("maxGpus")
zones = ["us-west-2a", "us-west-2b"]

vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
gateway = aws.ec2.InternetGateway("net", vpc_id=vpc.id)
routes = aws.ec2.RouteTable(
    "net", vpc_id=vpc.id, routes=[aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", gateway_id=gateway.id)]
)
subnets = [
    aws.ec2.Subnet(
        f"net-{number}",
        vpc_id=vpc.id,
        availability_zone=zone,
        cidr_block=f"10.0.{number}.0/24",
        map_public_ip_on_launch=True,
        tags={"karpenter.sh/discovery": "inference"},
    )
    for number, zone in enumerate(zones)
]
for number, subnet in enumerate(subnets):
    aws.ec2.RouteTableAssociation(f"net-{number}", subnet_id=subnet.id, route_table_id=routes.id)

cluster = eks.Cluster(
    "inference",
    name="inference",
    vpc_id=vpc.id,
    public_subnet_ids=[subnet.id for subnet in subnets],
    instance_type="m6i.large",
    desired_capacity=2,
    min_size=2,
    max_size=2,
    create_oidc_provider=True,
)
node_role = aws.iam.Role(
    "nodes",
    name="nodes",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
            ],
        }
    ),
)
queue = aws.sqs.Queue("interruptions", name="inference", message_retention_seconds=300)

in_cluster = pulumi.ResourceOptions(provider=k8s.Provider("inference", kubeconfig=cluster.kubeconfig_json))
karpenter = k8s.helm.v3.Release(
    "karpenter",
    chart="oci://public.ecr.aws/karpenter/karpenter",
    version="1.14.0",
    namespace="kube-system",
    values={"settings": {"clusterName": "inference", "interruptionQueue": queue.name}},
    opts=in_cluster,
)
pools = k8s.yaml.v2.ConfigGroup(
    "pools",
    objs=[
        {
            "apiVersion": "karpenter.k8s.aws/v1",
            "kind": "EC2NodeClass",
            "metadata": {"name": "gpu"},
            "spec": {
                "role": "nodes",
                "amiSelectorTerms": [{"alias": "al2023@v20250701"}],
                "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "inference"}}],
                "securityGroupSelectorTerms": [{"tags": {"aws:eks:cluster-name": "inference"}}],
            },
        },
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "gpu"},
            "spec": {
                "limits": {"nvidia.com/gpu": most_gpus},
                "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "30s"},
                "template": {
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                        "requirements": [
                            {
                                "key": "node.kubernetes.io/instance-type",
                                "operator": "In",
                                "values": ["g5.xlarge", "g6.xlarge"],
                            },
                            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                        ],
                    }
                },
            },
        },
    ],
    opts=pulumi.ResourceOptions(provider=in_cluster.provider, depends_on=[karpenter]),
)
k8s.helm.v3.Release(
    "nvidia-device-plugin",
    chart="nvidia-device-plugin",
    version="0.17.1",
    namespace="kube-system",
    repository_opts={"repo": "https://nvidia.github.io/k8s-device-plugin"},
    values={"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
    opts=in_cluster,
)
k8s.apps.v1.Deployment(
    "resnet",
    metadata={"name": "resnet", "namespace": "default"},
    spec={
        "replicas": 3,
        "selector": {"match_labels": {"app": "resnet"}},
        "template": {
            "metadata": {"labels": {"app": "resnet"}},
            "spec": {
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                "containers": [
                    {
                        "name": "resnet",
                        "image": config.require("image"),
                        "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    }
                ],
            },
        },
    },
    opts=pulumi.ResourceOptions(provider=in_cluster.provider, depends_on=[pools]),
)
pulumi.export("queue", queue.name)
