"""The resource that a finding is about, and the line of the program that registers it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Graph
from eks_gpu.plan.analysis import Analysis
from eks_gpu.pools.cluster_of import same_cluster

if TYPE_CHECKING:  # it imports Pulumi, and a state is judged without
    from eks_gpu.plan.plan import Plan


def urn_of(analysis: Analysis, graph: Graph, finding: Finding) -> str:
    """The resource that a finding is about; empty where it is about none, or about more than one."""
    urns = [urn.partition("#")[0] for urn in _urns(analysis, graph, finding)]  # one in a template is its stack's
    return urns[0] if len(urns) == 1 else ""


def _urns(analysis: Analysis, graph: Graph, finding: Finding) -> Iterator[str]:
    name, _, cluster = finding.subject.removesuffix(")").partition(" (")  # told apart: `gpu (north)`
    pools = [pool.urn for pool in analysis.pools if pool.name == name and same_cluster(pool.cluster, cluster)]
    workloads = [each.urn for each in analysis.workloads if each.name == name]
    if pools or workloads:
        yield from (pools or workloads)[:1]
        return
    name = name.rpartition(" ")[2]
    yield from (each.urn for each in graph if each.custom and name in (each.name, each["name"]))


def lines_of(plan: "Plan", program: Path, stack_file: Path) -> Callable[[Finding], str]:
    """What gives a finding's `file:line`, told from the current folder.

    It is the line of the program that registers the finding's resource, or the component that this is in. A finding
    without a resource, or whose resource another package registers, has the first line of the stack's file.
    """
    folder = program if program.is_dir() else program.parent
    nowhere = f"{_from_here(stack_file)}:1"

    def line(finding: Finding) -> str:
        urn = urn_of(plan.analysis, plan.graph, finding)
        while urn:
            file, _, number = plan.places.get(urn, "").rpartition(":")
            path = Path(file)
            if file and not path.is_absolute() and ".." not in path.parts and "site-packages" not in path.parts:
                return f"{_from_here(folder / path)}:{number}"
            resource = plan.graph.get(urn)
            urn = resource.parent if resource else ""
        return nowhere

    return line


def _from_here(file: Path) -> str:
    """With the separators of an address, which a review finds its files by."""
    return Path(os.path.relpath(file)).as_posix()
