"""GPU nodes on plain Ubuntu, for users who build their own images: the operator installs driver and toolkit.

The nodes are plain resources, because the library's groups use EKS's NVIDIA images, which already have a driver.
"""

import base64

import pulumi
import pulumi_aws as aws

import eks_gpu_components as eks_gpu

TYPES = ["g5.xlarge", "g6.xlarge"]
LABELS = {"nvidia.com/gpu.present": "true", "k8s.amazonaws.com/accelerator": "nvidia"}
TAINTS: list[aws.eks.NodeGroupTaintArgsDict] = [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]
# Source: Canonical, "Ubuntu on Amazon EKS", images by SSM parameter.
IMAGE = "/aws/service/canonical/ubuntu/eks/24.04/{}/stable/current/amd64/hvm/ebs-gp3/ami-id"
POLICIES = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy", "AmazonSSMManagedInstanceCore")
TRUST = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
]}"""
BOOTSTRAP = """#!/bin/bash
/etc/eks/bootstrap.sh {name} --apiserver-endpoint {endpoint} --b64-cluster-ca {certificate_authority} \\
  --kubelet-extra-args '--node-labels={labels} --register-with-taints=nvidia.com/gpu=true:NoSchedule'
"""


def ubuntu_gpu_nodes(name: str, cluster: eks_gpu.EksCluster, subnet: eks_gpu.NodeSubnet) -> aws.eks.NodeGroup:
    """One managed group in one zone, from zero to six nodes."""
    role = aws.iam.Role(f"{name}-role", assume_role_policy=TRUST)
    attached = [
        aws.iam.RolePolicyAttachment(f"{name}-{policy}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}")
        for policy in POLICIES
    ]
    parameter = pulumi.Output.from_input(cluster["kubernetes_version"]).apply(IMAGE.format)
    labels = ",".join(f"{key}={value}" for key, value in LABELS.items())
    known = pulumi.Output.all(**{key: cluster[key] for key in ("name", "endpoint", "certificate_authority")})
    template = aws.ec2.LaunchTemplate(
        f"{name}-template",
        image_id=aws.ssm.get_parameter_output(name=parameter).insecure_value,
        user_data=known.apply(
            lambda facts: base64.b64encode(BOOTSTRAP.format(labels=labels, **facts).encode()).decode()
        ),
        block_device_mappings=[
            {"device_name": "/dev/sda1", "ebs": {"volume_type": "gp3", "volume_size": 100, "encrypted": "true"}}
        ],
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
        update_default_version=True,
    )
    return aws.eks.NodeGroup(
        name,
        cluster_name=cluster["name"],
        node_role_arn=role.arn,
        subnet_ids=[subnet["subnet_id"]],
        instance_types=TYPES,
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        scaling_config={"min_size": 0, "desired_size": 0, "max_size": 6},
        labels=LABELS,
        taints=TAINTS,
        opts=pulumi.ResourceOptions(depends_on=attached, ignore_changes=["scalingConfig.desiredSize"]),
    )
