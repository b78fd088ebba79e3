"""This project and the examples in Python, each under each of its committed stacks, run once a test session."""

from functools import cache

from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from eks_gpu.plan.plan import Plan, make_plan
from tests.committed import committed
from tests.session import once

ROOT = committed()
EXAMPLES = sorted(file.parent for file in ROOT.glob("examples/*/__main__.py"))
PROGRAMS = [
    (folder.relative_to(ROOT).as_posix(), stack)
    for folder in (ROOT, *EXAMPLES)
    for stack in Project.load(folder).stack_names()
]
IDS = [f"{folder}-{stack}" for folder, stack in PROGRAMS]


@cache
def plan_of(folder: str, stack: str) -> Plan:
    project = Project.load(ROOT / folder)
    return once(f"plan of {folder} {stack}", lambda: make_plan(project, project.stack(stack)))


@cache
def preview_urns(folder: str, stack: str) -> frozenset[str]:
    project = Project.load(ROOT / folder)
    return frozenset(resource.urn for resource in record(project, project.stack(stack), preview=True)[0].graph)
