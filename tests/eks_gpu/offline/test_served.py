"""The recorder over gRPC: what a program in another language, and a provider of components, is answered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    callback_pb2,
    callback_pb2_grpc,
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from eks_gpu.graph.values import OUTPUT, SIGNATURE
from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu.offline.recorder import Recorder
from eks_gpu.offline.requests import struct
from eks_gpu.offline.served import Construct, Served, serving
from tests.engine import run

VPC, SUBNET, ROLE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:iam/role:Role"


@contextmanager
def served(**components: Construct) -> Iterator[tuple[Served, Any, Any]]:
    """The recorder, and a monitor and an engine as a program sees them."""
    recorder = Recorder(CatalogAnswers("us-west-2", {}), "project", "dev", preview=False)
    with serving(recorder, components) as ours, grpc.insecure_channel(ours.address) as channel:
        yield ours, resource_pb2_grpc.ResourceMonitorStub(channel), engine_pb2_grpc.EngineStub(channel)


def asked(type_: str, name: str, inputs: dict[str, Any], **more: Any) -> Any:
    more = {"custom": True, **more}
    return resource_pb2.RegisterResourceRequest(type=type_, name=name, object=struct(inputs), **more)


def test_a_program_over_grpc_registers_what_one_in_this_process_does():
    def program():
        net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        aws.ec2.Subnet("one", vpc_id=net.id, cidr_block="10.0.0.0/24")
        pulumi.export("net", net.id)

    with served() as (ours, monitor, _):
        stack = monitor.RegisterResource(asked("pulumi:pulumi:Stack", "project-dev", {}, custom=False)).urn
        net = monitor.RegisterResource(asked(VPC, "net", {"cidrBlock": "10.0.0.0/16"}, parent=stack, version="7.51.1"))
        of = {"vpcId": resource_pb2.RegisterResourceRequest.PropertyDependencies(urns=[net.urn])}
        inputs = {"vpcId": net.id, "cidrBlock": "10.0.0.0/24"}
        one = asked(SUBNET, "one", inputs, parent=stack, propertyDependencies=of, dependencies=[net.urn])
        one.version = "7.51.1"
        monitor.RegisterResource(one)
        exports = resource_pb2.RegisterResourceOutputsRequest(urn=stack, outputs=struct({"net": net.id}))
        monitor.RegisterResourceOutputs(exports)
    here = run(program)

    assert list(ours.recorder.graph()) == list(here.graph)
    assert ours.recorder.exports == here.exports


def test_many_threads_may_ask_at_once_for_types_that_nobody_has_loaded():
    tokens = ["rds/instance:Instance", "sqs/queue:Queue", "kms/key:Key", "ecr/repository:Repository"]
    with served() as (ours, monitor, _), ThreadPoolExecutor(32) as pool:
        wanted = [asked(f"aws:{token}", f"{n}", {}) for n in range(8) for token in tokens]
        made = list(pool.map(monitor.RegisterResource, wanted))

    assert len({each.urn for each in made}) == 32
    assert ours.errors == []


def test_what_the_recorder_refuses_is_kept_as_it_was_said():
    with served() as (ours, monitor, _):
        monitor.RegisterResource(asked(VPC, "net", {}))
        with pytest.raises(grpc.RpcError, match="two resources would have the URN"):
            monitor.RegisterResource(asked(VPC, "net", {}))

    assert [str(error) for error in ours.errors] == [
        f"two resources would have the URN urn:pulumi:dev::project::{VPC}::net: give one of them another name"
    ]


def test_the_engine_keeps_what_the_program_says_and_its_root():
    with served() as (ours, _, engine):
        engine.Log(engine_pb2.LogRequest(severity=engine_pb2.DEBUG, message="registering"))
        engine.Log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message="mind the gap"))
        engine.SetRootResource(engine_pb2.SetRootResourceRequest(urn="urn:root"))
        root = engine.GetRootResource(engine_pb2.GetRootResourceRequest()).urn
        engine.RequirePulumiVersion(engine_pb2.RequirePulumiVersionRequest())
        engine.StartDebugging(engine_pb2.StartDebuggingRequest())

    assert ours.log == [("warning", "mind the gap")]
    assert root == "urn:root"


def test_a_transform_of_the_program_is_called_while_its_registration_is_open():
    class Tagging(callback_pb2_grpc.CallbacksServicer):
        def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
            wanted = resource_pb2.TransformRequest.FromString(request.request)
            answer = resource_pb2.TransformResponse(properties=wanted.properties, options=wanted.options)
            answer.properties.update({"tags": {"owner": wanted.name}})
            return callback_pb2.CallbackInvokeResponse(response=answer.SerializeToString())

    program = grpc.server(ThreadPoolExecutor(1))
    callback_pb2_grpc.add_CallbacksServicer_to_server(Tagging(), program)
    target = f"127.0.0.1:{program.add_insecure_port('127.0.0.1:0')}"
    program.start()
    with served() as (ours, monitor, _):
        monitor.RegisterStackTransform(callback_pb2.Callback(target=target, token="t"))
        monitor.RegisterResource(asked(VPC, "net", {}))
    program.stop(None)

    assert ours.recorder.graph().one(VPC).inputs["tags"] == {"owner": "net"}


def test_a_remote_component_is_made_by_its_provider_where_there_is_one():
    def construct(request: Any, ours: Served) -> Any:
        with grpc.insecure_channel(ours.for_components) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            assert "OUTPUT_VALUES" in str(monitor.GetDeploymentInfo(empty_pb2.Empty()))
            component = monitor.RegisterResource(asked(request.type, request.name, {}, custom=False))
            held = {SIGNATURE: OUTPUT, "value": "p", "secret": True}
            policy = {"name": {SIGNATURE: OUTPUT, "value": "r"}, "path": {SIGNATURE: OUTPUT}, "description": held}
            monitor.RegisterResource(asked(ROLE, "child", policy, parent=component.urn))
        return resource_pb2.RegisterResourceResponse(urn=component.urn, object=struct({"role": "r"}))

    with served(mine=construct) as (ours, monitor, _):
        assert "OUTPUT_VALUES" not in str(monitor.GetDeploymentInfo(empty_pb2.Empty()))
        feature = resource_pb2.SupportsFeatureRequest(id="outputValues")
        assert monitor.SupportsFeature(feature).hasSupport is False
        made = monitor.RegisterResource(asked("mine:index:Thing", "thing", {}, custom=False, remote=True))
        request = resource_pb2.ResourceInvokeRequest(tok="pulumi:pulumi:getResource", args=struct({"urn": made.urn}))
        found = monitor.Invoke(request)

    child = ours.recorder.graph().one(ROLE)
    assert child.parent == made.urn == "urn:pulumi:dev::project::mine:index:Thing::thing"
    assert (child.inputs["name"], child.inputs["description"]) == ("r", "p")
    assert child.shown["description"] == "[secret]"
    assert child.unknown == ("path",)
    assert getattr(found, "return")["state"]["role"] == "r"
