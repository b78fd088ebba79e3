"""The stand-in providers as the engine calls them, and the commands that start them."""

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import grpc
import pytest
from moto import mock_aws
from pulumi.runtime.proto import provider_pb2, status_pb2

from eks_gpu.lab.aws import LAB_KEYS, eks_provider
from eks_gpu.lab.aws.accounts import Account
from eks_gpu.lab.aws.capacity import Capacity, having
from eks_gpu.lab.aws.commands import write_commands
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.core import Cloud, Refused
from eks_gpu.lab.aws.invokes import invoke
from eks_gpu.lab.aws.launches import launching
from eks_gpu.lab.aws.provider import AwsProvider
from eks_gpu.lab.aws.shapes import observed
from eks_gpu.lab.aws.wire import plain, struct
from tests.engine import run

QUEUE = "urn:pulumi:dev::p::aws:sqs/queue:Queue::jobs"
SUBNET = "urn:pulumi:dev::p::net:index:Net$aws:ec2/subnet:Subnet::a"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Told(Exception):
    """What the engine is told of a call that failed."""


class Context:
    def abort(self, code: grpc.StatusCode, message: str) -> None:
        raise Told(message)


@pytest.fixture
def provider() -> Iterator[AwsProvider]:
    complete_moto()
    with mock_aws():
        made = AwsProvider()
        made.Configure(provider_pb2.ConfigureRequest(args=struct({"region": "us-west-2"})), Context())
        yield made


def check(provider: AwsProvider, urn: str, new: dict[str, Any], old: dict[str, Any] | None = None) -> Any:
    return provider.Check(
        provider_pb2.CheckRequest(urn=urn, news=struct(new), olds=struct(old or {}), randomSeed=b"seed"), Context()
    )


