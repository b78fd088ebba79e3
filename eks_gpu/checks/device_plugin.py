"""The NVIDIA device plugin and driver: a GPU node needs each of them once, and a CPU node neither."""

from collections.abc import Iterable, Iterator, Sequence

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import pod_of_values
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import DRIVER_OF_G7
from eks_gpu.cost.admission import untolerated
from eks_gpu.graph.unread import may_bring
from eks_gpu.karpenter.objects import node_pools, part
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.selection import unselected
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu.pools.scope import ACCELERATED, NODE_POOLS, Scope
from eks_gpu.pools.software import (
    DEVICE_PLUGIN,
    DRA_DRIVER_IMAGES,
    GPU_OPERATOR,
    Sharing,
    Software,
    config_named,
    device_plugin_pod,
    dra_driver_pod,
    finds_its_own_nodes,
    operator_pod,
    sharing,
)
from eks_gpu.pools.user_data import pods_on_one_gpu
from eks_gpu_components.catalog import (
    COMPUTE_TYPE_LABEL,
    DCGM_EXPORTER_CHART,
    DEPLOY_DEVICE_PLUGIN_LABEL,
    DEVICE_PLUGIN_CONFIG_LABEL,
    DEVICE_PLUGINS,
    FEATURE_DISCOVERY_TOLERATIONS,
    GPU_PRESENT_LABEL,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    DevicePlugin,
)
from eks_gpu_components.catalog.images import GPUS_WITHOUT_DRIVER
from eks_gpu_components.catalog.instance_types import MAKERS
from eks_gpu_components.catalog.scheduling import MIG_RESOURCE, device_of

_LIKE_A_PLUGIN = ("nvidia", "gpu", "neuron", "device", "accelerator")
# A fix says what NVIDIA's needs; for the others stands here what they need in its place.
_REACHES = {"neuron": "let it tolerate the taints of the pool, and select its instance types"}
_AVOIDS = {"neuron": f"require {INSTANCE_TYPE_LABEL} In the types of the pools"}


def _plugins(context: Context, plugin: DevicePlugin) -> Iterator[tuple[str, Pod, bool]]:
    """Name, pod, and whether its chart finds its nodes by itself: from Helm releases and plain DaemonSets."""
    read = set()
    for release in context.software:
        pod = device_plugin_pod(release, plugin)
        if pod:
            read.add(release.urn)
            yield f"release {release.name}", pod, finds_its_own_nodes(release)
    for workload in context.workloads:
        made = context.graph.get(workload.resource)
        if made and made.parent in read:
            continue
        if workload.daemon and any(plugin.image in image for image in workload.pod.images):
            yield str(workload), workload.pod, False


def dra_drivers(context: Context, pool: Pool) -> list[str]:
    """Names of the releases and DaemonSets by which NVIDIA's DRA driver runs on every node of the pool."""
    if pool.accelerator != "nvidia":
        return []
    releases = ((f"release {each.name}", dra_driver_pod(each)) for each in context.software)
    plain = (
        (str(each), each.pod)
        for each in context.workloads
        if each.daemon and any(name in image for name in DRA_DRIVER_IMAGES for image in each.pod.images)
    )
    return [name for name, pod in (*releases, *plain) if pod and not rejection(pod, pool)]


def _may_bring_one(context: Context) -> str:
    """Names of what was not read and may be a device plugin: any file, a chart in a folder, or a chart named so."""
    return ", ".join(may_bring(context.unread, *_LIKE_A_PLUGIN))


def _of_pools(context: Context) -> Iterator[tuple[Pool, DevicePlugin]]:
    """The pools whose nodes need a device plugin, wherever it comes from, and which."""
    for pool in context.pools:
        if pool.accelerator in DEVICE_PLUGINS:
            yield pool, DEVICE_PLUGINS[pool.accelerator]


def rejection(pod: Pod, pool: Pool) -> str:
    """Why a DaemonSet's pod does not run on some node of the pool; empty when it runs on all."""
    labels = (unselected(pod, node.labels | dict(pool.late_labels)) for node in pool.candidates)
    return untolerated(pod, pool.hard_taints) or next(filter(None, labels), "")


