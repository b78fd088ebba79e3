"""`eks-gpu preflight`."""

from pathlib import Path

import typer

from eks_gpu.commands.options import JsonFile, Profile, ProjectFolder, Stack, needs_live
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.terminal import Terminal

EXAMPLES = "Examples:  eks-gpu preflight --stack prod  ·  eks-gpu preflight --stack prod --profile production --json -"


def preflight(
    project: ProjectFolder = Path(),
    stack: Stack = "dev",
    profile: Profile = "",
    json_file: JsonFile = None,
) -> None:
    """Before `pulumi up`: ask your account, read only, whether what the plan creates can be created and run."""
    from eks_gpu.offline.project import Project
    from eks_gpu.plan.plan import make_plan

    with needs_live("preflight"):
        from eks_gpu.live.preflight.preflight import preflight as asked
        from eks_gpu.live.preflight.render import render

    loaded = Project.load(project)
    chosen = loaded.stack(stack)
    console = Terminal(stderr=json_file == STDOUT)
    with Terminal(stderr=True).status("running the program offline") as status:
        plan = make_plan(loaded, chosen)
        status.update("asking the account")
        found = asked(plan, profile)
    console.print(render(found))
    write_json(json_file, found.as_json())
    raise typer.Exit(1 if found.failed else 0)
