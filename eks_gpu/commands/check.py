"""`eks-gpu check`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eks_gpu.commands.options import BaselineFile, ClusterName, Context, Kubeconfig, PoolsFile, Profile, needs_live
from eks_gpu.io.output import STDOUT, write, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal
from eks_gpu.io.today import today
from eks_gpu.report import page_maker
from eks_gpu.report.made import READ, TOLD, Made

if TYPE_CHECKING:
    from rich.console import RenderableType

    from eks_gpu.checks import Waiver
    from eks_gpu.foreign.judged import Judged

EXAMPLES = (
    "Examples:  pulumi preview --json --show-sames > p.json; eks-gpu check --preview p.json  ·  "
    "pulumi stack export > s.json; eks-gpu check --state s.json --sarif s.sarif  ·  "
    "eks-gpu check --cluster --context prod"
)


def check(
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `pulumi preview --json --show-sames` printed; - is stdin.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `pulumi stack export` printed; - is stdin.")
    ] = None,
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="The running cluster of a kubeconfig, and its account; both are only read."),
    ] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    cluster_name: ClusterName = "",
    profile: Profile = "",
    no_account: Annotated[
        bool, typer.Option("--no-account", help="Of a running cluster Kubernetes alone: AWS is not asked.")
    ] = False,
    region: Annotated[
        str, typer.Option(help="AWS region, for a stack or a cluster that does not name its region.")
    ] = "",
    waivers_file: Annotated[
        Path | None, typer.Option("--waivers", metavar="FILE", help="Failures that the stack accepts, with reasons.")
    ] = None,
    baseline_file: BaselineFile = None,
    pools: PoolsFile = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write it as one HTML page; - is stdout.")] = None,
    sarif_file: Annotated[Path | None, typer.Option("--sarif", help="Write failures as SARIF for code review.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write all checks as JUnit XML, for CI.")] = None,
) -> None:
    """Check a stack of any program, in any language, from its preview or state, or a cluster that runs."""

    from eks_gpu.plan.waivers_file import read_waivers

    if [preview is not None, state is not None, cluster].count(True) != 1:
        raise InputError("one of --preview FILE, --state FILE and --cluster is required, and only one")
    way = {"--kubeconfig": kubeconfig, "--context": context, "--cluster-name": cluster_name, "--profile": profile}
    given = [option for option, value in {**way, "--no-account": no_account}.items() if value]
    if given and not cluster:
        raise InputError(f"{given[0]}: is of a running cluster, and so needs --cluster")
    if pools and cluster:
        raise InputError("--pools: is for a stack without its pools; a cluster has its own")
    if [json_file, html_file, sarif_file, junit_file].count(STDOUT) > 1:
        raise InputError("--json, --html, --sarif, --junit: only one of them can be stdout, -")
    if html_file:
        page_maker()
    waivers = read_waivers(waivers_file) if waivers_file else ()
    if cluster:
        found = _running(kubeconfig, context, cluster_name, region, profile, no_account, waivers)
    else:
        found = _of_file(preview, state, region, pools, waivers)
    judged = found.judged
    if baseline_file:
        from eks_gpu.plan.baseline import since

        judged = judged.held_against(since(baseline_file, today(), {judged.name: judged.findings})[judged.name])
    Terminal(stderr=STDOUT in (json_file, html_file, sarif_file, junit_file)).print(found.rendered(judged))
    write_json(json_file, {**judged.as_json(), **found.more})
    if html_file:
        write(html_file, page_maker()([judged.as_plan()], made=found.made))
    if sarif_file:
        from eks_gpu.plan.sarif import Told, sarif

        places = judged.told.places
        told = Told(judged.findings, lambda finding: places.get(judged.urn_of(finding), ""))
        write_json(sarif_file, sarif(told))
    if junit_file:
        from eks_gpu.plan.junit import junit

        write(junit_file, junit({judged.name: judged.findings}))
    raise typer.Exit(1 if judged.failed else 0)


@dataclass(frozen=True)
class _Found:
    judged: "Judged"
    title: str
    """Of a running cluster, which one it was and when; empty for a file."""
    more: Mapping[str, Any]
    """Keys that the answer has beside those of a stack."""
    made: Made
    """For the foot of a page."""

    def rendered(self, judged: "Judged") -> "RenderableType":
        from eks_gpu.foreign.render import render

        return render(judged, self.title)


def _of_file(
    preview: Path | None, state: Path | None, region: str, pools: Path | None, waivers: "Sequence[Waiver]"
) -> _Found:
    from eks_gpu.foreign import documents
    from eks_gpu.foreign.judged import judge
    from eks_gpu.foreign.stack import foreign
    from eks_gpu.pools.given import given_pools

    given = given_pools(pools) if pools else []
    document = documents.preview(preview) if preview else documents.state(state or STDOUT)
    return _Found(judge(foreign(document, region, whole=True), waivers=waivers, given=given), "", {}, Made(TOLD))


def _running(
    kubeconfig: Path | None,
    context: str,
    cluster_name: str,
    region: str,
    profile: str,
    no_account: bool,
    waivers: "Sequence[Waiver]",
) -> _Found:
    with needs_live("check --cluster"):
        from eks_gpu.live.cluster import Refused
        from eks_gpu.live.judged import running
        from eks_gpu.live.way_in import way_in_or_less
    try:
        way = way_in_or_less(kubeconfig, context, cluster_name, region, profile, ask_account=not no_account)
        found = running(*way, waivers=waivers)
    except Refused as refused:
        raise InputError(f"the API server refuses to tell what it has: {refused}") from None
    return _Found(found.judged, found.headline, found.more, Made(READ.format("check"), seen=found.seen))
