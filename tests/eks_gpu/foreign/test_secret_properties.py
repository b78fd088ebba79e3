"""Any property of any resource may be secret: a stack is judged all the same, and nothing secret is printed."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eks_gpu.commands import check as command
from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.manifest_files import write_manifests
from eks_gpu.graph.values import MASK, decoded, replaced
from eks_gpu.io.problems import InputError
from eks_gpu.plan.analysis import analyse
from tests.programs import ROOT, plan_of

DAY = date(2026, 11, 24)
STATES = sorted((ROOT / "tests" / "recorded").glob("*.state.json"))
SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


DECIDING = {
    "aws:autoscaling/group:Group",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:eks/cluster:Cluster",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:helm.sh/v3:Release",
    "pulumi:providers:aws",
}
"""Types whose properties decide which nodes and pods there are."""


def encrypted(_: Any) -> dict[str, Any]:
    return {**SIGNATURE, "ciphertext": "v1:AAAA"}


def in_the_clear(value: Any) -> dict[str, Any]:
    return {**SIGNATURE, "plaintext": json.dumps(value)}


def with_secret(told: documents.Document, at: int, key: str, secret: Any) -> documents.Document:
    one = told.registered[at]
    changed = {
        kind: {**values, key: secret(values[key])} if key in values else values
        for kind, values in (("inputs", one.inputs), ("outputs", one.outputs))
    }
    rows = [*told.registered[:at], one.model_copy(update=changed), *told.registered[at + 1 :]]
    return replace(told, registered=tuple(rows))


def properties(told: documents.Document) -> Iterator[tuple[int, str]]:
    """Each of each type once."""
    seen = set()
    for at, one in enumerate(told.registered):
        for key in one.inputs:
            if not key.startswith("__") and (one.type, key) not in seen:
                seen.add((one.type, key))
                yield at, key


STEP = 6
"""Every so many places one is tried; `tests/e2e/test_laws.py` tries all."""


@pytest.mark.parametrize("file", STATES, ids=lambda file: file.stem)
def test_any_property_of_a_state_may_be_encrypted(file):
    told = documents.state(file)
    refused = []
    for number, (at, key) in enumerate(properties(told)):
        if number % STEP and not told.registered[at].type.startswith("pulumi:providers:"):
            continue
        try:
            judge(foreign(with_secret(told, at, key, encrypted)), DAY).as_json()
        except InputError as error:
            refused.append((told.registered[at].type, key, str(error).partition(":")[0]))
    assert refused == [("pulumi:providers:aws", "region", "--region")]


@pytest.mark.parametrize("file", STATES, ids=lambda file: file.stem)
def test_a_secret_in_the_clear_is_judged_as_any_other_value(file):
    told = documents.state(file)
    plain = judge(foreign(told), DAY)
    said = [finding.as_json() for finding in plain.findings]
    deciding = [(at, key) for at, key in properties(told) if told.registered[at].type in DECIDING]
    for at, key in deciding[:: STEP // 2 or 1]:
        found = judge(foreign(with_secret(told, at, key, in_the_clear)), DAY)
        assert [finding.as_json() for finding in found.findings] == said, (told.registered[at].type, key)
        assert found.analysis.cost.max.hourly == plain.analysis.cost.max.hourly


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*at, key)
        yield from places(item, (*at, key))


def masked(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return MASK
    changed = copy.copy(value)
    changed[path[0]] = masked(value[path[0]], path[1:])
    return changed


def with_hidden(resource: Resource, path: tuple[Any, ...]) -> Resource:
    outputs = {key: value for key, value in resource.outputs.items() if key != path[0]}
    return replace(resource, inputs=replaced(decoded(masked(resource.inputs, path)), {}, resource.urn), outputs=outputs)


@pytest.mark.parametrize(
    ("folder", "types", "count"), [(".", "kubernetes:karpenter", 40), ("examples/gpu-operator", "", 400)]
)
def test_any_value_of_a_plan_may_be_unknown_at_any_depth(folder, types, count):
    plan = plan_of(folder, "dev")
    rows, seen = list(plan.graph), set()
    for at, resource in enumerate(rows):
        for path in places(resource.inputs):
            kind = (resource.type, *("[]" if isinstance(part, int) else part for part in path))
            if kind not in seen and resource.type.startswith(types):
                seen.add(kind)
                if len(seen) % STEP:
                    continue
                analyse(Graph([*rows[:at], with_hidden(resource, path), *rows[at + 1 :]]), plan.region, DAY)
    assert len(seen) > count


SPEC = {"template": {"spec": {"containers": [{"name": "a", "image": "b", "env": [{"name": "A", "value": "S3CRET"}]}]}}}


def state_of(spec: Any, tmp_path: Path) -> Path:
    urn = "urn:pulumi:dev::shop::kubernetes:apps/v1:Deployment::front"
    provider = {"urn": "urn:pulumi:dev::shop::pulumi:providers:aws::a", "type": "pulumi:providers:aws", "custom": True}
    inputs = {"metadata": {"name": "front"}, "spec": spec}
    front = {"urn": urn, "type": "kubernetes:apps/v1:Deployment", "custom": True, "inputs": inputs, "outputs": inputs}
    rows = [{**provider, "inputs": {"region": "us-west-2"}}, front]
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": rows}}))
    return file


def checked(file: Path) -> Any:
    import typer

    app = typer.Typer()
    app.command()(command.check)
    return CliRunner().invoke(app, ["--state", str(file), "--json", "-"])


def test_a_secret_spec_is_told_where_it_cannot_be_read(tmp_path):
    ran = checked(state_of(encrypted(None), tmp_path))
    assert ran.exit_code == 0, ran.output
    assert (
        "spec of front (kubernetes:apps/v1:Deployment): secret and encrypted, so not read"
        in json.loads(ran.stdout)["assumed"]
    )
    (front,) = json.loads(ran.stdout)["workloads"]
    assert [front[key] for key in ("replicas", "min_replicas", "max_replicas")] == [None, None, None]
    bills = json.loads(ran.stdout)["cost"]
    assert [bills[level]["hourly"] for level in ("idle", "steady", "demand_max")] == [0.0, None, None]


def test_a_secret_spec_is_read_where_it_is_in_the_clear_and_not_printed(tmp_path):
    ran = checked(state_of(in_the_clear(SPEC), tmp_path))
    assert [workload["name"] for workload in json.loads(ran.stdout)["workloads"]] == ["front"]
    assert "S3CRET" not in ran.output


def test_a_state_of_kubernetes_alone_needs_no_region(tmp_path):
    file = state_of(in_the_clear(SPEC), tmp_path)
    data = json.loads(file.read_text())
    del data["deployment"]["resources"][0]
    file.write_text(json.dumps(data))
    answer = json.loads(checked(file).stdout)
    assert (answer["region"], [each["name"] for each in answer["workloads"]]) == (None, ["front"])


def test_what_is_written_of_a_graph_holds_no_secret(tmp_path):
    told = foreign(documents.state(state_of(in_the_clear(SPEC), tmp_path)))
    assert write_manifests(told.graph, tmp_path / "objects") == 1
    (file,) = (tmp_path / "objects").glob("*.yaml")
    assert "S3CRET" not in file.read_text()
    assert "[secret]" in file.read_text()
