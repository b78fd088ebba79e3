"""The node that an empty group is expected to start, against the cluster autoscaler's own code in the lab's version."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import eks_gpu.lab
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.lab.go import environment, module_folder
from eks_gpu.pools.autoscaler_template import NodeAtZero, node_at_zero
from eks_gpu.pools.pool import MANAGED_NODE_GROUP, Pool
from eks_gpu.pools.readers import pools
from eks_gpu_components.catalog import TAINT_EFFECTS, instance_type, instance_types
from tests.graphs import gpu_group, launch_template, managed_group, managed_template, overrides, resource, subnet, tags
from tests.programs import PROGRAMS, plan_of

MODULES = Path(eks_gpu.lab.__file__).parent / "tools" / "autoscaler"
SOURCES = Path(__file__).parent / "autoscaler_template"
AUTOSCALER, PACKAGE = "k8s.io/autoscaler/cluster-autoscaler", "cloudprovider/aws"
TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
GENERATED, SEED = 300, 11

Asked = tuple[Resource, Pool]


@pytest.fixture(scope="module")
def autoscaler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of the autoscaler's own package of AWS, with a file beside it that asks for what it keeps to itself."""
    if not shutil.which("go"):
        pytest.skip("Go is not there to build the autoscaler's package with")
    folder = tmp_path_factory.mktemp("autoscaler")
    (folder / "aws").mkdir()
    for file in (MODULES / "go.mod", MODULES / "go.sum", SOURCES / "main.go"):
        shutil.copyfile(file, folder / file.name)
    for file in (module_folder(MODULES, AUTOSCALER) / PACKAGE).glob("*.go"):
        if not file.name.endswith("_test.go"):
            shutil.copyfile(file, folder / "aws" / file.name)
    shutil.copyfile(SOURCES / "shim.go", folder / "aws" / "eks_gpu_shim.go")
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", "program", "."]
    done = subprocess.run(command, cwd=folder, env=environment(MODULES), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "program"


@pytest.mark.minutes(1)
def test_the_node_of_every_committed_group_is_the_autoscalers(autoscaler):
    asked = [
        found
        for folder, stack in PROGRAMS
        for plan in [plan_of(folder, stack)]
        for found in groups(plan.graph, plan.region)
    ]
    listed = judged(autoscaler, asked)
    assert len(asked) >= 10
    print(f"groups of committed stacks: {len(asked)}, of types that the autoscaler lists: {listed}, disagreements: 0")


def test_the_node_of_generated_groups_is_the_autoscalers(autoscaler):
    """Whatever tags, labels and taints they have, those that the autoscaler cannot read too."""
    draw = random.Random(SEED)
    asked = [found for number in range(GENERATED) for found in groups(generated(draw, number), "us-west-2")]
    listed = judged(autoscaler, asked)
    assert len(asked) == GENERATED
    print(f"generated groups: {len(asked)}, of types that the autoscaler lists: {listed}, disagreements: 0")
    assert listed > GENERATED // 2


def groups(graph: Graph, region: str) -> Iterator[Asked]:
    for pool in pools(graph, region):
        if pool.template is not None and pool.types:
            found = graph.get(pool.urn)
            assert found
            yield found, pool


# --- both answers ----------------------------------------------------------------------------------------------------


def judged(program: Path, asked: list[Asked]) -> int:
    """How many of the groups have a type that the autoscaler lists itself; fails where a node is another."""
    done = subprocess.run(
        [program], input=json.dumps([group(*each) for each in asked]), capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout)
    differing = [
        f"{pool.name}: {key} {ours[key]} and {theirs[key]}"
        for (_, pool), answer in zip(asked, answers, strict=True)
        for ours, theirs in [(of_ours(node_at_zero(pool)), of_theirs(answer))]
        for key in ours
        if ours[key] != theirs[key]
    ]
    assert differing == []
    return sum(answer["listed"] for answer in answers)


def of_ours(node: NodeAtZero | None) -> dict[str, Any]:
    assert node
    amounts = {name: (value * 10**9).numerator for name, value in node.resources.items()}
    assert all((Fraction(value) * 10**9).denominator == 1 for value in node.resources.values())
    taints = {(taint.key, taint.value, taint.effect) for taint in node.taints}
    return {"labels": dict(node.labels), "taints": taints, "capacity": amounts, "allocatable": amounts}


def of_theirs(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the node's name, which is drawn, and taints of an effect that Kubernetes lacks: they do nothing."""
    assert not answer["problem"], answer
    labels = {key: value for key, value in answer["labels"].items() if key != "kubernetes.io/hostname"}
    taints = {tuple(taint) for taint in answer["taints"] or () if taint[2] in TAINT_EFFECTS}
    capacity = {name: value or 0 for name, value in answer["capacity"].items()}
    allocatable = {name: value or 0 for name, value in answer["allocatable"].items()}
    return {"labels": labels, "taints": taints, "capacity": capacity, "allocatable": allocatable}


# --- a group as AWS describes it -------------------------------------------------------------------------------------


def group(made: Resource, pool: Pool) -> dict[str, Any]:
    managed = pool.backend == MANAGED_NODE_GROUP
    own = {"eks:cluster-name": pool.cluster, "eks:nodegroup-name": pool.name} if managed else {}
    row = instance_type(pool.instance_types[0])
    known = {"VCPU": row.vcpus, "MemoryMb": row.memory_mib, "GPU": row.gpus, "Architecture": row.architecture}
    return {
        "name": pool.name,
        "zones": pool.zones or [f"{pool.region}a"],
        "types": pool.instance_types,
        "tags": list((dict(pool.tags) | own).items()),
        "managed": node_group(made, pool) if managed else None,
        "known": {row.name: known},
    }


def node_group(made: Resource, pool: Pool) -> dict[str, Any]:
    """EKS's answer to DescribeNodegroup: it has no empty value of a taint."""
    taints = [
        {key.capitalize(): value for key, value in taint.items() if value} for taint in made.inputs.get("taints") or ()
    ]
    fields = {
        "ClusterName": pool.cluster,
        "NodegroupName": pool.name,
        "Labels": made.inputs.get("labels"),
        "Taints": taints,
        "Tags": made.inputs.get("tags"),
        "AmiType": made["amiType"],
        "CapacityType": made["capacityType"] or "ON_DEMAND",
        "DiskSize": made["diskSize"],
        "Version": made["version"],
    }
    return {name: value for name, value in fields.items() if value is not None}


# --- generated groups ------------------------------------------------------------------------------------------------

NAMES = (
    "team",
    "example.com/pool",
    "nvidia.com/gpu",
    "nvidia.com/gpu.present",
    "k8s.amazonaws.com/accelerator",
    "a.b/c",
)
RESOURCES = ("nvidia.com/gpu", "ephemeral-storage", "vpc.amazonaws.com/efa", "aws.amazon.com/neuron", "cpu", "memory")
RESOURCES += ("pods", "hugepages-2Mi", "example.com/licence")
AMOUNTS = (
    "1",
    "8",
    "0",
    "100Gi",
    "1.5Gi",
    "89Gi",
    "500m",
    "2e3",
    "1E",
    "0.1n",
    "17Ti",
    "8 ",
    "many",
    "",
    "1GB",
    "-1",
    "1,5",
)
TAINTS = (
    "true:NoSchedule",
    ":NoExecute",
    "x:PreferNoSchedule",
    "true",
    "NoSchedule",
    "a:b:NoSchedule",
    "x:NoScheduleX",
    ":",
)
EFFECTS = ("NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE")
VALUES = ("true", "ml", "", "nvidia-l4", "a.b_c-d")
TYPES = sorted(row.name for row in instance_types())


def generated(draw: random.Random, number: int) -> Graph:
    """One group: of one's own, or managed with tags on the auto scaling group that EKS makes of it."""
    name = f"group-{number}"
    chosen = draw.sample(TYPES, draw.randint(1, 3))
    told = {key: value for make in (_labels, _taints, _resources, _others) for key, value in make(draw)}
    subnets = draw.choice((["subnet-a"], ["subnet-b", "subnet-a"]))
    network = (subnet("a"), subnet("b"))
    if draw.random() < 0.5:
        policy = overrides(*chosen)
        made = gpu_group(name, mixedInstancesPolicy=policy, tags=tags(told), vpcZoneIdentifiers=subnets)
        return Graph([made, launch_template(), *network])
    given: dict[str, Any] = {
        "instanceTypes": chosen,
        "subnetIds": subnets,
        "capacityType": draw.choice(("SPOT", "ON_DEMAND")),
        "labels": dict(_some(draw, NAMES, VALUES)),
        "tags": dict(_resources(draw)) | {f"{TEMPLATE}/label/unread": "true"},
        "taints": [
            {"key": key, "value": value, "effect": draw.choice(EFFECTS)} for key, value in _some(draw, NAMES, VALUES)
        ],
    }
    given |= {"version": "1.35"} if draw.random() < 0.3 else {}
    given |= {"launchTemplate": None, "diskSize": 40} if draw.random() < 0.3 else {}
    more = [
        resource(
            "aws:autoscaling/tag:Tag",
            f"tag-{index}",
            {"autoscalingGroupName": f"eks-{name}", "tag": {"key": key, "value": value, "propagateAtLaunch": False}},
        )
        for index, (key, value) in enumerate(told.items())
    ]
    return Graph([managed_group(name, **given), managed_template(), *network, *more])


def _some(draw: random.Random, keys: tuple[str, ...], values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(key, draw.choice(values)) for key in draw.sample(keys, draw.randint(0, 3))]


def _labels(draw: random.Random) -> Iterator[tuple[str, str]]:
    yield from ((f"{TEMPLATE}/label/{key}", value) for key, value in _some(draw, (*NAMES, "kubernetes.io/os"), VALUES))


def _taints(draw: random.Random) -> Iterator[tuple[str, str]]:
    yield from ((f"{TEMPLATE}/taint/{key}", value) for key, value in _some(draw, NAMES, TAINTS))


def _resources(draw: random.Random) -> Iterator[tuple[str, str]]:
    yield from ((f"{TEMPLATE}/resources/{key}", value) for key, value in _some(draw, RESOURCES, AMOUNTS))


def _others(draw: random.Random) -> Iterator[tuple[str, str]]:
    """Tags that are not for the template, or only look as if they were, or have its words after others."""
    told = (
        ("Name", "gpu"),
        ("k8s.io/cluster-autoscaler/enabled", "true"),
        (f"{TEMPLATE}/autoscaling-options/scaledownunneededtime", "60s"),
        ("eks:department", "ml"),
        ("mine-eks:place", "here"),
        (f"{TEMPLATE}/label/", "nothing"),
        (f"{TEMPLATE}/resources/", "1"),
        (f"before-{TEMPLATE}/label/behind", "true"),
        (f"before-{TEMPLATE}/taint/behind", "x:NoSchedule"),
        (f"before-{TEMPLATE}/resources/behind", "3"),
        (f"{TEMPLATE}/Label/wrong", "true"),
        ("k8s.io/cluster-autoscaler/node-template/taints/wrong", "x:NoSchedule"),
    )
    yield from draw.sample(told, draw.randint(0, 4))
