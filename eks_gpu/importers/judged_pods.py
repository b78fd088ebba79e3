"""Whether the pods of a file run on the pools that it becomes."""

from collections.abc import Sequence

from eks_gpu.importers.fields import Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_pools import Settled
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, Selection, Toleration, Workload
from eks_gpu.importers.units_and_names import is_known_type, unknown_type
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    DEVICE_PLUGINS,
    GPU_PRESENT_LABEL,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    KARPENTER_GROUP,
    NODE_POOL_LABEL,
    OLD_LABELS,
    OS_LABEL,
    REGION_LABEL,
    ZONE_LABEL,
    InstanceType,
    Taint,
    brings_plugin,
)

_OF_EVERY_NODE = (ARCH_LABEL, CAPACITY_TYPE_LABEL, OS_LABEL, REGION_LABEL, ZONE_LABEL, INSTANCE_TYPE_LABEL)
_BACKENDS = {KARPENTER_GROUP: KARPENTER, AUTO_MODE_GROUP: AUTO_MODE}
_TAINTS = {resource: plugin.taint for plugin in DEVICE_PLUGINS.values() for resource in plugin.resources}
"""The taint of nodes by a resource that they have."""
_OWN_TAINTS = {taint.key: taint for taint in _TAINTS.values()}
_FROZEN = ("k8s.gcr.io/", "gcr.io/google_containers/", "gcr.io/google-containers/")
_OWNER = "one-owner-of-the-gpu-stack"
_PLUGIN = "device-plugin-reaches-gpu-pools"


def judge_workload(workload: Workload, pools: Sequence[Settled], findings: Findings) -> None:
    """A workload's tolerations, selectors, images and requests."""
    for image in workload.images:
        if image.name.startswith(_FROZEN):
            message = f"{image.name.partition('/')[0]} is frozen since 2023, and its images go one day: take another"
            findings.tell("images-are-from-living-registries", image.place, message)
    _judge_types(workload, findings)
    gpu_pools = [pool for pool in pools if pool.taint]
    if workload.requests:
        _judge_tolerations(workload, gpu_pools, findings)
        _judge_selections(workload, gpu_pools, findings)
        _judge_size(workload, gpu_pools, findings)
    elif workload.kind != "DaemonSet":
        for toleration in workload.tolerations:
            if toleration.key in _OWN_TAINTS:
                message = "it asks for no GPU but may run where GPUs are, and keep such a node from going: remove this"
                findings.tell("cpu-work-stays-off-gpu-nodes", toleration.place, message)


def _judge_tolerations(workload: Workload, pools: Sequence[Settled], findings: Findings) -> None:
    for toleration in workload.tolerations:
        if toleration.key in _OWN_TAINTS and toleration.operator != "Exists" and not toleration.value:
            message = (
                f"without operator and value it is Equal to an empty value, and tolerates {toleration.key} without a "
                f"value alone, not {_OWN_TAINTS[toleration.key].for_kubelet()}: write operator: Exists"
            )
            findings.tell("tolerations-use-exists", toleration.place, message)
    taints = {pool.taint for pool in pools if pool.taint} or {_TAINTS[key] for key in workload.requests}
    concerned = [found for found in workload.tolerations if found.key in {taint.key for taint in taints}]
    if not concerned and not any(tolerates(found, taint) for found in workload.tolerations for taint in taints):
        shown = ", ".join(sorted(taint.for_kubelet() for taint in taints))
        message = f"its pods tolerate none of {shown}, so no GPU node takes them: add a toleration with operator Exists"
        findings.tell("gpu-pods-tolerate-the-taint", workload.place, message)
        return
    for toleration in concerned:
        fits = any(tolerates(toleration, taint) for taint in taints)
        if not fits and (toleration.value or toleration.operator == "Exists"):
            shown = ", ".join(sorted(taint.for_kubelet() for taint in taints))
            message = (
                f"it tolerates {toleration.key}={toleration.value}:{toleration.effect or 'any'}, nodes have {shown}"
            )
            findings.tell("gpu-pods-tolerate-the-taint", toleration.place, message)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a pod with the toleration may be on a node with the taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.operator == "Exists":
        return toleration.key in ("", taint.key)
    return toleration.key == taint.key and toleration.value == taint.value


def _judge_types(workload: Workload, findings: Findings) -> None:
    for selection in workload.selections:
        if selection.key in OLD_LABELS:
            message = f"{selection.key} is the label's old name: write {OLD_LABELS[selection.key]}"
            findings.tell("labels-are-current", selection.place, message)
        if OLD_LABELS.get(selection.key, selection.key) != INSTANCE_TYPE_LABEL:
            continue
        gone = [name for name in selection.values if not is_known_type(name)]
        if gone:
            more = f"; and {len(gone) - 1} more" if len(gone) > 1 else ""
            findings.tell("instance-types-are-offered", selection.place, f"{unknown_type(gone[0])}{more}")


