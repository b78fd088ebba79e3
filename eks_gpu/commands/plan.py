"""`eks-gpu plan`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eks_gpu.commands.options import BaselineFile, CompiledProgram, PoolsFile, ProjectFolder, Stack
from eks_gpu.io.output import STDOUT, write, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal
from eks_gpu.io.today import today
from eks_gpu.report import page_maker

if TYPE_CHECKING:
    from eks_gpu.plan.changes import Changes
    from eks_gpu.plan.plan import Plan
    from eks_gpu.plan.saved_plans import Older

EXAMPLES = (
    "Examples:  eks-gpu plan --stack prod  ·  eks-gpu plan examples/spot-autoscaling-groups --html plan.html  ·  "
    "eks-gpu plan --all --json -  ·  eks-gpu plan --against main.json --markdown - --sarif plan.sarif"
)


def plan(
    project: ProjectFolder = Path(),
    stack: Stack = "dev",
    all_stacks: Annotated[bool, typer.Option("--all", help="Plan every stack that has a Pulumi.<stack>.yaml.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the plan as JSON; - is stdout.")] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Write one HTML page with all planned stacks; - is stdout."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Show what changed since this older plan, written by --json.")
    ] = None,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write verdict, cost and changes for a pull request; - is stdout."),
    ] = None,
    sarif_file: Annotated[Path | None, typer.Option("--sarif", help="Write failures as SARIF for code review.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write all checks as JUnit XML, for CI.")] = None,
    baseline_file: BaselineFile = None,
    pools: PoolsFile = None,
    manifests: Annotated[
        Path | None, typer.Option(help="Write every Kubernetes object as YAML into this folder, one folder per stack.")
    ] = None,
    program: CompiledProgram = None,
    record_answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the answers that the plan lacks, to be filled in; - is stdout."),
    ] = None,
) -> None:
    """Run the project's program offline; print pools, workloads, cost and checks. Nothing is created."""

    from eks_gpu.graph.manifest_files import write_manifests
    from eks_gpu.offline.missing_answers import text as missing_answers
    from eks_gpu.offline.missing_answers import waited_for
    from eks_gpu.offline.project import Project
    from eks_gpu.offline.run import Unanswerable
    from eks_gpu.plan.baseline import since
    from eks_gpu.plan.plan import make_plan
    from eks_gpu.plan.render import render
    from eks_gpu.plan.saved_plans import older
    from eks_gpu.pools.given import given_pools

    given = given_pools(pools) if pools else []
    outputs = Outputs(json_file, html_file, markdown_file, record_answers, sarif_file, junit_file)
    outputs.check()
    loaded = Project.load(project, program)
    names = loaded.stack_names() if all_stacks else [stack]
    if not names:
        raise InputError(f"{project}: no Pulumi.<stack>.yaml here")
    stacks = _each(names, loaded.stack)
    before = older(against, names, all_stacks) if against else None

    console = Terminal(stderr=outputs.take_stdout)
    with Terminal(stderr=True).status("running the program offline") as status:
        plans, lacking, wrong = [], [], []
        for each in stacks:
            status.update(f"running {loaded.name} offline, stack {each.name}")
            try:
                plans.append(make_plan(loaded, each, given=given))
            except Unanswerable as error:
                lacking.append(error)
            except InputError as error:
                wrong += error.problems
    if wrong:
        raise InputError(dict.fromkeys([*wrong, *(problem for error in lacking for problem in error.problems)]))
    if record_answers:
        resources = [each for made in plans for each in waited_for(made.graph)]
        asked = [each for found in (*lacking, *plans) for each in found.asked]
        write(record_answers, missing_answers(asked, resources))
    if lacking:
        told = f"{record_answers} has each of these answers to fill in"
        where = [told if record_answers else "--record-answers FILE writes all of these answers, to be filled in"]
        raise InputError([*dict.fromkeys(problem for error in lacking for problem in error.problems), *where])
    if baseline_file:
        held = since(baseline_file, today(), {made.name: made.analysis.findings for made in plans})
        plans = [made.held_against(held[made.name]) for made in plans]

    for made in plans:
        console.print(render(made))
    outputs.write(plans, before, console, all_stacks, loaded.root)
    if sarif_file:
        from eks_gpu.plan.sarif import Told, sarif
        from eks_gpu.plan.subjects import lines_of

        told = [
            Told(made.analysis.findings, lines_of(made, loaded.program, each.file), made.stack)
            for made, each in zip(plans, stacks, strict=True)
        ]
        write_json(sarif_file, sarif(*told))
    if manifests:
        for made in plans:
            written = write_manifests(made.graph, manifests / made.stack)
            console.print(f"{written} objects in {manifests / made.stack}")
    raise typer.Exit(1 if any(made.failed for made in plans) else 0)


@dataclass(frozen=True)
class Outputs:
    """Files that a plan is written to, None for those that nobody wants."""

    json: Path | None
    html: Path | None
    markdown: Path | None
    answers: Path | None = None
    sarif: Path | None = None
    junit: Path | None = None

    @property
    def _all(self) -> dict[str, Path | None]:
        own = {"--json": self.json, "--html": self.html, "--markdown": self.markdown}
        return {**own, "--record-answers": self.answers, "--sarif": self.sarif, "--junit": self.junit}

    @property
    def take_stdout(self) -> bool:
        """Whether one of them is stdout, so that everything else goes to stderr."""
        return STDOUT in self._all.values()

    def check(self) -> None:
        """Raises InputError for what cannot be written, before a program runs."""
        if [*self._all.values()].count(STDOUT) > 1:
            raise InputError(f"{', '.join(self._all)}: only one of them can be stdout, -")
        if self.answers and self.answers != STDOUT and self.answers.exists():
            raise InputError(f"--record-answers {self.answers}: is there already, and is not written over")
        if self.html:
            page_maker()

    def write(
        self, plans: "Sequence[Plan]", before: "Older | None", console: Terminal, as_list: bool, root: Path
    ) -> None:
        """Prints what changes, if that is asked, and writes the files. Raises InputError where one cannot be."""
        answers = [made.as_json() for made in plans]
        changes: dict[str, Changes] = {}
        if before:
            from eks_gpu.plan.changes import changes as compared
            from eks_gpu.plan.render_changes import render

            changes = compared(before, answers)
            console.print(render(changes.values(), before.notes))
            for answer in answers:
                found = changes.get(answer["stack"])
                answer["changes"] = found and found.as_json()
        if self.markdown:
            from eks_gpu.plan.markdown import markdown

            write(self.markdown, markdown(answers, changes, before.notes if before else ()))
        if self.junit:
            from eks_gpu.plan.junit import junit

            write(self.junit, junit({made.name: made.analysis.findings for made in plans}))
        write_json(self.json, answers if as_list else answers[0])
        if self.html:
            from eks_gpu.report.made import Made, commit_of

            write(self.html, page_maker()(plans, changes, made=Made(commit=commit_of(root))))


def _each(names, load):
    """Every stack, or the problems of all of them at once."""
    loaded, problems = [], []
    for name in names:
        try:
            loaded.append(load(name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded
