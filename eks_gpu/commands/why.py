"""`eks-gpu why`: what pods of a running cluster wait for, and what keeps its nodes."""

import typer

from eks_gpu.commands import why_node, why_pod
from eks_gpu.commands.options import ClusterName, Context, JsonFile, Kubeconfig, Profile, Region, needs_live
from eks_gpu.commands.why_node import Watch
from eks_gpu.commands.why_pod import Namespace, print_pods
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

app = typer.Typer(help="Why pods of a running cluster wait, and what keeps its nodes. Everything is only read.")
app.command("pod", epilog=why_pod.EXAMPLES)(why_pod.pod)
app.command("node", epilog=why_node.EXAMPLES)(why_node.node)


@app.callback(invoke_without_command=True)
def why(
    context: typer.Context,
    namespace: Namespace = "",
    watch: Watch = False,
    json_file: JsonFile = None,
    kubeconfig: Kubeconfig = None,
    context_name: Context = "",
    cluster_name: ClusterName = "",
    region: Region = "",
    profile: Profile = "",
) -> None:
    """Why pods of a running cluster wait, and what keeps its nodes. Everything is only read."""
    if context.invoked_subcommand:
        return
    with needs_live("why"):
        from eks_gpu.live.judged import running
        from eks_gpu.live.nodes.render import render
        from eks_gpu.live.nodes.why_node import facts, why_nodes
        from eks_gpu.live.watching import watch_cluster
        from eks_gpu.live.way_in import way_in
        from eks_gpu.live.why.pod_answer import why_pods

    if watch and json_file:
        raise InputError("--json is of one moment: it and --watch exclude each other")
    found = way_in(kubeconfig, context_name, cluster_name, region, profile)
    cluster, account, name = found[0], found[1], str(found[2]["name"])
    if watch:
        watch_cluster(cluster, account, name)
        return
    terminal = Terminal(stderr=json_file == STDOUT)
    with Terminal(stderr=True).status("reading the cluster"):
        pods = why_pods(running(*found), namespace)
        nodes = why_nodes(facts(cluster, account, name), cluster)
    print_pods(pods, terminal)
    terminal.print()
    terminal.print(render(nodes))
    of_pods, of_nodes = pods.as_json(), nodes.as_json()
    unread = [*of_pods["unread"], *(row for row in of_nodes["unread"] if row not in of_pods["unread"])]
    write_json(json_file, {**of_pods, "nodes": of_nodes["nodes"], "unread": unread})
    raise typer.Exit(1 if pods.stuck or nodes.fails else 0)
