"""import: what it refuses, all at once, and what a hostile file costs."""

import random
import resource
import time

import pytest

from eks_gpu.io.problems import InputError
from tests.found import every
from tests.imports import IMPORTED, cluster_config, gpu_group, imported, node_pool, write


def refused(file) -> list[str]:
    with pytest.raises(InputError) as refusal:
        imported(file)
    return refusal.value.problems


def of_text(folder, text: str | bytes) -> list[str]:
    file = folder / "given.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return refused(file)


def changed(**group):
    return cluster_config(managedNodeGroups=[gpu_group(**group)])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (cluster_config(metadata={"name": None}), "ClusterConfig: metadata.name is required"),
        (cluster_config(metadata={"region": None}), "ClusterConfig gaia: metadata.region is required"),
        (
            cluster_config(metadata={"version": 1.35}),
            "ClusterConfig gaia: metadata.version must be a text, got 1.35; nearest: '1.35', in quotes",
        ),
        (changed(name=None), "ClusterConfig gaia: managedNodeGroups[0].name is required"),
        (
            changed(maxSize="four"),
            "ClusterConfig gaia: managedNodeGroups[0].maxSize must be a whole number, got 'four'",
        ),
        (
            changed(maxSize=-1),
            "ClusterConfig gaia: managedNodeGroups[0].maxSize must be from 0 to 1000000, got -1; nearest: 0",
        ),
        (
            changed(labels={"gpu": True}),
            "ClusterConfig gaia: managedNodeGroups[0].labels.gpu must be a text, got true; nearest: 'true', in quotes",
        ),
        (changed(spot="yes"), "ClusterConfig gaia: managedNodeGroups[0].spot must be true or false, got 'yes'"),
        (
            changed(taints=[{"key": "a", "value": "b", "effect": "NoSchedul"}]),
            "ClusterConfig gaia: managedNodeGroups[0].taints[0].effect must be one of NoSchedule, PreferNoSchedule, "
            "NoExecute, got 'NoSchedul'; nearest: NoSchedule",
        ),
        (
            changed(instanceTypes="g6.xlarge"),
            "ClusterConfig gaia: managedNodeGroups[0].instanceTypes must be a list, got 'g6.xlarge'",
        ),
        (changed(iam=[]), "ClusterConfig gaia: managedNodeGroups[0].iam must be a map, got a list"),
        (
            node_pool(nodes={"nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass"}}),
            "NodePool gpu: spec.template.spec.nodeClassRef.name is required",
        ),
        (
            node_pool([{"key": "a", "operator": "Is", "values": ["b"]}]),
            "NodePool gpu: spec.template.spec.requirements[0].operator must be one of In, NotIn, Exists, DoesNotExist, "
            "Gt, Lt, Gte, Lte, got 'Is'",
        ),
        ({"kind": "NodePool", "metadata": {"name": "a"}, "spec": {}}, "NodePool: apiVersion is required"),
    ],
)
def test_a_wrong_field_is_told_with_its_line_object_and_path(document, problem, tmp_path):
    found = refused(write(tmp_path, document))
    assert problem in [text.split(": ", 1)[1] for text in found], found
    assert all(text.partition(":")[2].split(":")[0].isdigit() for text in found)