@check(
    "device-plugin-reaches-gpu-pools",
    subject="NVIDIA or Neuron pool",
    fix=f"let the device plugin tolerate the taints of the pool, and label the nodes {GPU_PRESENT_LABEL}=true",
    sources=(
        sources.DEVICE_PLUGIN,
        sources.GPU_OPERATOR,
        sources.NEURON_CHARTS,
    ),
)
def reaches(context: Context) -> Iterator[Said]:
    """A GPU node without a device plugin offers no GPU: pods stay Pending while the node costs money.

    The same holds for Neuron devices and their plugin. The GPU operator's node feature discovery must run on the nodes
    too. A file or chart that the plan cannot read may bring the plugin: then there is no verdict.
    """
    for pool, plugin in _of_pools(context):
        if pool.device_plugin:
            continue
        plugins = list(_plugins(context, plugin))
        reasons = {name: rejection(pod, pool) for name, pod, _ in plugins}
        if plugin.kind == "nvidia":
            reasons |= {name: reason for name, reason in _undiscovered(context, pool) if not reasons.get(name, "")}
        reached = [name for name, reason in reasons.items() if not reason]
        problem = None
        if not reached and (drivers := dra_drivers(context, pool)):
            yield verdict(pool.name, None, f"{', '.join(drivers)} makes devices of its GPUs, which pods claim")
            continue
        if not plugins and (unread := _may_bring_one(context)):
            said = f"no {plugin.title} device plugin was read, but {unread} may bring it"
            yield Said(pool.name, (), "", unjudged=said)
            continue
        elif not plugins and context.of_another_stack:
            continue
        elif not plugins:
            problem = Problem(
                f"the stack has no {plugin.title} device plugin, so its nodes offer no {plugin.device}",
                "add the component or the chart",
            )
        elif not reached:
            said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            problem = Problem(
                f"the device plugin does not run there, so its nodes offer no {plugin.device}. {said}",
                _REACHES.get(plugin.kind, ""),
            )
        yield verdict(pool.name, problem, f"{', '.join(reached)} runs on every node")


def _undiscovered(context: Context, pool: Pool) -> Iterator[tuple[str, str]]:
    """GPU operators whose feature discovery does not see the pool: they then take its GPUs for none.

    Source: NVIDIA GPU operator 26.7, Helm chart, values.yaml.
    """
    for release in context.charts(GPU_OPERATOR):
        worker = release.value("node-feature-discovery", "worker", default={})
        reason = untolerated(pod_of_values({"tolerations": FEATURE_DISCOVERY_TOLERATIONS, **worker}), pool.hard_taints)
        if reason and release.value("nfd", "enabled", default=True):
            yield f"release {release.name}", f"its feature discovery does not run there: {reason}"


@check(
    "device-plugin-avoids-cpu-pools",
    subject="device plugin",
    fix=f"require the label {GPU_PRESENT_LABEL}=true",
    sources=(sources.DEVICE_PLUGIN,),
)
def avoids(context: Context) -> Iterator[Said]:
    """The device plugin crash-loops on nodes without its devices."""
    for plugin in DEVICE_PLUGINS.values():
        for name, pod, finds_its_own in _plugins(context, plugin):
            if finds_its_own:
                continue
            others = (pool for pool in context.pools if pool.accelerator != plugin.kind)
            reached = [pool.name for pool in others if not rejection(pod, pool)]
            nothing = f"where it finds no {plugin.title} {plugin.device} and {plugin.elsewhere}"
            astray = Problem(f"it runs on {', '.join(reached)}, {nothing}", _AVOIDS.get(plugin.kind, ""))
            yield verdict(name, astray if reached else None, "it runs on no node that does not need it")


@check(
    "one-owner-of-the-gpu-stack",
    subject="NVIDIA or Neuron pool",
    fix="leave driver and device plugin to one of image, chart and operator",
    sources=(
        sources.GPU_OPERATOR,
        sources.NODE_IMAGES,
    ),
)
def one_owner(context: Context) -> Iterator[Said]:
    """Two device plugins conflict over one GPU, and a second driver breaks the node.

    A device plugin and the DRA driver keep separate accounts of one GPU, and give it to two pods.

    The check looks at the image, Auto Mode, the charts of plugin and DRA driver, and the GPU operator.
    """
    for pool, plugin in _of_pools(context):
        owners = [_image(pool)] if pool.device_plugin else []
        owners += [name for name, pod, _ in _plugins(context, plugin) if not rejection(pod, pool)]
        problems = [_second_plugin(pool, plugin, owners)] if len(owners) > 1 else []
        drivers = dra_drivers(context, pool)
        if owners and drivers:
            problems.append(_plugin_and_driver(owners, drivers))
        if plugin.kind == "nvidia":
            found = (_second_driver(release, pool) for release in context.charts(GPU_OPERATOR))
            problems += [problem for problem in found if problem]
        gives = f"its GPUs are given away by {' and '.join(drivers)}" if drivers else ""
        yield verdict(pool.name, problems, gives or f"the device plugin is {' and '.join(owners) or 'nobody'}'s")


def _image(pool: Pool) -> str:
    return "EKS Auto Mode" if pool.backend == AUTO_MODE else "the node image"


