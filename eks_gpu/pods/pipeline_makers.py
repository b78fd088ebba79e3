"""Who makes pods of steps and of parallel jobs: Argo, Spark and Flink.

Sources, each the controller's own types and defaults, read 2026-11-30: Argo Rollouts 1.9.1, pkg/apis/rollouts; Argo
Workflows 4.1, pkg/apis/workflow and workflow/controller; Spark operator 2.5, api/v1beta2; Spark 4, its KubernetesUtils
and its settings on Kubernetes; Flink operator 1.15, FlinkConfigBuilder, with `resources`, which its main branch has;
Flink 2, its external resources.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.pods.composed import maps, placed, scaled
from eks_gpu.pods.made_pods import NONE, SPEC, UNKNOWN, Count, Manifest, Path, PodTemplate, exactly

# --- Argo ------------------------------------------------------------------------------------------------------------


def rollout(found: Manifest) -> Iterator[PodTemplate]:
    """A Deployment's pods by Argo Rollouts; the template may be that of a Deployment."""
    count = exactly(found.whole("spec", "replicas", default=1))
    reference = found.map("spec", "workloadRef")
    if not reference:
        yield found.template("spec", "template", count=count)
        return
    kind, name = str(reference.get("kind") or "Deployment"), str(reference.get("name") or "")
    other = found.find(kind, found.namespace, name)
    template = Manifest(other or {}).map("spec", "template")
    partly = "" if template else f"its template is in {kind} {name}, which was not read"
    path = ("spec", "workloadRef")
    yield PodTemplate(path, count, template or {"spec": {"containers": [{}]}}, path, composed=True, partly=partly)


def experiment(found: Manifest) -> Iterator[PodTemplate]:
    """Versions beside each other for a while, one pod of each unless given."""
    for path in found.each("spec", "templates"):
        stated = found.whole(*path, "replicas", default=1)
        yield found.template(*path, "template", count=exactly(stated).while_it_runs)


_BY_ITS_RUNS = "each run decides how often it needs this step, and nobody knows before how many runs there are"


def workflow(found: Manifest) -> Iterator[PodTemplate]:
    yield from _steps(found, SPEC)


def cron_workflow(found: Manifest) -> Iterator[PodTemplate]:
    yield from _steps(found, ("spec", "workflowSpec"))


