"""A plan as text: what is not read, and what is not judged, stands where a reader looks for it."""

import pytest

from eks_gpu.checks import Finding
from eks_gpu.plan.render import render
from eks_gpu.report.words import accelerators
from tests import reports
from tests.console import broken_words, shown
from tests.graphs import cluster, cpu_work, gpu_group, gpu_work, healthy, managed_group, overrides, resource
from tests.karpenter_graphs import healthy as on_karpenter
from tests.karpenter_graphs import karpenter, node_overlay, node_pool
from tests.programs import IDS, PROGRAMS, plan_of

FLEET = resource("aws:ec2/fleet:Fleet", "spare", {})


def text(*resources, width=100):
    return shown(render(reports.plan(*resources)), width)


def between(said: str, start: str, end: str) -> list[str]:
    """The lines of a section, without those around it."""
    lines = [line.strip() for line in said.splitlines()]
    return [line for line in lines[lines.index(start) + 1 : lines.index(end)] if line]


def test_a_stack_without_a_pool_that_is_read_does_not_say_that_it_has_none():
    said = text(cluster(), cpu_work(), FLEET)
    assert between(said, "Pools", "Workloads") == ["none is read: nodes of Fleet spare are not read"]
    assert "not known" in between(said, "Workloads", "Cost")[-2]
    assert between(text(cluster()), "Pools", "Workloads") == ["none"]
    assert "no pool" in between(text(cluster(), cpu_work()), "Workloads", "Cost")[-2]


def test_the_section_of_what_is_not_read_has_a_row_for_each_reason():
    more = [resource("aws:ec2/fleet:Fleet", f"spare-{n}", {}) for n in range(4)]
    said = text(cluster(), *more, resource("aws-native:ec2:Subnet", "one", {}))
    assert between(said, "Not read", "Checks") == [
        "nodes   Fleet spare-0, Fleet spare-1, Fleet spare-2 and 1 more: a fleet of EC2 instances may start",
        "nodes, and the planner does not read it",
        "fix: make the nodes with a node group, an auto scaling group or a node pool, which are read",
        "network Subnet one: networks are read of the AWS provider only",
        "fix: make it with the AWS provider, pulumi_aws",
    ]
    assert "Not read" not in text(cluster()).splitlines()


def test_a_sum_says_that_it_leaves_something_out_and_what():
    said = text(cluster(), FLEET)
    assert "at least 73" in said
    assert "- idle at least 73, steady at least 73, demand_max at least 73, max at least 73 USD a month:" in said
    assert "nodes of Fleet spare are not read" in said
    assert "at least" not in text(cluster())


def test_what_is_not_judged_is_counted_and_named_once_for_its_reason():
    both = [Finding("one-zone-a-gpu-group", name, None, "it needs subnetIds") for name in ("gpu", "fast")]
    said = shown(render(reports.with_findings(reports.plan(), *both)), 120)
    checks = [line.strip() for line in said.splitlines()]
    at = checks.index("?  one-zone-a-gpu-group: gpu, fast")
    assert checks[at + 1] == "it needs subnetIds"
    assert any(line.endswith("0 fail, 0 warn, 2 not judged") for line in checks)
    assert "not judged" not in shown(render(reports.plan()), 120)


def sizes(*resources, pool: str = "gpu") -> tuple[list[str], str]:
    """A pool's nodes and GPUs in the text, and its GPUs in the report."""
    made = reports.plan(*resources)
    (line,) = [
        line.split() for line in between(shown(render(made), 100), "Pools", "Workloads") if line.split()[0] == pool
    ]
    (found,) = [found for found in made.analysis.pools if found.name == pool]
    return line[1:], accelerators(found)


@pytest.mark.parametrize(
    ("types", "least", "most", "line", "report"),
    [
        (["g4dn.12xlarge"], 2, 4, ["2..4", "8..16"], "8 to 16 GPUs"),
        (["g4dn.12xlarge"], 0, 4, ["0..4", "0..16"], "up to 16 GPUs"),
        (["g4dn.12xlarge"], 2, 2, ["2", "8"], "8 GPUs"),
        (["g4dn.xlarge", "g4dn.12xlarge"], 2, 4, ["2..4", "2..16"], "2 to 16 GPUs"),
        (["g4dn.xlarge"], 1, 1, ["1", "1"], "1 GPU"),
    ],
)
def test_a_pools_gpus_are_those_of_its_least_and_most_nodes(types, least, most, line, report):
    group = gpu_group(minSize=least, desiredCapacity=least, maxSize=most, mixedInstancesPolicy=overrides(*types))
    assert sizes(*healthy(gpu=group)) == (line, report)


def test_a_pool_without_a_limit_says_so():
    assert sizes(*on_karpenter(gpu=[node_pool(limits={})])) == (
        ["0..no", "limit", "0..no", "limit"],
        "any number of GPUs",
    )


def test_a_pool_whose_gpus_are_shared_says_what_a_node_offers():
    overlay = node_overlay(capacity={"nvidia.com/gpu": "12"})
    stack = on_karpenter(gpu=[node_pool(), overlay], karpenter=karpenter(featureGates={"nodeOverlay": True}))

    assert "; 12 nvidia.com/gpu a node;" in " ".join(text(*stack).split())
    assert " a node" not in text(*on_karpenter()).partition("Workloads")[0]


WIDTHS = (60, 80, 100)
LONG = "research-and-development-of-large-language-models-gpu-us-west-2a"
"""As long as EKS lets a name of a node group be."""


@pytest.mark.parametrize(("folder", "stack"), PROGRAMS, ids=IDS)
def test_no_name_of_a_program_of_this_project_is_broken_within_a_word(folder, stack):
    for width in WIDTHS:
        said = render(plan_of(folder, stack))
        assert broken_words(said, width) == set()
        assert all(len(line) <= width for line in shown(said, width).splitlines())


@pytest.mark.parametrize("name", [LONG, LONG.replace("-", "_"), LONG.replace("-", "."), "gpu" * 21])
def test_a_long_name_is_whole_or_broken_at_its_own_signs(name):
    found = healthy(gpu=gpu_group(name), train=gpu_work(name), system=managed_group(nodeGroupName=name))
    for width in WIDTHS:
        assert broken_words(render(reports.plan(*found)), width) == set()
