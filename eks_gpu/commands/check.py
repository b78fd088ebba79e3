"""`eks-gpu check`."""

from pathlib import Path
from typing import Annotated

import typer

from eks_gpu.commands.options import BaselineFile, PoolsFile
from eks_gpu.io.output import STDOUT, write, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal
from eks_gpu.io.today import today

EXAMPLES = (
    "Examples:  pulumi preview --json --show-sames > p.json; eks-gpu check --preview p.json  ·  "
    "pulumi stack export > s.json; eks-gpu check --state s.json --sarif s.sarif"
)


def check(
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `pulumi preview --json --show-sames` printed; - is stdin.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `pulumi stack export` printed; - is stdin.")
    ] = None,
    region: Annotated[str, typer.Option(help="AWS region, for a stack that does not name its region.")] = "",
    waivers_file: Annotated[
        Path | None, typer.Option("--waivers", metavar="FILE", help="Failures that the stack accepts, with reasons.")
    ] = None,
    baseline_file: BaselineFile = None,
    pools: PoolsFile = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")] = None,
    sarif_file: Annotated[Path | None, typer.Option("--sarif", help="Write failures as SARIF for code review.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write all checks as JUnit XML, for CI.")] = None,
) -> None:
    """Check a stack of any program, in any language, from its preview or state; the program does not run."""

    from eks_gpu.foreign import documents
    from eks_gpu.foreign.judged import judge
    from eks_gpu.foreign.render import render
    from eks_gpu.foreign.stack import foreign
    from eks_gpu.plan.baseline import since
    from eks_gpu.plan.waivers_file import read_waivers
    from eks_gpu.pools.given import given_pools

    if (preview is None) == (state is None):
        raise InputError("either --preview FILE or --state FILE is required, and not both")
    given = given_pools(pools) if pools else []
    document = documents.preview(preview) if preview else documents.state(state or STDOUT)
    waivers = read_waivers(waivers_file) if waivers_file else ()
    judged = judge(foreign(document, region, whole=True), waivers=waivers, given=given)
    if baseline_file:
        judged = judged.held_against(since(baseline_file, today(), {judged.name: judged.findings})[judged.name])
    Terminal(stderr=STDOUT in (json_file, sarif_file, junit_file)).print(render(judged))
    write_json(json_file, judged.as_json())
    if sarif_file:
        from eks_gpu.plan.sarif import sarif

        places = judged.told.places
        write_json(sarif_file, sarif(judged.findings, lambda finding: places.get(judged.urn_of(finding), "")))
    if junit_file:
        from eks_gpu.plan.junit import junit

        write(junit_file, junit(judged.name, judged.findings))
    raise typer.Exit(1 if judged.failed else 0)
