"""The policy pack as the engine runs it: a process that is asked over gRPC, in an environment of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from eks_gpu.checks import CHECKS
from eks_gpu.graph.graph import Graph, Resource
from tests.found import every
from tests.programs import PROGRAMS, plan_of

PACK = Path(__file__).parent.parent / "policy"
PYTHON = PACK / ".venv" / "bin" / "python"
MANDATORY, ADVISORY = analyzer_pb2.MANDATORY, analyzer_pb2.ADVISORY
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"


@pytest.fixture(scope="module")
def pack() -> Iterator[Any]:
    assert PYTHON.exists(), "the pack's environment is missing: tools/policy_environment python3"
    command = [str(PYTHON), "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PACK) as process:
        assert process.stdout
        channel = grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}")
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
        channel.close()
        process.terminate()


def struct(value: Any) -> struct_pb2.Struct:
    return json_format.ParseDict(json.loads(json.dumps(value)), struct_pb2.Struct())


PROVIDER = analyzer_pb2.AnalyzerProviderResource(
    type="pulumi:providers:aws",
    urn="urn:pulumi:s::p::pulumi:providers:aws::a",
    name="a",
    properties=struct({"region": "us-west-2"}),
)


def resource(made: Resource) -> analyzer_pb2.AnalyzerResource:
    sources = {
        name: analyzer_pb2.AnalyzerPropertyDependencies(urns=sorted(urns))
        for name, urns in made.property_dependencies.items()
    }
    return analyzer_pb2.AnalyzerResource(
        type=made.type,
        urn=made.urn,
        name=made.name,
        parent=made.parent,
        properties=struct(made.inputs),
        dependencies=sorted(made.dependencies),
        propertyDependencies=sources,
        provider=PROVIDER if made.custom else None,
        options=analyzer_pb2.AnalyzerResourceOptions(ignoreChanges=made.options.get("ignoreChanges", [])),
    )


def violations(pack: Any, graph: Graph) -> list[tuple[str, str, int]]:
    """Policy, message and level, over the whole stack."""
    found = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=map(resource, graph)))
    return [(each.policyName, each.message, each.enforcementLevel) for each in found.diagnostics]


def violations_alone(pack: Any, made: Resource) -> list[str]:
    request = analyzer_pb2.AnalyzeRequest(
        type=made.type, urn=made.urn, name=made.name, properties=struct(made.inputs), provider=PROVIDER
    )
    return [each.policyName for each in pack.Analyze(request).diagnostics]


def changed(graph: Graph, type_: str, change: Any) -> Graph:
    found = []
    for made in graph:
        if made.type == type_:
            inputs = json.loads(json.dumps(made.inputs))
            change(inputs)
            made = Resource(**{**vars(made), "inputs": inputs})
        found.append(made)
    return Graph(found)


def uncapped(inputs: dict[str, Any]) -> None:
    del inputs["spec"]["limits"]


def test_there_is_a_policy_of_the_stack_for_every_check_as_severe_as_the_check(pack):
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    levels = {policy.name: policy.enforcementLevel for policy in info.policies}
    assert info.name == "eks-gpu"
    assert CHECKS.keys() <= levels.keys()
    assert levels["gpu-pools-are-capped"] == levels["gpu-pools-are-capped-of-resource"] == MANDATORY
    assert levels["packing-cannot-cost-more"] == ADVISORY


@pytest.mark.parametrize(("folder", "stack"), PROGRAMS)
def test_every_stack_of_ours_is_accepted(pack, folder, stack):
    graph = plan_of(folder, stack).graph
    assert [each for each in violations(pack, graph) if each[2] == MANDATORY] == []
    for made in every(made for made in graph if made.custom):
        assert violations_alone(pack, made) == [], made.urn


def test_a_stack_with_a_fault_is_refused_and_told_the_fix(pack):
    graph = changed(plan_of("examples/karpenter-inference", "dev").graph, NODE_POOL, uncapped)
    found = {policy: (message, level) for policy, message, level in violations(pack, graph)}
    message, level = found["gpu-pools-are-capped"]
    assert level == MANDATORY
    assert "gpu: " in message
    assert "Fix: " in message


def test_a_resource_with_a_fault_is_refused_before_the_rest_is_known(pack):
    graph = changed(plan_of("examples/karpenter-inference", "dev").graph, NODE_POOL, uncapped)
    assert violations_alone(pack, graph.one(NODE_POOL)) == ["gpu-pools-are-capped-of-resource"]


def test_what_a_preview_does_not_know_yet_is_no_fault(pack):
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    def later(inputs: dict[str, Any]) -> None:
        inputs["spec"]["template"]["spec"]["nodeClassRef"]["name"] = unknown

    graph = changed(plan_of("examples/karpenter-inference", "dev").graph, NODE_POOL, later)
    assert violations_alone(pack, graph.one(NODE_POOL)) == []


def test_a_check_without_a_verdict_is_not_applicable_and_says_why(pack):
    def later(inputs: dict[str, Any]) -> None:
        inputs["spec"]["limits"] = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    graph = changed(plan_of("examples/karpenter-inference", "dev").graph, NODE_POOL, later)
    assert "gpu-pools-are-capped" not in {policy for policy, *_ in violations(pack, graph)}
    found = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=map(resource, graph))).not_applicable
    reasons = {each.policy_name: each.reason for each in found}
    name = graph.one(NODE_POOL).name
    said = f"not judged: gpu: it needs spec.limits of {name}, which only pulumi up will tell"
    assert reasons["gpu-pools-are-capped"] == said


def test_a_check_can_be_made_advisory_or_turned_off(pack):
    graph = changed(plan_of("examples/karpenter-inference", "dev").graph, NODE_POOL, uncapped)

    def configure(level: int) -> None:
        config = analyzer_pb2.PolicyConfig(enforcementLevel=level)  # pyright: ignore[reportArgumentType] - any number
        pack.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"gpu-pools-are-capped": config}))

    try:
        configure(ADVISORY)
        levels = {policy: level for policy, _, level in violations(pack, graph)}
        assert levels["gpu-pools-are-capped"] == ADVISORY
        configure(analyzer_pb2.DISABLED)
        assert "gpu-pools-are-capped" not in {policy for policy, *_ in violations(pack, graph)}
    finally:
        configure(MANDATORY)
