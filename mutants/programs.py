"""The programs that are broken: every committed stack of the project and of its examples, recorded once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.plan.plan import PlanSettings, plan_settings
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import READ_ON
from tests.committed import committed

RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class Program:
    """One stack's recording."""

    name: str
    region: str
    graph: Graph
    settings: PlanSettings
    on: date

    def __str__(self) -> str:
        return self.name

    def analysed(self, graph: Graph) -> Analysis:
        """A graph in place of the recorded one, under the stack's own settings."""
        return analyse(graph, self.region, self.on, self.settings.monthly_budget_usd, self.settings.waive)

    @cached_property
    def analysis(self) -> Analysis:
        """As recorded."""
        return self.analysed(self.graph)

    @cached_property
    def pools(self) -> dict[str, Pool]:
        """By URN."""
        return {pool.urn: pool for pool in self.analysis.pools}

    def releases(self, chart: str) -> Iterator[Resource]:
        """Helm releases of one chart."""
        for release in self.graph.of(RELEASE):
            if str(release.inputs.get("chart", "")).rpartition("/")[2] == chart:
                yield release

    def has(self, *types: str) -> bool:
        """Whether it registers one of them."""
        return bool(self.graph.of(*types))


def programs() -> list[Program]:
    """All of them, by folder and then by stack. Runs each once, some seconds for all."""
    root = committed()
    folders = [root, *sorted(file.parent for file in root.glob("examples/*/Pulumi.yaml"))]
    projects = [Project.load(folder) for folder in folders]
    return [program(project, name) for project in projects for name in project.stack_names()]


def program(project: Project, stack_name: str) -> Program:
    """One stack, run offline."""
    stack = project.stack(stack_name)
    graph = record(project, stack)[0].graph
    return Program(f"{project.name} {stack_name}", stack.region, graph, plan_settings(project, stack), on=READ_ON)
