"""What is left after a stack, in AWS and in the cluster, and what goes with a cluster."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from eks_gpu.lab import leftovers
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.state import Lab

LAB = Lab(Path("/lab"), "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})


class Cluster:
    """An API server with these objects, by path."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]]):
        self.objects, self.deleted = objects, []

    def list(self, path: str) -> list[dict[str, Any]]:
        return self.objects.get(path, [])

    def delete(self, path: str) -> None:
        self.deleted.append(path)


@pytest.fixture
def cluster(monkeypatch):
    """Puts a cluster with these objects, and an AWS that is empty at first, in the lab's place."""

    def client(_: Lab, service: str) -> Any:
        return boto3.client(
            service,
            region_name="us-west-2",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )

    def put(objects: dict[str, list[dict[str, Any]]]) -> Cluster:
        made = Cluster(objects)
        monkeypatch.setattr(leftovers, "ClusterApi", lambda lab: made)
        return made

    monkeypatch.setattr(leftovers, "aws_client", client)
    monkeypatch.setattr(leftovers, "PATIENCE_S", 0)
    complete_moto()
    with mock_aws():
        yield put


def named(name: str, namespace: str = "default", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


KUBERNETES = {"/api/v1/services": [named("kubernetes", type="ClusterIP")]}


def test_nothing_is_left_of_an_account_and_a_cluster_as_they_begin(cluster):
    cluster(KUBERNETES)
    assert leftovers.leftovers(LAB) == []


def test_what_is_left_in_aws_is_named_but_for_what_has_ended(cluster):
    cluster(KUBERNETES)
    ec2 = leftovers.aws_client(LAB, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=ec2.allocate_address()["AllocationId"])
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGateway"]["NatGatewayId"])
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ended, running = (
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"] for _ in range(2)
    )
    ec2.terminate_instances(InstanceIds=[ended])
    ec2.create_placement_group(GroupName="close", Strategy="cluster")
    leftovers.aws_client(LAB, "sqs").create_queue(QueueName="interruptions")
    iam = leftovers.aws_client(LAB, "iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")  # the account's, not a stack's
    (address,) = ec2.describe_addresses()["Addresses"]
    assert leftovers.leftovers(LAB) == [
        f"vpc {vpc}",
        f"address {address['AllocationId']}",
        "placement group close",
        "role node",
        "queue https://sqs.us-west-2.amazonaws.com/123456789012/interruptions",
        f"instance {running}",
    ]


def test_what_is_left_in_the_cluster_is_named(cluster):
    cluster(
        {
            "/api/v1/nodes": [named("i-1")],
            "/apis/karpenter.sh/v1/nodeclaims": [named("gpu-1")],
            "/apis/apps/v1/deployments": [named("resnet", "inference")],
            "/api/v1/services": [named("kubernetes", type="ClusterIP"), named("resnet", type="LoadBalancer")],
            "/apis/storage.k8s.io/v1/storageclasses": [{"metadata": {"name": "gp3"}}],
        }
    )
    assert leftovers.leftovers(LAB) == [
        "node i-1",
        "NodeClaim gpu-1",
        "Deployment inference/resnet",
        "StorageClass gp3",
        "LoadBalancer Service default/resnet",
    ]


def test_a_node_ends_with_the_cluster_if_its_instance_is_gone(cluster):
    api = cluster({})
    ec2 = leftovers.aws_client(LAB, "ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    gone, runs = (
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"] for _ in range(2)
    )
    ec2.terminate_instances(InstanceIds=[gone])
    api.objects["/api/v1/nodes"] = [
        named("late", providerID=f"kwok-aws:///us-west-2a/{gone}"),
        named("kept", providerID=f"aws:///us-west-2a/{runs}"),
        named("forgotten", providerID="kwok-aws:///us-west-2a/i-0123456789abcdef0"),
        named("strange"),
    ]
    assert leftovers.end_with_cluster(LAB) == ["node late", "node forgotten"]
    assert api.deleted == ["/api/v1/nodes/late", "/api/v1/nodes/forgotten"]


RUNNING = {
    "/api/v1/pods": [named("resnet-1", "inference")],
    "/apis/apps/v1/deployments": [named("resnet", "inference")],
    "/api/v1/secrets?labelSelector=owner%3Dhelm": [named("sh.helm.release.v1.karpenter.v1", "kube-system")],
    "/api/v1/secrets": [named("kept")],
    "/apis/storage.k8s.io/v1/storageclasses": [{"metadata": {"name": "gp3"}}],
}


def test_what_ran_in_a_cluster_ends_at_once_when_aws_has_it_no_more(cluster):
    api = cluster(RUNNING)
    ended = leftovers.end_with_cluster(LAB)
    at_once = "?gracePeriodSeconds=0&propagationPolicy=Background"
    assert api.deleted == [
        f"/api/v1/namespaces/inference/pods/resnet-1{at_once}",
        f"/apis/apps/v1/namespaces/inference/deployments/resnet{at_once}",
        f"/api/v1/namespaces/kube-system/secrets/sh.helm.release.v1.karpenter.v1{at_once}",
        f"/apis/storage.k8s.io/v1/storageclasses/gp3{at_once}",
    ]
    assert ended == [
        "Deployment inference/resnet",
        "release kube-system/sh.helm.release.v1.karpenter.v1",
        "StorageClass gp3",
    ]


def test_another_cluster_keeps_what_runs_in_it(cluster):
    api = cluster(RUNNING)
    role = leftovers.aws_client(LAB, "iam").create_role(RoleName="eks", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnet = leftovers.aws_client(LAB, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    leftovers.aws_client(LAB, "eks").create_cluster(
        name="gaia", roleArn=role, resourcesVpcConfig={"subnetIds": [subnet]}
    )
    assert leftovers.end_with_cluster(LAB) == []
    assert api.deleted == []
