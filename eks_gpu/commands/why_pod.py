"""`eks-gpu why pod`."""

from typing import TYPE_CHECKING, Annotated

import typer

from eks_gpu.commands.options import ClusterName, Context, JsonFile, Kubeconfig, Profile, Region, needs_live
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

if TYPE_CHECKING:
    from eks_gpu.live.why.pod_answer import PodAnswer

EXAMPLES = (
    "Examples:  eks-gpu why pod  ·  eks-gpu why pod shop/web-7f9c76ff55-x2x7q  ·  "
    "eks-gpu why pod --namespace shop --json -"
)
Namespace = Annotated[str, typer.Option("--namespace", "-n", metavar="NS", help="Pods of this namespace alone.")]


def pod(
    pod: Annotated[
        str, typer.Argument(metavar="[NAMESPACE/NAME]", help="A pod, or what owns pods; by default all that wait.")
    ] = "",
    namespace: Namespace = "",
    json_file: JsonFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    cluster_name: ClusterName = "",
    region: Region = "",
    profile: Profile = "",
) -> None:
    """Why pods wait: one true cause each, what to do, what each pool says, and what the controllers said."""
    with needs_live("why"):
        from eks_gpu.live.judged import running
        from eks_gpu.live.way_in import way_in
        from eks_gpu.live.why.pod_answer import why_pods
    space, name = _named(pod, namespace)
    with Terminal(stderr=True).status("reading the cluster"):
        found = why_pods(running(*way_in(kubeconfig, context, cluster_name, region, profile)), space, name)
    print_pods(found, Terminal(stderr=json_file == STDOUT))
    write_json(json_file, found.as_json())
    raise typer.Exit(1 if found.stuck else 0)


def print_pods(found: "PodAnswer", terminal: Terminal) -> None:
    """The answer for people, without the texts that no one may see."""
    from eks_gpu.live.why.render_pods import render
    from eks_gpu.plan.render import Redacted

    terminal.print(Redacted(render(found), found.secrets))


def _named(pod: str, namespace: str) -> tuple[str, str]:
    """Namespace and name; a name alone is of the namespace `default`. Raises InputError."""
    if not pod:
        return namespace, ""
    space, slash, name = pod.partition("/")
    if not slash:
        return namespace or "default", pod
    if not space or not name or "/" in name:
        raise InputError(f"NAMESPACE/NAME: must be the namespace and name of a pod, got {pod!r}")
    if namespace not in ("", space):
        raise InputError(f"--namespace {namespace} and pod {pod} exclude each other: give one of them")
    return space, name
