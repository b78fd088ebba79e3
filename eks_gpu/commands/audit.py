"""`eks-gpu audit`."""

from pathlib import Path

import typer

from eks_gpu.commands.options import JsonFile, Profile, ProjectFolder, Stack, needs_live
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.terminal import Terminal

EXAMPLES = "Examples:  pulumi destroy --stack dev && eks-gpu audit --stack dev  ·  eks-gpu audit --json left.json"


def audit(
    project: ProjectFolder = Path(),
    stack: Stack = "dev",
    profile: Profile = "",
    json_file: JsonFile = None,
) -> None:
    """After `pulumi destroy`: what the stack has left in the account, what it costs a month, and how it is ended.

    Reads AWS with your credentials and changes nothing.
    """
    with needs_live("audit"):
        from eks_gpu.live.account import account
        from eks_gpu.live.audit.audit import audit as audited
        from eks_gpu.live.audit.belongings import Belongings
        from eks_gpu.live.audit.render import render
    from eks_gpu.offline.project import Project
    from eks_gpu.plan.plan import make_plan
    from eks_gpu.pools.cluster_of import Owners

    loaded = Project.load(project)
    plan = make_plan(loaded, loaded.stack(stack))
    owners = Owners(plan.graph)
    regions = {plan.region, *(owners.region(each, plan.region) for each in plan.graph if each.type.startswith("aws:"))}
    accounts = {region: account(region, profile) for region in sorted(regions - {""})}
    home = plan.region if plan.region in accounts else next(iter(accounts), "")
    found = audited(plan.project, plan.stack, Belongings.of(plan.graph), accounts or {"": account("", profile)}, home)
    Terminal(stderr=json_file == STDOUT).print(render(found))
    write_json(json_file, found.as_json())
    raise typer.Exit(1 if found.failed else 0)
