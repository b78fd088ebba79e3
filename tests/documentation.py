"""Run the examples of a component's page, and the commands that pages have for a shell."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from eks_gpu.commands import main
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.plan.plan import Plan, make_plan
from eks_gpu_components.catalog import ADDRESS_NOT_GIVEN, API_CIDRS_KEY
from tests.committed import files
from tests.engine import Run, run
from tests.programs import PROGRAMS, ROOT, plan_of
from tools.website.needs import blocks_of_shells, needs, programs

DOCS = Path(__file__).parent.parent / "docs"


def examples(page: str) -> list[str]:
    """The Python blocks of `docs/<page>.md`."""
    return re.findall(
        r"^```python\n(.*?)^```$", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


LOOKED_UP = {
    "aws:eks/getCluster:getCluster": {
        "name": "gaia",
        "endpoint": "https://gaia.example",
        "version": "1.35",
        "certificateAuthorities": [{"data": "Y2E="}],
        "kubernetesNetworkConfigs": [{"serviceIpv4Cidr": "172.20.0.0/16"}],
        "vpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-1"},
        "identities": [{"oidcs": [{"issuer": "https://oidc.example/id/1"}]}],
    }
}
"""What examples for a cluster that exists already are told of it."""


def run_example(page: str) -> Run:
    """The page's first example as a program of its own."""
    code = compile(examples(page)[0], f"docs/{page}.md", "exec")
    planned = {API_CIDRS_KEY: json.dumps([ADDRESS_NOT_GIVEN])}
    return run(lambda: exec(code, {"__name__": "__main__"}), given=LOOKED_UP, config=planned)


PAGES = [
    name
    for name in files(".md")
    if re.match(r"(docs|examples)/|CONTRIBUTING.md$", name) and not name.startswith("docs/commands/")
]
"""Pages with commands, relative to the checkout; README.md has tests of its own."""
OWN_TESTS = {
    "docs/catalog.md": ("tests/components/catalog/test_refresh_catalog.py", "refresh_catalog"),
    "docs/check.md": ("tests/eks_gpu/plan/test_waivers_file.py", "waivers"),
    "docs/explain.md": ("tests/eks_gpu/explain/test_explain_command.py", 'console_blocks("explain")'),
    "docs/types.md": ("tests/eks_gpu/types/test_types_command.py", 'console_blocks("types")'),
}
"""Page -> the test that runs its commands with the files that they need, and a word of it."""


@dataclass(frozen=True)
class Command:
    """A line that a page has for a shell."""

    page: str
    """The file, relative to the checkout."""
    line: str
    """What is typed, without its comment."""
    needs: str
    """What it needs beside this checkout, such as AWS; empty where tests can run it."""
    shown: tuple[str, ...]
    """What the page says is printed."""

    def ours(self) -> list[list[str]]:
        """The parts that call `eks-gpu`."""
        return [words for words in programs(self.line) if Path(words[0]).name == "eks-gpu"]


def commands(page: str) -> list[Command]:
    """Every line that a file, relative to the checkout, has for a shell, in its order."""
    found = []
    for block in blocks_of_shells((ROOT / page).read_text(encoding="utf-8")):
        for line, shown in block.commands():
            found.append(Command(page, line, block.needs or needs(line), shown))
    return found


def every_command() -> list[Command]:
    """The commands of every page."""
    found = [command for page in PAGES for command in commands(page)]
    assert len(found) > 60
    return found


def files_of(page: str) -> dict[str, str]:
    """Files whose name a page has in the line before their text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return dict(re.findall(r"`([\w.-]+)`[^`\n]*:\n\n```(?!sh$)\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


def clone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plan: Callable[[Project, StackConfig], Plan | None] | None = None
) -> Path:
    """Makes a folder like the clone, which commands may write into, the one in which they run.

    A stack of this project is planned once in a test session. `plan` knows those of other folders.
    """
    folder.mkdir()
    for each in ROOT.iterdir():
        (folder / each.name).symlink_to(each)
    monkeypatch.chdir(folder)

    really = make_plan

    def planned(project: Project, stack: StackConfig, **given: Any) -> Plan:
        if plan and (other := plan(project, stack)):
            return other
        at = project.root.resolve()
        clone = folder.resolve() if at == folder.resolve() else ROOT.resolve()
        name = at.relative_to(clone).as_posix() if at.is_relative_to(clone) else ""
        return plan_of(name, stack.name) if (name, stack.name) in PROGRAMS else really(project, stack, **given)

    monkeypatch.setattr("eks_gpu.plan.plan.make_plan", planned)
    return folder


def command_line(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """`eks-gpu` with the commands of every room."""
    for kept in ("registered_commands", "registered_groups"):
        monkeypatch.setattr(main.app, kept, list(getattr(main.app, kept)))
    main.add_rooms(None)
    return main.app
