"""A program in another language beside the engine's own: what is relayed, and what the lab's program does itself."""

from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from eks_gpu.graph.values import OUTPUT, SECRET, SIGNATURE
from eks_gpu.lab import relayed
from eks_gpu.lab.relayed import Engine, Monitor
from eks_gpu.offline.requests import struct

STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


class TheEngine:
    """Stands for the engine's two services; keeps what it is asked."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self.heard.append((request.type, request.name))
        return resource_pb2.RegisterResourceResponse(urn=f"urn:{request.name}")

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self.heard.append(("outputs", request.urn))
        return empty_pb2.Empty()

    def Log(self, request: Any) -> Any:  # noqa: N802
        self.heard.append(("log", request.message))
        return empty_pb2.Empty()


class Refusal(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.INVALID_ARGUMENT

    def details(self) -> str:
        return "no such type"

    def trailing_metadata(self) -> Any:
        return (("detail", "x"),)


@pytest.fixture
def beside():
    """The engine, the two relays, and stubs as the program has them."""
    engine = TheEngine()
    monitor, log = Monitor(engine, STACK), Engine(engine)
    with relayed._serving(monitor, log) as address, grpc.insecure_channel(address) as channel:
        yield engine, monitor, log, resource_pb2_grpc.ResourceMonitorStub(channel), engine_pb2_grpc.EngineStub(channel)


def test_the_program_gets_the_stack_that_is_there_and_the_engine_its_resources(beside):
    engine, _, _, stub, _ = beside
    own = stub.RegisterResource(resource_pb2.RegisterResourceRequest(type=relayed.STACK, name="p-dev"))
    made = stub.RegisterResource(resource_pb2.RegisterResourceRequest(type="aws:sqs/queue:Queue", name="work"))
    stub.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn="urn:component"))
    assert (own.urn, made.urn) == (STACK, "urn:work")
    assert engine.heard == [("aws:sqs/queue:Queue", "work"), ("outputs", "urn:component")]


def test_what_the_program_exports_and_its_end_are_the_lab_s_to_tell(beside):
    engine, monitor, _, stub, _ = beside
    exports = struct({"url": "http://x", "kubeconfig": {SIGNATURE: SECRET, "value": "key"}})
    stub.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=STACK, outputs=exports))
    stub.SignalAndWaitForShutdown(empty_pb2.Empty())
    assert engine.heard == []
    assert {name: relayed._plain(value) for name, value in monitor.exports.items()} == {
        "url": "http://x",
        "kubeconfig": "key",
    }


@pytest.mark.parametrize(
    ("value", "held", "secret"),
    [
        ([{"a": {SIGNATURE: SECRET, "value": [1]}}], [{"a": [1]}], True),
        ({SIGNATURE: OUTPUT, "value": "x", "secret": True}, "x", True),
        ({SIGNATURE: OUTPUT, "value": "x"}, "x", False),
        ({SIGNATURE: OUTPUT}, None, False),
        ({"secret": "a key's name"}, {"secret": "a key's name"}, False),
    ],
)
def test_an_exported_value_is_what_it_holds(value, held, secret):
    assert relayed._plain(value) == held
    assert relayed._holds_secret(value) is secret


def test_errors_of_the_program_are_kept_and_other_words_are_the_engines(beside):
    engine, _, log, _, stub = beside
    stub.Log(engine_pb2.LogRequest(severity=engine_pb2.ERROR, message="no such pool"))
    stub.Log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message="old"))
    assert engine.heard == [("log", "old")]
    assert log.log == [("error", "no such pool"), ("warning", "old")]


def test_a_refusal_of_the_engine_reaches_the_program_as_it_is(beside, monkeypatch):
    engine, _, _, stub, _ = beside

    def refuse(_: Any) -> Any:
        raise Refusal

    monkeypatch.setattr(engine, "RegisterResource", refuse)
    with pytest.raises(grpc.RpcError) as told:
        stub.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="c"))
    status: Any = told.value
    assert (status.code(), status.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "no such type")
    assert ("detail", "x") in [tuple(each) for each in status.trailing_metadata()]