def test_all_problems_of_all_documents_are_told_at_once(tmp_path):
    file = write(tmp_path, changed(maxSize="four", labels={"a": 1}), node_pool(spec={"weight": 0}))
    assert [text.split(" must ")[0].rpartition(" ")[2] for text in refused(file)] == [
        "managedNodeGroups[0].maxSize",
        "managedNodeGroups[0].labels.a",
        "spec.weight",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "given.yaml: must have one object or more, such as AWSNodeTemplate"),
        ("---\nnull\n---\n", "given.yaml: must have one object or more, such as AWSNodeTemplate"),
        ("- 1\n", "given.yaml:1: must be a Kubernetes object or a ClusterConfig, got a list"),
        ("hello", "given.yaml:1: must be a Kubernetes object or a ClusterConfig, got 'hello'"),
        ("a: [1, 2", "given.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        (
            "a:\n\tb: 1",
            "given.yaml:2:1: not valid YAML: a tab must not stand before a key or a value",
        ),
        ("a: 1\na: 2\n", "given.yaml:2: a must be there once, it is on line 1 too"),
        ("a: !!python/object:os.system x", "given.yaml:1: tag !!python/object:os.system must be left out"),
        ("a: !Ref x", "given.yaml:1: tag !Ref must be left out"),
        ("a: *b", "given.yaml:1: not valid YAML: no anchor 'b' before its alias"),
        ("a: &a [*a]", "given.yaml:1: not valid YAML: no anchor 'a' before its alias"),
        ("? [a]\n: b", "given.yaml:1: not valid YAML: a key must be a text"),
        ("a: \x00", "given.yaml:1: not valid YAML: must be UTF-8, got byte 0x00"),
        (b"a: 1\nb: \xff", "given.yaml:2: not valid YAML: must be UTF-8, got byte 0xff"),
        ("[" * 100, "given.yaml:1: must be at most 64 levels deep"),
        ("a: " * 3000, "given.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("{a: " * 3000, "given.yaml:1: must be at most 64 levels deep"),
        ("a: &a 1\n<<: *a", "given.yaml:2: << must name a map, got 1"),
        ("x: " + "9" * 100_000, "given.yaml:1: kind is required"),
        ("kind: [NodePool]", "given.yaml:1: kind must be a text, got a list"),
        (
            "kind: NodePool\napiVersion: karpenter.sh/v1\nmetadata: 3",
            "given.yaml:3: NodePool: metadata must be a map, got 3",
        ),
    ],
)
def test_a_file_that_is_no_such_yaml_is_told_where(text, problem, tmp_path):
    assert of_text(tmp_path, text)[0].startswith(problem)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_told(name, tmp_path):
    (problem,) = refused(tmp_path / name)
    assert ": cannot be read: " in problem


def bomb() -> str:
    """A billion, by nine levels of ten aliases each."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "\n".join(levels)


HOSTILE = {
    "aliases": bomb,
    "aliases of maps": lambda: bomb().replace("[", "{k: [").replace("]", "]}"),
    "large": lambda: "a: b\n" * 2_000_000,
    "values": lambda: "- a\n" * 1_000_000,
    "open lists": lambda: "[" * 1_000_000,
    "one key": lambda: "a" * 3_000_000 + ": b",
    "pools": lambda: (
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a, region: us-west-2}\n"
        "nodeGroups:\n" + "- {name: a, instanceType: g6.xlarge}\n" * 9000
    ),
    "objects": lambda: "kind: Pod\n---\n" * 20_000,
    "angles": lambda: (
        "kind: ClusterConfig\napiVersion: eksctl.io/v1alpha5\nmetadata: {name: a, region: '" + "<" * 10**6 + "'}"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little(name, tmp_path):
    file = tmp_path / "given.yaml"
    file.write_text(HOSTILE[name]())
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        imported(file)
    except InputError as refusal:
        assert len(str(refusal)) < 10_000_000
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


@pytest.mark.parametrize(
    "names", [["x" * 20 + str(i) for i in range(20_000)], ["g6.xlarge"] * 20_000], ids=["none", "one"]
)
def test_a_list_of_many_instance_types_is_read_in_time(names, tmp_path):
    file = write(tmp_path, changed(instanceType=None, instanceTypes=names))
    start = time.process_time()
    imported(file)
    assert time.process_time() - start < 5


WORDS = [
    "",
    "~",
    "[]",
    "{}",
    "true",
    "1",
    "-1",
    "9" * 30,
    "a: b",
    "&x",
    "*x",
    "!!int",
    "'",
    '"',
    "|",
    ">",
    "#",
    "- ",
    "\t",
    "%",
]


@pytest.mark.parametrize("file", sorted(IMPORTED.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_file_with_some_of_it_broken_is_read_or_refused(file, tmp_path):
    lines, chance, given = file.read_text().splitlines(), random.Random(1), tmp_path / "given.yaml"
    for _ in range(60):
        broken = list(lines)
        for _ in range(chance.randint(1, 3)):
            where = chance.randrange(len(broken))
            key, colon, _ = broken[where].partition(":")
            broken[where] = chance.choice(
                ["", f"{key}{colon} {chance.choice(WORDS)}", broken[where][1:], chance.choice(WORDS)]
            )
        given.write_text("\n".join(broken))
        try:
            imported(given)
        except InputError as refusal:
            assert all(problem.startswith("given.yaml") for problem in every(refusal.problems))
