"""The provider of the components, as the engine starts it: its schema, and what it says of wrong args."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, resource_pb2

from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu.offline.packaged import BadArgs, Packaged
from eks_gpu.offline.recorder import Recorder
from eks_gpu.offline.requests import struct
from eks_gpu.offline.served import Served, serving
from tests.programs import ROOT

POOL = {"instanceTypes": ["g4dn.xlarge"], "maxGpus": 2}


@pytest.fixture(scope="module")
def packaged() -> Iterator[tuple[Packaged, Served]]:
    recorder = Recorder(CatalogAnswers("us-west-2", {}), "project", "dev", preview=False)
    provider = Packaged(project="project", stack="dev", config={"aws:region": "us-west-2"})
    with serving(recorder, {"eks-gpu-components": provider.construct}) as served, provider:
        yield provider, served


@pytest.fixture
def problems(packaged):
    def of(kind: str, inputs: dict[str, Any]) -> list[str]:
        """What the provider says of a component's inputs."""
        provider, served = packaged
        request = resource_pb2.RegisterResourceRequest(
            type=f"eks-gpu-components:index:{kind}", name="x", object=struct(inputs), remote=True
        )
        with pytest.raises(BadArgs) as refused:
            provider.construct(request, served)
        assert served.recorder.recorded == {}
        return refused.value.problems

    return of


@contextmanager
def started(*command: str) -> Iterator[Any]:
    process = subprocess.Popen([sys.executable, *command, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    with process, grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
        process.kill()


def test_the_plugin_answers_with_the_schema_that_is_recorded():
    with started("plugin") as provider:
        schema = provider.GetSchema(provider_pb2.GetSchemaRequest(version=0)).schema

    assert json.loads(schema) == json.loads((ROOT / "tests" / "schema.json").read_text())


def test_every_problem_of_the_args_is_told_at_once_with_the_keys_of_the_caller(problems):
    pool = {"instanceTypes": ["g4dn.xlrge"], "maxGpus": -1, "idleSecs": 30, "labels": {"my_team": 5}}

    assert problems("CudaVectorAdd", {"pool": pool, "replicas": -2}) == [
        "CudaVectorAdd x: pool.instanceTypes[0] instance type g4dn.xlrge is not in the catalog; nearest: g4dn.xlarge",
        "CudaVectorAdd x: pool.maxGpus must be at least 1, got -1",
        'CudaVectorAdd x: pool.labels.my_team must be a string, got 5; nearest: "5"',
        "CudaVectorAdd x: replicas must be at least 0, got -2",
        "CudaVectorAdd x: pool.idleSecs is not a known key; nearest: idleS",
    ]


def test_what_another_component_should_have_handed_out_is_judged_too(problems):
    wrong = {"pool": POOL, "cluster": {"name": "main", "region": 5}, "subnets": [{"zone": "us-west-2a"}, 3]}

    found = problems("GpuNodeGroup", {**wrong, "nodeRole": "a"})

    assert "GpuNodeGroup x: cluster.region must be a string, got 5" in found
    assert "GpuNodeGroup x: cluster.certificateAuthority is required" in found
    assert "GpuNodeGroup x: subnets[0].zoneId is required" in found
    assert "GpuNodeGroup x: subnets[1] must be a map, got 3" in found
    assert any(line.startswith("GpuNodeGroup x: nodeRole is not a known key") for line in found)


def test_a_key_of_python_is_none_of_the_package(problems):
    network = {"region": "us-west-2", "clusterName": "main", "settings": {"private_prefix": 20}}

    assert "Network x: settings.private_prefix is not a known key; nearest: privatePrefix" in problems(
        "Network", network
    )


def test_whole_numbers_are_told_as_whole_numbers(problems):
    assert problems("CudaVectorAdd", {"pool": {**POOL, "maxGpus": 1.5}, "replicas": -2.0}) == [
        "CudaVectorAdd x: pool.maxGpus must be a whole number, got 1.5",
        "CudaVectorAdd x: replicas must be at least 0, got -2",
    ]


def test_an_unknown_component_is_told_with_those_that_there_are(packaged):
    provider, served = packaged
    request = resource_pb2.RegisterResourceRequest(type="eks-gpu-components:index:Nope", name="x", remote=True)

    with pytest.raises(RuntimeError, match="has no component Nope; it has AutoModeGpuPool, "):
        provider.construct(request, served)