def diff(provider: AwsProvider, urn: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
    return provider.Diff(
        provider_pb2.DiffRequest(urn=urn, id="x", olds=struct(old), old_inputs=struct(old), news=struct(new)), Context()
    )


def create(provider: AwsProvider, urn: str, inputs: dict[str, Any], preview: bool = False) -> Any:
    return provider.Create(provider_pb2.CreateRequest(urn=urn, properties=struct(inputs), preview=preview), Context())


def read(provider: AwsProvider, urn: str, id_: str, **known: Any) -> Any:
    properties: dict[str, Any] = {key: struct(value) for key, value in known.items()}
    return provider.Read(provider_pb2.ReadRequest(urn=urn, id=id_, **properties), Context())


def test_a_name_is_chosen_once_and_kept_over_updates(provider):
    first = plain(check(provider, QUEUE, {}).inputs)
    assert first["__defaults"] == ["name"] and first["name"].startswith("jobs-")
    assert len(first["name"]) == len("jobs-") + 7
    again = provider.Check(
        provider_pb2.CheckRequest(urn=QUEUE, news=struct({"delaySeconds": 1}), olds=struct(first), randomSeed=b"other"),
        Context(),
    )
    assert plain(again.inputs) == {**first, "delaySeconds": 1}
    assert plain(check(provider, QUEUE, {"name": "mine"}, first).inputs) == {"name": "mine"}


@pytest.mark.parametrize(
    ("urn", "given", "reason"),
    [
        (
            SUBNET,
            {"vpcId": "v", "cidrBlok": "10.0.0.0/24"},
            "Subnet.cidrBlok: no such property; nearest: cidrBlock",
        ),
        (SUBNET, {"vpcId": 3}, "Subnet.vpcId: want str, got 3"),
        (QUEUE.replace("Queue", "Queues"), {}, "is not in the lab's table of AWS resource types"),
        (QUEUE, {"namePrefix": "a"}, "namePrefix is not among the inputs that the lab's aws:sqs/queue:Queue takes"),
    ],
)
def test_what_is_wrong_is_said_at_preview(provider, urn, given, reason):
    assert any(reason in failure.reason for failure in check(provider, urn, given).failures)


def test_a_value_that_is_still_to_come_passes(provider):
    assert list(check(provider, SUBNET, {"vpcId": UNKNOWN, "cidrBlock": UNKNOWN}).failures) == []
    created = create(provider, SUBNET, {"vpcId": UNKNOWN, "cidrBlock": "10.0.0.0/24"}, preview=True)
    assert (created.id, plain(created.properties)["vpcId"]) == ("", UNKNOWN)


def preview_update(
    provider: AwsProvider, urn: str, outputs: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
) -> dict[str, Any]:
    asked: dict[str, Any] = {"olds": struct(outputs), "old_inputs": struct(old), "news": struct(new)}
    answer = provider.Update(provider_pb2.UpdateRequest(urn=urn, id="x", preview=True, **asked), Context())
    return plain(answer.properties)


CLUSTER_URN = "urn:pulumi:dev::p::aws:eks/cluster:Cluster::c"
NETWORK = {"subnetIds": ["subnet-1"], "endpointPublicAccess": False}


def test_before_a_resource_is_there_what_aws_adds_to_it_is_still_to_come(provider):
    inputs = {"name": "lab", "__defaults": ["name"], "vpcConfig": NETWORK, "tags": {"a": "b"}}
    seen = plain(create(provider, CLUSTER_URN, inputs, preview=True).properties)
    assert {key: seen[key] for key in ("name", "tags", "tagsAll", "region")} == {
        "name": "lab",
        "tags": {"a": "b"},
        "tagsAll": {"a": "b"},
        "region": "us-west-2",
    }
    assert {key: seen[key] for key in ("arn", "endpoint", "identities")} == dict.fromkeys(
        ("arn", "endpoint", "identities"), UNKNOWN
    )
    assert seen["vpcConfig"].items() >= {**NETWORK, "clusterSecurityGroupId": UNKNOWN, "vpcId": UNKNOWN}.items()
    assert "__defaults" not in seen


def test_before_an_update_what_aws_has_said_stands_and_what_is_no_longer_given_is_still_to_come(provider):
    old = {"name": "lab", "version": "1.35", "vpcConfig": NETWORK, "enabledClusterLogTypes": ["api"]}
    outputs = {**old, "id": "lab", "endpoint": "https://a", "vpcConfig": {**NETWORK, "clusterSecurityGroupId": "sg-1"}}
    new = {"name": "lab", "version": "1.36", "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}}
    assert preview_update(provider, CLUSTER_URN, outputs, old, new) == {
        "id": "lab",
        "name": "lab",
        "version": "1.36",
        "endpoint": "https://a",
        "enabledClusterLogTypes": UNKNOWN,
        "vpcConfig": {
            "subnetIds": ["subnet-1", "subnet-2"],
            "endpointPublicAccess": UNKNOWN,
            "clusterSecurityGroupId": "sg-1",
        },
    }


def test_before_an_update_the_version_that_a_launch_template_gets_is_still_to_come(provider):
    urn = "urn:pulumi:dev::p::aws:ec2/launchTemplate:LaunchTemplate::t"
    outputs = {"name": "t", "imageId": "ami-1", "id": "lt-1", "latestVersion": 1, "defaultVersion": 1}
    old, new = {"name": "t", "imageId": "ami-1"}, {"name": "t", "imageId": "ami-2"}
    assert preview_update(provider, urn, outputs, old, new) == {
        "name": "t",
        "imageId": "ami-2",
        "id": "lt-1",
        "latestVersion": UNKNOWN,
        "defaultVersion": UNKNOWN,
    }


def test_a_change_updates_or_replaces_as_aws_can(provider):
    old = {"vpcId": "v", "cidrBlock": "10.0.0.0/24", "mapPublicIpOnLaunch": False}
    same, other = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
    assert diff(provider, SUBNET, old, old).changes == same
    updated = diff(provider, SUBNET, old, {**old, "mapPublicIpOnLaunch": True})
    assert (updated.changes, list(updated.diffs), list(updated.replaces)) == (other, ["mapPublicIpOnLaunch"], [])
    assert list(diff(provider, SUBNET, old, {**old, "cidrBlock": "10.0.1.0/24"}).replaces) == ["cidrBlock"]
    named = diff(provider, QUEUE, {"name": "q", "fifoQueue": False}, {"name": "q", "fifoQueue": True})
    assert (list(named.replaces), named.deleteBeforeReplace) == (["fifoQueue"], True)


def test_an_imported_resource_that_names_no_region_stays_in_the_providers(provider):
    group = "urn:pulumi:dev::p::aws:cloudwatch/logGroup:LogGroup::g"
    imported, written = {"name": "/logs", "region": "us-west-2"}, {"name": "/logs"}
    asked: dict[str, Any] = {"olds": struct(imported), "old_inputs": struct(imported), "news": struct(written)}
    answer = provider.Diff(provider_pb2.DiffRequest(urn=group, id="/logs", **asked), Context())
    assert (list(answer.diffs), list(answer.replaces)) == ([], [])
    asked["news"] = struct({**written, "region": "eu-west-1"})
    answer = provider.Diff(provider_pb2.DiffRequest(urn=group, id="/logs", **asked), Context())
    assert (list(answer.diffs), list(answer.replaces)) == (["region"], ["region"])


def test_a_resource_is_made_imported_and_seen_to_be_gone(provider):
    made = create(provider, QUEUE, {"name": "jobs", "messageRetentionSeconds": 300, "tags": {"a": "b"}})
    assert plain(made.properties)["arn"] == "arn:aws:sqs:us-west-2:123456789012:jobs"
    imported = read(provider, QUEUE, made.id)
    assert plain(imported.inputs)["messageRetentionSeconds"] == 300

    known = plain(made.properties)
    updated = provider.Update(
        provider_pb2.UpdateRequest(
            urn=QUEUE,
            id=made.id,
            olds=struct(known),
            old_inputs=struct({"name": "jobs", "messageRetentionSeconds": 300, "tags": {"a": "b"}}),
            news=struct({"name": "jobs", "messageRetentionSeconds": 600}),
        ),
        Context(),
    )
    assert plain(updated.properties)["messageRetentionSeconds"] == 600
    provider.Delete(provider_pb2.DeleteRequest(urn=QUEUE, id=made.id, properties=updated.properties), Context())
    assert read(provider, QUEUE, made.id, properties=known, inputs={"name": "jobs"}).id == ""


def test_what_aws_refuses_ends_the_call_with_its_reason(provider):
    with pytest.raises(Told, match=r"ec2 create_subnet: InvalidVpcID\.NotFound"):
        create(provider, SUBNET, {"vpcId": "vpc-none", "cidrBlock": "10.0.0.0/24"})


NODE_GROUP = "urn:pulumi:dev::p::aws:eks/nodeGroup:NodeGroup::gpu"


class KeepingContext(Context):
    """What the engine is told of a call, with its details."""

    kept: Any = None

    def set_trailing_metadata(self, metadata: Any) -> None:
        ((name, packed),) = metadata
        assert name == "grpc-status-details-bin"
        self.kept = provider_pb2.ErrorResourceInitFailed()
        assert status_pb2.Status.FromString(packed).details[0].Unpack(self.kept)


@pytest.fixture
def node_group() -> dict[str, Any]:
    """Inputs of two nodes, in a cluster that there is."""
    clients = {name: boto3.client(name, region_name="us-west-2", **LAB_KEYS) for name in ("ec2", "eks")}
    subnets = [subnet["SubnetId"] for subnet in clients["ec2"].describe_subnets()["Subnets"]]
    role = "arn:aws:iam::123456789012:role/node"
    clients["eks"].create_cluster(name="gaia", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    return {
        "clusterName": "gaia",
        "nodeGroupName": "gpu",
        "nodeRoleArn": role,
        "subnetIds": subnets,
        "instanceTypes": ["g5.xlarge"],
        "scalingConfig": {"minSize": 0, "desiredSize": 2, "maxSize": 2},
    }


def test_a_node_group_over_its_quota_fails_and_stays_in_the_state_until_it_is_taken_away(provider, node_group):
    context, eks = KeepingContext(), boto3.client("eks", region_name="us-west-2", **LAB_KEYS)
    small = Account(standard_vcpus=8, accelerator_vcpus=4, addresses=5, vpcs=5, spot_role=True)
    asked = provider_pb2.CreateRequest(urn=NODE_GROUP, properties=struct(node_group))
    failed = (
        r"waiting for EKS Node Group \(gaia:gpu\) create: unexpected state 'CREATE_FAILED', wanted target 'ACTIVE'. "
        r"last error: eks-\S+: AsgInstanceLaunchFailures: Could not launch On-Demand Instances. VcpuLimitExceeded - "
        r"You have requested more vCPU capacity than your current vCPU limit of 4 allows .* "
        r"Launching EC2 instance failed\."
    )
    with having(Capacity(small)), launching():
        with pytest.raises(Told, match=failed):
            provider.Create(asked, context)
        (reason,) = context.kept.reasons
        assert (context.kept.id, plain(context.kept.inputs)) == ("gaia:gpu", node_group)
        assert plain(context.kept.properties)["status"] == "CREATE_FAILED"
        again = provider_pb2.UpdateRequest(
            urn=NODE_GROUP,
            id=context.kept.id,
            olds=context.kept.properties,
            old_inputs=context.kept.inputs,
            news=context.kept.inputs,
        )
        with pytest.raises(Told) as told:
            provider.Update(again, context)
        assert str(told.value) == reason
        gone = provider_pb2.DeleteRequest(urn=NODE_GROUP, id=context.kept.id, properties=context.kept.properties)
        provider.Delete(gone, context)
    assert eks.list_nodegroups(clusterName="gaia")["nodegroups"] == []


def test_look_ups_are_answered_from_moto_and_the_catalog(provider):
    def ask(token: str, **given: Any) -> dict[str, Any]:
        answer = provider.Invoke(provider_pb2.InvokeRequest(tok=token, args=struct(given)), Context())
        return plain(getattr(answer, "return"))

    zones = ask("aws:index/getAvailabilityZones:getAvailabilityZones", excludeZoneIds=["usw2-az4"])
    assert zones["names"] == ["us-west-2a", "us-west-2b", "us-west-2c"]
    assert ask("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
    assert ask("aws:index/getPartition:getPartition")["partition"] == "aws"
    name = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
    assert ask("aws:ssm/getParameter:getParameter", name=name)["value"].startswith("ami-")
    name = "/aws/service/bottlerocket/aws-k8s-1.36-nvidia/x86_64/latest/image_version"
    assert ask("aws:ssm/getParameter:getParameter", name=name)["insecureValue"] == "1.36.0-20260714"
    with pytest.raises(Refused, match=r"getAmi is not among the functions that the lab answers"):
        invoke(Cloud("us-west-2"), "aws:ec2/getAmi:getAmi", {})


@pytest.mark.parametrize(
    ("given", "actual", "seen"),
    [
        ('{"a": [1]}', {"a": [1]}, '{"a": [1]}'),
        ('{"a": 1}', '{"a":1}', '{"a": 1}'),
        ("true", True, "true"),
        (["b", "a"], ["a", "b"], ["b", "a"]),
        (["a"], ["b"], ["b"]),
        ({"k": "v"}, [{"Key": "k", "Value": "w"}], {"k": "w"}),
        ({"minSize": 0}, {"MinSize": 1, "MaxSize": 2}, {"minSize": 1}),
        ([{"key": "a"}], [{"Key": "a", "ResourceId": "g"}], [{"key": "a"}]),
        (300, "300", 300),
        (300, "600", 600),
    ],
)
def test_drift_is_seen_and_another_spelling_is_none(given, actual, seen):
    assert observed(given, actual) == seen


CLUSTER = {
    "name": "lab",
    "version": "1.35",
    "subnetIds": ["subnet-1"],
    "vpcId": "vpc-1",
    "authenticationMode": "API",
    "createOidcProvider": True,
    **eks_provider.ONLY,
}


def test_the_stand_in_for_pulumi_eks_makes_the_cluster_its_role_and_its_oidc_provider():
    children = run(lambda: eks_provider.Cluster("c", CLUSTER, None), config={"aws:region": "us-west-2"}).under("c")
    assert children.keys() == {
        "c-eksCluster",
        "c-eksRole",
        "c-eksRole-AmazonEKSClusterPolicy",
        "c-oidcProvider",
        "c-provider",
    }
    assert children["c-eksCluster"].inputs["accessConfig"] == {"authenticationMode": "API"}


def test_its_kubeconfig_asks_for_tokens_as_whom_it_is_told():
    told = {"roleArn": "arn:aws:iam::1:role/a", "profileName": "work"}
    found = run(lambda: eks_provider.Cluster("c", {**CLUSTER, "providerCredentialOpts": told}, None))
    provider = found.one("pulumi:providers:kubernetes")
    command = json.loads(provider.inputs["kubeconfig"])["users"][0]["user"]["exec"]
    assert command["args"][-2:] == ["--role-arn", "arn:aws:iam::1:role/a"]
    assert command["env"] == [{"name": "AWS_PROFILE", "value": "work"}]
    assert eks_provider.refused("eks:index:Cluster", {**CLUSTER, "providerCredentialOpts": told}) == []


def test_auto_mode_brings_the_node_role_and_the_policies_that_it_needs():
    auto_mode = {"enabled": True, "createNodeRole": True, "computeConfig": {"nodePools": ["system"]}}
    made = run(
        lambda: eks_provider.Cluster("c", {**CLUSTER, "autoMode": auto_mode}, None), config={"aws:region": "us-west-2"}
    ).under("c")
    assert made["c-eksCluster"].inputs["computeConfig"]["nodePools"] == ["system"]
    assert "c-auto-mode-node-AmazonEKSWorkerNodeMinimalPolicy" in made


def test_a_cluster_that_pulumi_eks_would_make_otherwise_is_refused():
    assert eks_provider.refused("eks:index:Cluster", CLUSTER) == []
    given = {**CLUSTER, "skipDefaultNodeGroup": False, "versoin": "1.35"}
    assert eks_provider.refused("eks:index:Cluster", given) == [
        "the lab's eks:index:Cluster takes no versoin; nearest: version",
        "skipDefaultNodeGroup must be true in the lab, got False",
    ]
    assert eks_provider.refused("eks:index:NodeGroup", {}) == [
        "the lab's stand-in for pulumi_eks makes eks:index:Cluster alone, got eks:index:NodeGroup"
    ]


def test_the_commands_of_a_run_are_there_and_aws_gives_the_labs_token(tmp_path):
    folder = write_commands(tmp_path / "bin", token="it's")
    providers = ["pulumi-resource-aws", "pulumi-resource-eks", "pulumi-resource-eks-gpu-components"]
    assert sorted(file.name for file in folder.iterdir()) == ["aws", *providers]
    told = subprocess.run([folder / "aws", "eks", "get-token"], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["status"] == {"token": "it's"}
    assert (folder / "aws").stat().st_mode & 0o077 == 0


PATH = {"PATH": "/usr/bin:/bin"}


def test_from_outside_aws_gives_no_token_for_a_cluster_with_a_private_endpoint_alone(tmp_path):
    closed = tmp_path / "it's closed"
    command = write_commands(tmp_path / "bin", "t", closed) / "aws"

    def ask(cluster: str, update_from: str) -> tuple[int, str]:
        asked = [command, "--region", "us-west-2", "eks", "get-token", "--cluster-name", cluster, "--output", "json"]
        answer = subprocess.run(asked, capture_output=True, text=True, env={"EKS_GPU_LAB_FROM": update_from, **PATH})
        assert bool(answer.stdout) == (answer.returncode == 0)
        return answer.returncode, answer.stderr

    assert ask("gaia", "outside") == (0, "")  # there is no such file yet
    closed.write_text("gaia\n")
    assert ask("gaia", "outside") == (
        1,
        "cluster gaia has a private endpoint alone, and this update comes from outside of its VPC: its API does not "
        "answer\n",
    )
    assert ask("gaia", "inside") == ask("gaia-2", "outside") == ask("ga.a", "outside") == (0, "")


@pytest.mark.parametrize("name", ["pulumi-resource-aws", "pulumi-resource-eks"])
def test_an_interrupt_ends_a_provider_at_once(name, tmp_path):
    command = [write_commands(tmp_path / "bin", token="") / name, "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout
        assert int(provider.stdout.readline()) > 0
        provider.send_signal(signal.SIGINT)
        assert provider.wait() == -signal.SIGINT
