"""`eks-gpu why`: what running pods and nodes wait for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eks_gpu.commands.options import ClusterName, Context, Kubeconfig, Profile, Region
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

if TYPE_CHECKING:
    from eks_gpu.live.judged import Running
    from eks_gpu.live.why.pod_answer import PodAnswer

POD_EXAMPLES = (
    "Examples:  eks-gpu why pod  ·  eks-gpu why pod shop/web-7f9c76ff55-x2x7q  ·  "
    "eks-gpu why pod --namespace shop --json -"
)
Namespace = Annotated[str, typer.Option("--namespace", "-n", metavar="NS", help="Pods of this namespace alone.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")]

app = typer.Typer(help="Why pods of a running cluster wait, and what keeps its nodes. Everything is only read.")


@app.callback(invoke_without_command=True)
def why(
    context: typer.Context,
    namespace: Namespace = "",
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
    running = _running(kubeconfig, context_name, cluster_name, region, profile)
    pods = _why_pods(running, namespace)
    answer = pods.as_json()
    _print_pods(pods, json_file)
    write_json(json_file, answer)
    raise typer.Exit(1 if pods.stuck else 0)


@app.command("pod", epilog=POD_EXAMPLES)
def why_pod(
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
    space, name = _named(pod, namespace)
    pods = _why_pods(_running(kubeconfig, context, cluster_name, region, profile), space, name)
    _print_pods(pods, json_file)
    write_json(json_file, pods.as_json())
    raise typer.Exit(1 if pods.stuck else 0)


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


def _running(kubeconfig: Path | None, context: str, cluster_name: str, region: str, profile: str) -> "Running":
    try:
        from eks_gpu.live.judged import running
        from eks_gpu.live.way_in import way_in
    except ImportError as missing:
        raise InputError(f"eks-gpu why needs {missing.name}: pip install 'eks-gpu-components[live]'") from None
    with Terminal(stderr=True).status("reading the cluster"):
        return running(*way_in(kubeconfig, context, cluster_name, region, profile))


# --- pods ------------------------------------------------------------------------------------------------------------


def _why_pods(running: "Running", namespace: str, name: str = "") -> "PodAnswer":
    from eks_gpu.live.why.pod_answer import why_pods

    return why_pods(running, namespace, name)


def _print_pods(pods: "PodAnswer", json_file: Path | None) -> None:
    from eks_gpu.live.why.render_pods import render
    from eks_gpu.plan.render import Redacted

    Terminal(stderr=json_file == STDOUT).print(Redacted(render(pods), pods.secrets))


# --- nodes -----------------------------------------------------------------------------------------------------------