def _judge_selections(workload: Workload, pools: Sequence[Settled], findings: Findings) -> None:
    if not pools:
        return
    for selection in workload.selections:
        if reason := _unselectable(selection, pools):
            findings.tell("pods-select-what-nodes-have", selection.place, reason)


def _unselectable(selection: Selection, pools: Sequence[Settled]) -> str:
    """Why no pool's nodes have the label when the first of them is to be started."""
    key = OLD_LABELS.get(selection.key, selection.key)
    given = {value for pool in pools if (value := _labels(pool).get(key)) is not None}
    backends = {pool.backend for pool in pools}
    if key == INSTANCE_TYPE_LABEL:
        types = {row.name for pool in pools for row in pool.rows}
        if types and selection.values and not types & {*selection.values}:
            return f"the pools have {', '.join(sorted(types))}: select by the resource {GPU_RESOURCE} alone"
        return ""
    if key in _OF_EVERY_NODE:
        return ""
    prefix = key.rpartition("/")[0]
    if prefix in _BACKENDS:
        wanted = _BACKENDS[prefix]
        if wanted in backends and (key != COMPUTE_TYPE_LABEL or "auto" in selection.values):
            return ""
        return f"no node of the pools gets {key}: they are of {', '.join(sorted(backends))}"
    if given and (not selection.values or given & {*selection.values}):
        return ""
    if given:
        return f"the pools have {key}={', '.join(sorted(given))}, and not {', '.join(selection.values)}"
    if prefix == "nvidia.com":
        return f"{key} is there only after a node is, so nobody starts the first one for it: leave it out"
    return f"no pool's labels have {key}: add it to the pool's labels, or leave it out"


def _labels(pool: Settled) -> dict[str, str]:
    named = {NODE_POOL_LABEL: pool.name} if pool.backend in (KARPENTER, AUTO_MODE) else {}
    return {GPU_PRESENT_LABEL: "true", **named, **pool.labels}


def _judge_size(workload: Workload, pools: Sequence[Settled], findings: Findings) -> None:
    for resource, asked in workload.requests.items():
        most = max((row.accelerator.offered.get(resource, 0) for row in _rows(pools) if row.accelerator), default=0)
        if not most or asked <= most:
            continue
        message = f"one pod asks for {asked}, and the pools' nodes have {most} at most: give it a pool of its own"
        findings.tell("gpu-requests-fit-a-node", workload.requests_place, message)


def _rows(pools: Sequence[Settled]) -> list[InstanceType]:
    return [row for pool in pools for row in pool.rows]


def _of_kind(pools: Sequence[Settled], kind: str) -> list[Settled]:
    return [pool for pool in pools if any(row.accelerator and row.accelerator.kind == kind for row in pool.rows)]


def judge_device_plugin(plugin: Workload, pools: Sequence[Settled], findings: Findings) -> None:
    """A device plugin's DaemonSet, whose place the program's own takes."""
    its_own = DEVICE_PLUGINS[plugin.device_plugin]
    pools = _of_kind(pools, plugin.device_plugin)
    if any(pool.backend == AUTO_MODE for pool in pools):
        message = "Auto Mode's nodes bring a device plugin, and a second one breaks it: remove this DaemonSet"
        findings.tell(_OWNER, plugin.place, message)
    for image in plugin.images:
        tag = image.name.partition("@")[0].rpartition(":")[2].removeprefix("v")
        if "device-plugin" in image.name and tag != its_own.chart.app_version:
            message = f"{tag} is old: the program installs {its_own.chart.app_version}; remove this DaemonSet"
            findings.tell("device-plugin-is-current", image.place, message)
    _judge_types(plugin, findings)
    for pool in pools:
        if pool.taint and not any(tolerates(found, pool.taint) for found in plugin.tolerations):
            taint = pool.taint.for_kubelet()
            message = f"it does not tolerate {taint} of {pool.name}, whose nodes would offer no {its_own.device}"
            findings.tell(_PLUGIN, plugin.place, message)
        for selection in plugin.selections:
            selected = {*selection.values}
            named = OLD_LABELS.get(selection.key, selection.key) == INSTANCE_TYPE_LABEL
            if named and pool.taint and not {row.name for row in pool.rows} & selected:
                message = (
                    f"it selects types that {pool.name} does not have, so its nodes would offer no {its_own.device}"
                )
                findings.tell(_PLUGIN, selection.place, message)


def judge_missing_device_plugin(kind: str, pools: Sequence[Settled], place: Place, findings: Findings) -> None:
    """Karpenter's nodes offer no accelerator by themselves; eksctl gives its own groups the plugin."""
    plugin = DEVICE_PLUGINS[kind]
    names = [
        pool.name
        for pool in _of_kind(pools, kind)
        if pool.backend == KARPENTER and not brings_plugin(pool.settings["pool"].get("node_image", "al2023"), kind)
    ]
    if names:
        message = (
            f"nothing here installs the {plugin.title} device plugin, so nodes of {', '.join(names)} offer no "
            f"{plugin.device}, their pods stay Pending and more nodes come: the program installs "
            f"{plugin.chart.app_version}"
        )
        findings.tell(_PLUGIN, place, message)