def _steps(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """Each template with containers; how often its steps run is known to nobody before they do."""
    whole, defaults = found.map(*base), found.map(*base, "templateDefaults")
    for path in _templates(found, base):
        kinds = [key for key in ("container", "script") if found.map(*path, key)]
        several = maps(found.at(*path, "containerSet", "containers"))
        if not kinds and not several:
            continue
        given = _over(defaults, found.map(*path))
        containers = [{"name": "main", **given[key]} for key in kinds] + several + maps(given.get("sidecars"))
        spec = {**placed(given, whole), "containers": containers, "initContainers": given.get("initContainers")}
        patched = given.get("podSpecPatch") or whole.get("podSpecPatch")
        partly = "podSpecPatch changes the pod, and the planner does not read it" if patched else ""
        yield found.composed(*path, spec=spec, count=UNKNOWN, uncounted=_BY_ITS_RUNS, partly=partly)


def _templates(found: Manifest, base: Path) -> Iterator[Path]:
    """The templates of a workflow, and those that stand within their steps and tasks."""
    waiting = list(found.each(*base, "templates"))
    while waiting:
        path = waiting.pop(0)
        yield path
        steps = found.at(*path, "steps")
        groups = [(*path, "steps", number) for number in range(len(steps) if isinstance(steps, list) else 0)]
        within = [each for group in (*groups, (*path, "dag", "tasks")) for each in found.each(*group)]
        waiting[:0] = [(*each, "inline") for each in within if found.map(*each, "inline")]


def _over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a template over its defaults: maps key by key, tolerations by their keys, other lists as a whole."""
    both = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], Mapping) and isinstance(over[key], Mapping):
            both[key] = _over(under[key], over[key])
    if "tolerations" in under and "tolerations" in over:
        own = maps(over["tolerations"])
        keys = [each.get("key") for each in own]
        both["tolerations"] = [*own, *(each for each in maps(under["tolerations"]) if each.get("key") not in keys)]
    return both


# --- Spark, Flink ----------------------------------------------------------------------------------------------------


def spark_application(found: Manifest) -> Iterator[PodTemplate]:
    yield from _spark(found, SPEC, NONE if _stopped(found) else None)


def scheduled_spark_application(found: Manifest) -> Iterator[PodTemplate]:
    for made in _spark(found, ("spec", "template"), NONE if _stopped(found) else None):
        yield replace(made, count=made.count.later)


def _stopped(found: Manifest) -> bool:
    return found.is_true("spec", "suspend") and not found.waits_in_a_queue


def _spark(found: Manifest, base: Path, none: Count | None) -> Iterator[PodTemplate]:
    """One driver, and executors: one unless given, or between the bounds of dynamic allocation, by default from zero
    without an end. What the application's own fields do not say its `sparkConf` may.
    """
    later = found.is_true("spec", "suspend")
    conf = Manifest(found.map(*base, "sparkConf"))
    stated = found.whole_or_none(*base, "executor", "instances")
    if stated is None:
        stated = conf.whole_or_none("spark.executor.instances")
    executors = exactly(1 if stated is None else stated)
    dynamic = found.map(*base, "dynamicAllocation")
    if found.is_true(*base, "dynamicAllocation", "enabled") or (not dynamic and conf.is_true(_DYNAMIC + "enabled")):
        bounds: dict[str, int | None] = {}
        for key in ("minExecutors", "initialExecutors", "maxExecutors"):
            number = found.whole_or_none(*base, "dynamicAllocation", key)
            bounds[key] = conf.whole_or_none(_DYNAMIC + key) if number is None else number
        least = bounds["minExecutors"] or 0
        first = max(bounds["initialExecutors"] or least, least if stated is None else stated)
        executors = scaled(first, least, bounds["maxExecutors"])
    found.wrong += [((*base, "sparkConf", *path), value) for path, value in conf.wrong]
    for role, count in (("driver", exactly(1)), ("executor", executors)):
        ends = count.while_it_runs
        yield found.composed(
            *base, role, spec=_spark_pod(found, base, role), count=none or (ends.later if later else ends)
        )


_DYNAMIC = "spark.dynamicAllocation."
_LEAST_OVERHEAD_MIB = 384
_JVM = re.compile(r"(\d+)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"k": 1, "": 2, "m": 2, "g": 3, "t": 4, "p": 5}


def _spark_pod(found: Manifest, base: Path, role: str) -> dict[str, Any]:
    """Its own fields over those of its template: whole cores, memory of the JVM and what comes on top, GPUs."""
    given, whole = found.map(*base, role), found.map(*base)
    template = found.map(*base, role, "template", "spec")
    others = maps(template.get("containers"))
    conf = found.map(*base, "sparkConf")
    memory = _mib(given.get("memory") or conf.get(f"spark.{role}.memory") or "1g")
    overhead = given.get("memoryOverhead") or conf.get(f"spark.{role}.memoryOverhead")
    factor = found.text(*base, "memoryOverheadFactor") or str(conf.get("spark.kubernetes.memoryOverheadFactor") or "")
    factor = str(conf.get(f"spark.{role}.memoryOverheadFactor") or factor) or (
        "0.1" if found.text(*base, "type") in ("Java", "Scala", "") else "0.4"
    )
    if isinstance(memory, int):
        top = _mib(overhead) if overhead else max(int(memory * _number(factor)), _LEAST_OVERHEAD_MIB)
        memory = f"{memory + top}Mi" if isinstance(top, int) else memory
    cores = given.get("coreRequest") or conf.get(f"spark.kubernetes.{role}.request.cores") or given.get("cores")
    requests = {"cpu": cores or conf.get(f"spark.{role}.cores") or 1, "memory": memory}
    gpu = found.map(*base, role, "gpu")
    limits = _devices_of_spark(conf, role) | ({str(gpu["name"]): gpu.get("quantity")} if gpu.get("name") else {})
    container = {
        "name": f"spark-kubernetes-{role}",
        "image": given.get("image") or whole.get("image"),
        "resources": {"requests": requests, "limits": limits},
    }
    sidecars = [*maps(given.get("sidecars")), *others[1:]]
    return {
        **placed(given, template, {"nodeSelector": whole.get("nodeSelector")}),
        "containers": [container, *sidecars],
        "initContainers": given.get("initContainers") or template.get("initContainers"),
    }


def _devices_of_spark(conf: Mapping[str, Any], role: str) -> dict[str, Any]:
    """`spark.executor.resource.gpu.amount` of the vendor nvidia.com is a limit on nvidia.com/gpu."""
    prefix, found = f"spark.{role}.resource.", {}
    for key, amount in ((str(key), amount) for key, amount in conf.items()):
        name = key.removeprefix(prefix).removesuffix(".amount")
        vendor = conf.get(f"{prefix}{name}.vendor")
        if key == f"{prefix}{name}.amount" and vendor:
            found[f"{vendor}/{name}"] = amount
    return found


def _mib(text: Any) -> int | Any:
    """Spark's way: `4g`, `512m`, mebibytes without a unit. What it is none of is returned as it is."""
    told = _JVM.fullmatch(str(text).strip())
    if told is None:
        return text
    return -(-int(told[1]) * 1024 ** _POWERS[told[2].lower()] // 1024**2)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.1


def flink_deployment(found: Manifest) -> Iterator[PodTemplate]:
    yield from _flink(found, SPEC)


def flink_blue_green(found: Manifest) -> Iterator[PodTemplate]:
    """One FlinkDeployment; while it is updated there are two."""
    yield from _flink(found, ("spec", "template", "spec"))


_MAIN = "flink-main-container"
_ROLES = {"jobManager": "jobmanager", "taskManager": "taskmanager"}


def _flink(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """JobManagers, one unless given, and TaskManagers: as many as stated, or as the job's parallelism fills."""
    running = found.text(*base, "job", "state") != "suspended"
    conf = Manifest(_flat(found.map(*base, "flinkConfiguration")))
    managers = found.whole(*base, "jobManager", "replicas", default=1) or 1
    workers = found.whole_or_none(*base, "taskManager", "replicas")
    if workers is None and (parallelism := found.whole_or_none(*base, "job", "parallelism")):
        workers = -(-parallelism // max(1, conf.whole("taskmanager.numberOfTaskSlots", default=1)))
    found.wrong += [((*base, "flinkConfiguration", *path), value) for path, value in conf.wrong]
    counts = {"jobManager": exactly(managers), "taskManager": UNKNOWN if workers is None else exactly(workers)}
    for role, count in counts.items():
        path = (*base, role)
        common, own = (found.map(*each, "podTemplate", "spec") for each in (base, path))
        containers = _by_name([*maps(common.get("containers")), *maps(own.get("containers"))])
        main = containers.pop(_MAIN, {})
        container = {**main, "name": "flink", "resources": _flink_resources(found, path, conf, main)}
        first = own.get("initContainers") or common.get("initContainers")
        spec = {**placed(own, common), "containers": [container, *containers.values()], "initContainers": first}
        yield found.composed(*path, spec=spec, count=count if running else NONE)


def _flink_resources(found: Manifest, path: Path, conf: Manifest, main: Mapping[str, Any]) -> dict[str, Any]:
    """CPU and memory of its own fields, else of Flink's; devices of the template and, for the TaskManagers, of Flink's
    external resources.
    """
    name, limits = _ROLES[str(path[-1])], Manifest(main).map("resources", "limits")
    stated = {kind: found.map(*path, "resources", kind) for kind in ("requests", "limits")}
    asked = {**stated["limits"], **stated["requests"]}
    if not asked:
        asked = {key: found.at(*path, "resource", key) for key in ("cpu", "memory")}
        asked["memory"] = _as_quantity(asked["memory"])
    if asked.get("cpu") is None:
        asked["cpu"] = conf.at(f"kubernetes.{name}.cpu.amount") or conf.at(f"kubernetes.{name}.cpu")
    if asked.get("memory") is None:
        asked["memory"] = _as_quantity(conf.at(f"{name}.memory.process.size"))
    devices = _external_resources(conf) if name == "taskmanager" else {}
    requests = {key: value for key, value in {**asked, **devices}.items() if value is not None}
    return {"requests": requests, "limits": {**limits, **stated["limits"], **devices}}


def _external_resources(conf: Manifest) -> dict[str, Any]:
    """`external-resource.gpu.amount` by its name in Kubernetes, for the resources that are named at all."""
    named = conf.at("external-resources") or ()
    names = named if isinstance(named, list) else re.split(r"[;,]", str(named))
    keys = [f"external-resource.{str(name).strip()}" for name in names]
    told = {key: conf.text(f"{key}.kubernetes.config-key") for key in keys}
    amounts = {name: conf.at(f"{key}.amount") for key, name in told.items() if name}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _flat(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flink's settings by their whole keys; they may be written as maps in maps."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _as_quantity(memory: Any) -> Any:
    """`2048m` and `2g` are mebibytes and gibibytes to Flink."""
    mib = _mib(memory) if memory is not None else None
    return f"{mib}Mi" if isinstance(mib, int) else mib


def _by_name(containers: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """All containers of a name in one, later fields over earlier ones."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in containers:
        name = str(each.get("name"))
        found[name] = {**found.get(name, {}), **each}
    return found
