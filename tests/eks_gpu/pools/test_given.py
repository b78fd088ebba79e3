"""Pools of another stack: given in a file, they take pods and are judged by no check."""

import json
import textwrap
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from eks_gpu.commands.main import app
from eks_gpu.graph.graph import Graph
from eks_gpu.io.problems import InputError
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.pools.given import given_pools
from tests.graphs import TODAY, cluster, gpu_work, managed_group
from tests.karpenter_graphs import node_class, node_pool

SUBNETS = [{"id": "subnet-1", "zone": "us-west-2b", "zoneID": "usw2-az2"}]


def printed(*objects: dict) -> str:
    """As kubectl prints several kinds: one List."""
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def live(made, **status) -> dict:
    return {**made.inputs, **({"status": status} if status else {})}


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "pools.yaml"
    path.write_text(printed(live(node_pool(name="shared")), live(node_class(), subnets=SUBNETS)))
    return path


def analysed(file: Path, *stack) -> Analysis:
    return analyse(Graph(stack), "us-west-2", TODAY, given=given_pools(file))


def test_a_given_pool_takes_the_pods_of_a_stack(file):
    found = analysed(file, gpu_work())

    (work,) = found.workloads
    assert found.admitted_by(work) == ["shared"]
    assert {each.subject: each.passed for each in found.findings if each.id == "workloads-are-admitted"} == {
        str(work): True
    }
    assert next(item.quantity for item in found.cost.steady.items if "pool shared" in item.name) == 2


def test_a_given_pool_is_in_the_zones_of_its_class(file):
    (pool,) = analysed(file).pools

    row = pool.as_json()
    assert (row["name"], row["backend"], row["zones"], row["given"]) == ("shared", "karpenter", ["us-west-2b"], True)


def test_a_given_pool_joins_the_one_cluster_of_the_stack(file):
    assert [pool.cluster for pool in analysed(file, cluster("north")).pools] == ["north"]


def test_no_check_judges_a_given_pool(tmp_path):
    untainted = tmp_path / "pools.yaml"
    untainted.write_text(printed(live(node_pool(name="shared", template={"taints": []}))))
    own = managed_group("gpu", instanceTypes=["g5.xlarge"], taints=[])
    found = analysed(untainted, cluster(), own)

    tainted = [(each.subject, each.passed) for each in found.findings if each.id == "gpu-nodes-are-tainted"]
    assert tainted == [("gpu", False)]
    assert all(each.subject != "shared" for each in found.findings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not valid YAML"),
        ("{kind: Pod, apiVersion: v1}", "kind must be one of NodePool, EC2NodeClass, NodeClass, got Pod"),
        ("{kind: NodePool, apiVersion: karpenter.sh/v1beta1}", "apiVersion of NodePool must be karpenter.sh/v1"),
        ("{kind: NodePool, apiVersion: karpenter.sh/v1}", "NodePool needs metadata.name"),
        ("{kind: NodePool, apiVersion: karpenter.sh/v1, metadata: {name: a}}", "NodePool a needs spec"),
        ("{kind: List, items: [1]}", "must be an object of kind NodePool, EC2NodeClass, NodeClass, got int"),
        ("{kind: List, items: []}", "must hold a NodePool, as `kubectl get nodepools,"),
        (
            "{kind: NodePool, apiVersion: karpenter.sh/v1, metadata: {name: a}, spec: {replicas: many}}",
            "NodePool a is not as its kind has it",
        ),
    ],
)
def test_a_file_of_something_else_is_one_message(tmp_path, text, said):
    path = tmp_path / "pools.yaml"
    path.write_text(text)

    with pytest.raises(InputError) as error:
        given_pools(path)
    (problem,) = error.value.problems
    assert problem.startswith(f"{path}:")
    assert said in problem


PROGRAM = """
import pulumi_kubernetes as k8s
k8s.yaml.v2.ConfigFile("work", file="work.yaml")
"""


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("{name: shop, runtime: python}")
    (folder / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}")
    (folder / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    (folder / "work.yaml").write_text(yaml.safe_dump(dict(gpu_work().inputs)))
    return folder


def ran(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_plan_and_explain_take_the_file(project, file):
    told = json.loads(ran("plan", project, "--pools", file, "--json", "-").stdout)
    assert [pool["name"] for pool in told["pools"]] == ["shared"]
    assert [row["admitted_by"] for row in told["workloads"]] == [["shared"]]

    explained = ran("explain", project / "work.yaml", project, "--pools", file, "--json", "-")
    assert explained.exit_code == 0
    assert [pool["pool"] for pool in json.loads(explained.stdout)["pools"]] == ["shared"]


def test_check_takes_the_file(tmp_path, file):
    work = gpu_work()
    row = {"urn": work.urn, "type": work.type, "custom": True, "inputs": dict(work.inputs)}
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"deployment": {"resources": [row]}}))

    told = json.loads(ran("check", "--state", state, "--region", "us-west-2", "--pools", file, "--json", "-").stdout)
    assert [row["admitted_by"] for row in told["workloads"]] == [["shared"]]
