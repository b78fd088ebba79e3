"""The NVIDIA device plugin: without it a GPU node has no GPU, beside another one or on a CPU node it breaks."""

from collections.abc import Iterator

from ..admission import unselected, untolerated
from ..pods import Pod
from ..pools import Pool
from ..software import device_plugin_pod, finds_its_own_nodes
from .registry import Context, Said, check, verdict

IMAGE = "k8s-device-plugin"
KEEPS_OFF = "nvidia.com/gpu.deploy.device-plugin"


def _plugins(context: Context) -> Iterator[tuple[str, Pod, bool]]:
    """Name, pod, and whether its chart finds GPU nodes by itself: from Helm releases and plain DaemonSets."""
    for release in context.software:
        pod = device_plugin_pod(release)
        if pod:
            yield f"release {release.name}", pod, finds_its_own_nodes(release)
    for workload in context.workloads:
        if workload.daemon and any(IMAGE in image for image in workload.pod.images):
            yield str(workload), workload.pod, False


def _rejection(pod: Pod, pool: Pool) -> str:
    """Why the plugin does not run on some node of the pool; empty when it runs on all."""
    labels = (unselected(pod, node.labels) for node in pool.candidates)
    return untolerated(pod, pool.hard_taints) or next(filter(None, labels), "")


@check("device-plugin-reaches-gpu-pools")
def reaches(context: Context) -> Iterator[Said]:
    """A GPU node on which no plugin runs offers no GPU: pods stay Pending on a node that is paid for."""
    plugins = list(_plugins(context))
    for pool in context.pools:
        if pool.accelerator != "nvidia" or pool.device_plugin:
            continue
        reasons = {name: _rejection(pod, pool) for name, pod, _ in plugins}
        reached = [name for name, reason in reasons.items() if not reason]
        problem = ""
        if not plugins:
            problem = "the stack has no NVIDIA device plugin, so its nodes offer no GPU: add the component or the chart"
        elif not reached:
            said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            problem = f"the device plugin does not run there, so its nodes offer no GPU. {said}"
        yield verdict(pool.name, problem, f"{', '.join(reached)} runs on every node")


@check("device-plugin-avoids-cpu-pools")
def avoids(context: Context) -> Iterator[Said]:
    """Without a driver the plugin crash-loops; beside the plugin of the image it fights over the GPUs."""
    for name, pod, finds_its_own in _plugins(context):
        if finds_its_own:
            continue
        reached = [pool for pool in context.pools if not _rejection(pod, pool)]
        without_gpu = ", ".join(pool.name for pool in reached if pool.accelerator != "nvidia")
        with_plugin = ", ".join(pool.name for pool in reached if pool.device_plugin)
        problems = []
        if without_gpu:
            problems.append(
                f"it runs on {without_gpu}, where it finds no NVIDIA GPU and crash-loops: "
                "require the label nvidia.com/gpu.present=true"
            )
        if with_plugin:
            problems.append(
                f"it runs on {with_plugin}, where the image brings a device plugin already: require "
                f"{KEEPS_OFF} NotIn [false], and give those nodes the label with the value false"
            )
        yield verdict(name, "; ".join(problems), "it runs on no node that does not need it")
