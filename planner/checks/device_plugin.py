"""The NVIDIA device plugin: without it a GPU node has no GPU, beside another one or on a CPU node it breaks."""

from collections.abc import Iterator

from eks_gpu_components.catalog.auto_mode import COMPUTE_TYPE_LABEL

from ..admission import untolerated
from ..pods import Pod
from ..pools import AUTO_MODE, Pool
from ..selection import unselected
from ..software import GPU_OPERATOR, Software, device_plugin_pod, finds_its_own_nodes, operator_pod
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
    labels = (unselected(pod, node.labels | dict(pool.late_labels)) for node in pool.candidates)
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
    """Without a driver the plugin crash-loops."""
    for name, pod, finds_its_own in _plugins(context):
        if finds_its_own:
            continue
        reached = [pool.name for pool in context.pools if pool.accelerator != "nvidia" and not _rejection(pod, pool)]
        problem = (
            f"it runs on {', '.join(reached)}, where it finds no NVIDIA GPU and crash-loops: "
            "require the label nvidia.com/gpu.present=true"
            if reached
            else ""
        )
        yield verdict(name, problem, "it runs on no node that does not need it")


@check("one-owner-of-the-gpu-stack")
def one_owner(context: Context) -> Iterator[Said]:
    """Two device plugins fight over one GPU, and a second driver breaks the node."""
    plugins = list(_plugins(context))
    for pool in context.pools:
        if pool.accelerator != "nvidia":
            continue
        owners = [_image(pool)] if pool.device_plugin else []
        owners += [name for name, pod, _ in plugins if not _rejection(pod, pool)]
        problems = [_second_plugin(pool, owners)] if len(owners) > 1 else []
        problems += [problem for release in context.charts(GPU_OPERATOR) if (problem := _second_driver(release, pool))]
        yield verdict(pool.name, "; ".join(problems), f"the device plugin is {' and '.join(owners) or 'nobody'}'s")


def _image(pool: Pool) -> str:
    return "EKS Auto Mode" if pool.backend == AUTO_MODE else "the node image"


def _second_plugin(pool: Pool, owners: list[str]) -> str:
    keep_off = (
        f"keep the chart off: require {COMPUTE_TYPE_LABEL} NotIn [auto]"
        if pool.backend == AUTO_MODE
        else f"keep the chart off: require {KEEPS_OFF} NotIn [false], and give these nodes the label, false"
        if pool.device_plugin
        else "remove one of them"
    )
    return f"{' and '.join(owners)} each bring a device plugin, which fight over its GPUs: {keep_off}"


def _second_driver(release: Software, pool: Pool) -> str:
    """What the operator installs though the image has it."""
    if not pool.driver or _rejection(operator_pod(release), pool):
        return ""
    second = [part for part in ("driver", "toolkit") if release.value(part, "enabled", default=True) is not False]
    if not second:
        return ""
    things, settings = " and ".join(second), " and ".join(f"{part}.enabled" for part in second)
    return f"release {release.name} installs {things} beside those of the node image: set {settings} to false"