def _second_plugin(pool: Pool, plugin: DevicePlugin, owners: list[str]) -> Problem:
    keep_off = (
        f"keep the chart off: require {COMPUTE_TYPE_LABEL} NotIn [auto]"
        if pool.backend == AUTO_MODE
        else f"keep the chart off: require {DEPLOY_DEVICE_PLUGIN_LABEL} NotIn [false], and give these nodes the label, "
        "false"
        if pool.device_plugin
        else "remove one of them"
    )
    conflict = f"each bring a device plugin, which conflict over its {plugin.device}s"
    return Problem(f"{' and '.join(owners)} {conflict}", keep_off)


def _plugin_and_driver(owners: Sequence[str], drivers: Sequence[str]) -> Problem:
    told = f"{' and '.join(owners)} and {' and '.join(drivers)} each give its GPUs away: by number, and by claim"
    label = f"{DEPLOY_DEVICE_PLUGIN_LABEL}=false"
    return Problem(told, f"give nodes whose GPUs pods claim the label {label}, and let only the DRA driver run there")


def _second_driver(release: Software, pool: Pool) -> Problem | None:
    """What the operator installs though the image has it."""
    if not pool.driver or rejection(operator_pod(release), pool):
        return None
    second = [part for part in ("driver", "toolkit") if release.value(part, "enabled", default=True) is not False]
    if not second:
        return None
    things, settings = " and ".join(second), " and ".join(f"{part}.enabled" for part in second)
    return Problem(
        f"release {release.name} installs {things} beside those of the node image", f"set {settings} to false"
    )


@check(
    "gpu-nodes-have-a-driver",
    subject="NVIDIA or Neuron pool whose image is known",
    fix="take an image with the driver; for NVIDIA GPUs the operator may install it",
    relies_on=("software", "pods"),
    scope=ACCELERATED,
    sources=(
        sources.NODE_IMAGES,
        sources.GPU_OPERATOR,
    ),
)
def driver(context: Context) -> Iterator[Said]:
    """Nodes offer no GPU: pods stay Pending while the nodes cost money.

    EKS's images have drivers for NVIDIA and Neuron. The check warns of a GPU that is too new for them, as one source
    has it.
    """
    for pool in context.pools:
        if pool.accelerator and pool.accelerator not in DEVICE_PLUGINS and pool.driver is False:
            said = f"no image of EKS has a driver for {MAKERS[pool.accelerator]}'s accelerators"
            yield verdict(pool.name, Problem(said, "take types with NVIDIA GPUs, or an image of your own"), "")
    for pool, plugin in _of_pools(context):
        if pool.driver is None:
            continue
        if plugin.kind != "nvidia":
            missing = Problem(f"its image has no {plugin.title} driver", "take one that has it")
            yield verdict(pool.name, None if pool.driver else missing, "it is of its image")
            continue
        installers = [release.name for release in driver_installers(context.software, pool)]
        if not installers and not pool.driver and context.of_another_stack:
            continue
        problem = (
            None if pool.driver or installers else Problem("neither its image nor the GPU operator has the driver")
        )
        if pool.driver and (lacking := _too_new(pool)):
            said = f"EKS's images have no driver for {lacking}: {DRIVER_OF_G7}"
            problem = Problem(said, "take other types, or an image of your own with a newer driver")
            yield verdict(pool.name, problem, "", "warning")
            continue
        yield verdict(pool.name, problem, f"it is of {'its image' if pool.driver else ', '.join(installers)}")


def driver_installers(releases: Iterable[Software], pool: Pool) -> Iterator[Software]:
    """GPU operators that install the driver of NVIDIA GPUs on every node of the pool."""
    for release in releases:
        installs = release.chart == GPU_OPERATOR and release.value("driver", "enabled", default=True)
        if installs and not rejection(operator_pod(release), pool):
            yield release


def _too_new(pool: Pool) -> str:
    """Families of the pool, with their GPU, that the driver of EKS's images does not know."""
    rows = (row for row in pool.types if row.accelerator and row.accelerator.name in GPUS_WITHOUT_DRIVER)
    return ", ".join(dict.fromkeys(f"{row.family} ({row.accelerator.name})" for row in rows if row.accelerator))


