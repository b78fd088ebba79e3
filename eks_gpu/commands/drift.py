"""`eks-gpu drift`."""

from pathlib import Path
from typing import Annotated

import typer

from eks_gpu.commands.options import (
    ClusterName,
    Context,
    JsonFile,
    Kubeconfig,
    Profile,
    ProjectFolder,
    Stack,
    needs_live,
)
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

EXAMPLES = "Examples:  eks-gpu drift --stack prod --cluster  ·  eks-gpu drift . --cluster --context prod --json -"


def drift(
    project: ProjectFolder = Path(),
    stack: Stack = "dev",
    cluster: Annotated[bool, typer.Option("--cluster", help="Compare with the running cluster.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    cluster_name: ClusterName = "",
    profile: Profile = "",
    json_file: JsonFile = None,
) -> None:
    """What the program says of its pools, limits, taints and labels, and the running cluster has otherwise.

    Reads the cluster and AWS with your credentials and changes nothing.
    """
    with needs_live("drift"):
        from eks_gpu.live.drift import drift as compared
        from eks_gpu.live.judged import running
        from eks_gpu.live.render_drift import render
        from eks_gpu.live.way_in import way_in
    from eks_gpu.offline.project import Project
    from eks_gpu.plan.plan import make_plan

    if not cluster:
        raise InputError("drift compares the program with a running cluster: add --cluster")
    loaded = Project.load(project)
    plan = make_plan(loaded, loaded.stack(stack))
    live = running(*way_in(kubeconfig, context, cluster_name, plan.region, profile))
    found = compared(plan, live)
    Terminal(stderr=json_file == STDOUT).print(render(found))
    write_json(json_file, found.as_json())
    raise typer.Exit(1 if found.failed else 0)
