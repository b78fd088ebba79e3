"""Slices of GPUs (MIG): what a pool's nodes are labelled for is cut, and named as it is planned."""

from collections.abc import Iterator

from eks_gpu.checks import sources
from eks_gpu.checks.device_plugin import rejection
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.graph.unread import may_bring
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu.pools.software import GPU_OPERATOR, Software, cuts_gpus, operator_pod
from eks_gpu_components.catalog.mig import MIG_CONFIG_LABEL
from eks_gpu_components.catalog.scheduling import MIG_RESOURCE

_UNCUT = "all-disabled"
_MANAGER = "mig-manager"
"""Part of the name of the MIG manager's image."""
_STRATEGIES = ("single", "mixed")


@check(
    "gpu-slices-are-made",
    subject="pool whose nodes are labelled for slices (MIG)",
    fix="install the GPU operator with its MIG manager, and mig.strategy mixed",
    relies_on=("software",),
    sources=(sources.GPU_OPERATOR,),
)
def made(context: Context) -> Iterator[Said]:
    """Pods that request a slice stay Pending on a node that costs money: it has whole GPUs, or slices of another name.

    With the strategy mixed a slice is a resource such as `nvidia.com/mig-1g.10gb`, with single it is `nvidia.com/gpu`.
    A MIG manager of one's own is not judged.
    """
    for pool in context.pools:
        config = pool.labels.get(MIG_CONFIG_LABEL, _UNCUT)
        if config == _UNCUT or pool.accelerator != "nvidia" or pool.backend == AUTO_MODE:
            continue
        operators = [one for one in context.charts(GPU_OPERATOR) if not rejection(operator_pod(one), pool)]
        if not operators:
            if context.of_another_stack or _has_a_manager(context):
                continue
            if unread := ", ".join(may_bring(context.unread, "nvidia", "gpu", "mig")):
                yield no_verdict(pool.name, f"no GPU operator was read, but {unread} may bring it")
                continue
        problems = [problem for one in operators for problem in _uncut(one, pool)]
        if not operators:
            problems = [Problem(f"its nodes are labelled {MIG_CONFIG_LABEL}={config}, and nothing cuts their GPUs")]
        yield verdict(pool.name, problems, f"its GPUs are cut as {config} says")


def _has_a_manager(context: Context) -> bool:
    return any(_MANAGER in image for each in context.workloads if each.daemon for image in each.pod.images)


def _uncut(operator: Software, pool: Pool) -> Iterator[Problem]:
    strategy = str(operator.value("mig", "strategy", default="single"))
    if not cuts_gpus(operator):
        said = f"release {operator.name} has no MIG manager, so its GPUs stay whole"
        yield Problem(said, "set migManager.enabled to true")
    elif strategy not in _STRATEGIES:
        said = f"release {operator.name} has mig.strategy {strategy}, so nobody hands out its slices"
        yield Problem(said, "set mig.strategy to mixed")
    elif strategy != "mixed" and (planned := _planned(pool)):
        said = f"with mig.strategy {strategy} of release {operator.name} its slices are nvidia.com/gpu, not {planned}"
        yield Problem(said, "set mig.strategy to mixed")


def _planned(pool: Pool) -> str:
    """The resource under which Karpenter or the autoscaler is told of slices; empty if it is told of none."""
    overlaid = [name for found in pool.overlaid.capacity.values() for name in found]
    tagged = list(pool.template.resources) if pool.template else []
    return next((name for name in (*overlaid, *tagged) if name.startswith(MIG_RESOURCE)), "")