@check(
    "shared-gpus-are-planned",
    subject="NVIDIA node pool",
    severity="warning",
    fix="share GPUs in a group with tags for the autoscaler, or add a NodeOverlay with the shares of a node",
    scope=Scope(NODE_POOLS, ("nvidia",)),
    sources=(
        sources.DEVICE_PLUGIN,
        sources.KARPENTER,
    ),
)
def shared(context: Context) -> Iterator[Said]:
    """A node starts for every pod, although several could share one GPU: controllers count physical GPUs.

    Or pods wait on a node that is full, because a NodeOverlay counts more shares than the device plugin makes. The
    check reads the configurations in the values of the device plugin's chart and of the GPU operator's, and in the
    ConfigMap that these name. Where the plugin renames the shared GPUs, pods that ask for whole ones never run.
    """
    classes = {found.resource.urn: found.node_class for found in node_pools(context.graph)}
    for pool in context.pools:
        plugins = [*context.charts(DEVICE_PLUGIN), *context.charts(GPU_OPERATOR)]
        unread = [one for one in plugins if config_named(one) and one.config_map is None]
        if unread and pool.backend != AUTO_MODE:
            named = f"ConfigMap {unread[0].namespace}/{config_named(unread[0])}"
            yield no_verdict(pool.name, f"{named} says whether its GPUs are shared, and nothing here makes it")
            continue
        of_release = max(
            (sharing(one, pool.labels) for one in plugins), key=lambda each: each.replicas, default=Sharing()
        )
        replicas = of_release.replicas
        if own := classes.get(pool.urn):
            replicas = max(replicas, pods_on_one_gpu(part(own.inputs, "spec").get("userData")))
        problem = None
        if pool.backend == AUTO_MODE and DEVICE_PLUGIN_CONFIG_LABEL in pool.labels:
            said = f"Auto Mode's device plugin reads no label {DEVICE_PLUGIN_CONFIG_LABEL}, so no GPU is shared"
            problem = Problem(said, "share GPUs on nodes of your own")
        elif pool.backend != AUTO_MODE and replicas > 1:
            counted, gate = _counts_shares(pool), pool.overlaid.gate
            if counted and gate is None:
                yield no_verdict(pool.name, "its NodeOverlay counts shares if the gate is on, which nothing here says")
                continue
            said = f"{replicas} pods share a GPU there, but Karpenter plans a whole one for each"
            if counted and not gate:
                fix = "set settings.featureGates.nodeOverlay of Karpenter's chart to true"
                problem = Problem(f"{said}: the gate NodeOverlay is off", fix)
            elif not counted and of_release.resource != GPU_RESOURCE:
                problem = _renamed(of_release)
            elif not counted:
                problem = Problem(said)
            elif gate:
                problem = next(_too_many_shares(pool, replicas), None)
        yield verdict(pool.name, problem, "a GPU counts as what pods get")


def _renamed(given: Sharing) -> Problem:
    said = f"its nodes offer {given.resource} and no {GPU_RESOURCE}: Karpenter starts nodes for pods that ask for"
    said = f"{said} {GPU_RESOURCE}, which never run, and none for pods that ask for {given.resource}"
    fix = (
        f"leave renameByDefault and rename out, and add a NodeOverlay with {given.replicas} {GPU_RESOURCE} for each GPU"
    )
    return Problem(said, fix)


def _counts_shares(pool: Pool) -> bool:
    """Whether overlays say of each of the pool's GPU types how many shares its nodes offer, under whatever name."""
    given = [pool.overlaid.capacity.get(row.name, {}) for row in pool.types if row.gpus]
    return all(any(device_of(resource) == GPU_RESOURCE for resource in found) for found in given)


def _too_many_shares(pool: Pool, replicas: int) -> Iterator[Problem]:
    """Types of which an overlay promises more shares than the device plugin makes of their GPUs."""
    for row in pool.types:
        made = row.gpus * replicas
        for resource, told in pool.overlaid.capacity.get(row.name, {}).items():
            shares = device_of(resource) == GPU_RESOURCE and not resource.startswith(MIG_RESOURCE)
            if shares and told.amount > made:
                said = f"Karpenter expects {told.amount} {resource} of a {row.name}, which offers {made}"
                yield Problem(f"{said}: pods wait on a full node", f"write {made} into the NodeOverlay's capacity")


@check(
    "metrics-exporter-fits-its-nodes",
    subject="DCGM exporter release",
    severity="warning",
    fix="let the exporter tolerate and select only GPU nodes",
    sources=(sources.GPU_OPERATOR,),
)
def exporter(context: Context) -> Iterator[Said]:
    """GPUs have no metrics, or the exporter crash-loops on nodes without a GPU."""
    pools = [pool for pool in context.pools if pool.backend != AUTO_MODE]
    for release in context.charts(DCGM_EXPORTER_CHART.short_name):
        pod = pod_of_values(release.values)
        # On an image with a device plugin of its own it would see no GPU.
        seen = [pool for pool in pools if pool.labels.get(DEPLOY_DEVICE_PLUGIN_LABEL) != "false"]
        missed = [pool.name for pool in seen if pool.accelerator == "nvidia" and rejection(pod, pool)]
        astray = [pool.name for pool in pools if pool.accelerator != "nvidia" and not rejection(pod, pool)]
        problems = [Problem(f"it does not run on {', '.join(missed)}", "tolerate their taints")] if missed else []
        if astray:
            said = f"it crash-loops on {', '.join(astray)}, where there is no NVIDIA GPU"
            problems.append(Problem(said, f"select {GPU_PRESENT_LABEL}=true"))
        yield verdict(f"release {release.name}", problems, "it runs where NVIDIA GPUs are")
