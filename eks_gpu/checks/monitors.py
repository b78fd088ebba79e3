"""Metrics: whose they are, and who knows the kinds that say what is scraped."""

from collections.abc import Iterator

from eks_gpu.checks import sources
from eks_gpu.checks.device_plugin import rejection
from eks_gpu.checks.names import subject
from eks_gpu.checks.order import waits_for
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.pools.software import GPU_OPERATOR, exporter_pods
from eks_gpu_components.catalog import DCGM_EXPORTER_CHART, KNOWN_CHARTS, PROMETHEUS_CHART

GROUP = "monitoring.coreos.com"
_EXPORTER, _PROMETHEUS = DCGM_EXPORTER_CHART.short_name, PROMETHEUS_CHART.short_name
_FIX = f"install {_PROMETHEUS} in the stack"


@check(
    "gpus-have-one-metrics-exporter",
    subject="DCGM exporter release",
    severity="warning",
    fix="leave the release out, or set dcgmExporter.enabled of the GPU operator to false",
    sources=(sources.GPU_OPERATOR,),
)
def one_exporter(context: Context) -> Iterator[Said]:
    """Two exporters on a node compete for the profiling counters of its GPUs, and each GPU is counted twice."""
    operators = [
        release.name
        for release in context.charts(GPU_OPERATOR)
        if release.value("dcgmExporter", "enabled", default=True) is not False
    ]
    for release in context.charts(_EXPORTER):
        problem = Problem(f"the GPU operator of release {', '.join(operators)} brings one too") if operators else None
        yield verdict(f"release {release.name}", problem, "no other release brings one")


@check(
    "metrics-exporters-reach-gpu-nodes",
    subject="DCGM exporter release or DaemonSet",
    severity="warning",
    fix="let it tolerate the taints of the GPU pools, and select labels that their nodes have",
    relies_on=("nodes",),
    sources=(sources.DCGM_EXPORTER,),
)
def reach_nodes(context: Context) -> Iterator[Said]:
    """Nothing is known of any GPU: the exporter's pods run on no GPU node, because of a taint or a label."""
    charts = dict(exporter_pods(context.graph))
    found = [(f"release {each.name}", charts[each.urn]) for each in context.charts(_EXPORTER) if each.urn in charts]
    found += [
        (str(workload), workload.pod)
        for workload in context.workloads
        if workload.daemon and any(_EXPORTER in image for image in workload.pod.images)
    ]
    pools = [pool for pool in context.gpu_pools if pool.accelerator == "nvidia" and pool.candidates]
    for name, pod in found if pools else ():
        away = {pool.name: reason for pool in pools if (reason := rejection(pod, pool))}
        said = "; ".join(f"{pool}: {reason}" for pool, reason in away.items())
        problem = Problem(f"it runs on no GPU node: {said}") if len(away) == len(pools) else None
        yield verdict(name, problem, "it runs on GPU nodes")


@check(
    "monitors-have-their-operator",
    subject="monitor or rule of the Prometheus operator, and DCGM exporter release",
    fix=_FIX,
    relies_on=("software",),
    sources=(sources.PROMETHEUS_STACK, sources.DCGM_EXPORTER),
    of_a_program=True,
)
def have_an_operator(context: Context) -> Iterator[Said]:
    """The update stops with `no matches for kind`: the kinds of the Prometheus operator are not there, or not yet.

    The DCGM exporter's chart makes a ServiceMonitor unless its values say `serviceMonitor.enabled: false`. The check
    says nothing of the cluster of another stack, and of a stack with a chart that may bring the kinds.
    """
    bringing = context.charts(_PROMETHEUS)
    if not bringing and (context.of_another_stack or _may_bring_kinds(context)):
        return
    wanting: list[tuple[str, str, str]] = []
    for release in context.charts(_EXPORTER):
        name = f"release {release.name}"
        if release.value("serviceMonitor", "enabled", default=True) is False:
            yield verdict(name, None, "it makes no monitor")
        else:
            wanting.append((release.urn, name, "leave serviceMonitor.enabled false"))
    wanting += [
        (resource.urn, subject(manifest), "")
        for resource, manifest in kubernetes_objects(context.graph)
        if str(manifest["apiVersion"]).startswith(f"{GROUP}/")
    ]
    for urn, name, otherwise in wanting:
        problem = None
        if not bringing:
            fix = f"{_FIX}, or {otherwise}" if otherwise else ""
            problem = Problem(f"nothing in the stack brings the kinds of {GROUP}", fix)
        elif late := [release.name for release in bringing if release.urn not in waits_for(context.graph, urn)]:
            problem = Problem(
                f"it may be made before release {', '.join(late)}, which brings its kind",
                f"add depends_on=[{', '.join(late)}]",
            )
        yield verdict(name, problem, "the kinds are there before it")


def _may_bring_kinds(context: Context) -> bool:
    """Whether the stack has the kinds' definitions, or a chart of which nothing is known."""
    if any(release.chart not in KNOWN_CHARTS for release in context.software):
        return True
    return any(
        manifest["kind"] == "CustomResourceDefinition" and str(manifest["metadata"]["name"]).endswith(GROUP)
        for _, manifest in kubernetes_objects(context.graph)
    )
