"""`eks-gpu why node`."""

from typing import Annotated

import typer

from eks_gpu.commands.options import ClusterName, Context, JsonFile, Kubeconfig, Profile, Region, needs_live
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

EXAMPLES = (
    "Examples:  eks-gpu why node  ·  eks-gpu why node ip-10-0-1-2.ec2.internal --json -  ·  eks-gpu why node --watch"
)
Watch = Annotated[bool, typer.Option("--watch", help="Go on, and show what changes, until Ctrl-C.")]


def node(
    name: Annotated[
        str, typer.Argument(help="A node, NodeClaim or instance; by default every node with accelerators.")
    ] = "",
    watch: Watch = False,
    json_file: JsonFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    cluster_name: ClusterName = "",
    region: Region = "",
    profile: Profile = "",
) -> None:
    """What keeps a node of the running cluster, what it costs, and whether it goes by itself."""
    with needs_live("why"):
        from eks_gpu.live.nodes.render import render
        from eks_gpu.live.nodes.why_node import facts, why_nodes
        from eks_gpu.live.watching import watch_cluster
        from eks_gpu.live.way_in import way_in

    if watch and json_file:
        raise InputError("--json is of one moment: it and --watch exclude each other")
    cluster, account, described = way_in(kubeconfig, context, cluster_name, region, profile)
    if watch:
        watch_cluster(cluster, account, str(described["name"]), name)
        return
    found = why_nodes(facts(cluster, account, str(described["name"])), cluster, name)
    Terminal(stderr=json_file == STDOUT).print(render(found))
    write_json(json_file, found.as_json())
    raise typer.Exit(1 if found.fails else 0)
