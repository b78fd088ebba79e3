"""Who makes pods that serve, or pods from fields of their own: KServe, Knative, NVIDIA, Argo, Spark and Flink.

Sources, each the controller's own types: KServe 0.15.2, Knative Serving 1.20 (autoscaling annotations), NIM operator 3,
Dynamo 0.7, Argo Rollouts 1.8, Argo Workflows 3.7, Spark operator 2.4.0, Flink operator 1.13.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from eks_gpu.pods.made_pods import NONE, SPEC, UNKNOWN, Count, Manifest, Path, PodTemplate, exactly
from eks_gpu_components.catalog import GPU_RESOURCE

_PLACEMENT = ("nodeSelector", "tolerations", "affinity", "schedulerName", "topologySpreadConstraints")


def _placed(*given: Mapping[str, Any]) -> dict[str, Any]:
    """Where a pod may run, each field by the first that has it."""
    return {key: value for each in reversed(given) for key in _PLACEMENT if (value := each.get(key)) is not None}


def _scaled(stated: int, least: int, most: int | None) -> Count:
    """An autoscaler's bounds, and what it starts with between them."""
    start = max(stated, least)
    return Count(start if most is None else min(start, max(most, least)), least, most)


# --- Knative, KServe -------------------------------------------------------------------------------------------------


def knative_service(found: Manifest) -> Iterator[PodTemplate]:
    """By the annotations of its revisions: from zero to any number, unless they say it, and one to begin with."""
    path = ("spec", "template", "metadata", "annotations")
    told = Manifest(found.map(*path), strict=False)
    bounds = {}
    for key, names in {
        "least": ("min-scale", "minScale"),
        "most": ("max-scale", "maxScale"),
        "first": ("initial-scale", "initialScale"),
    }.items():
        given = (told.whole_or_none(f"autoscaling.knative.dev/{name}") for name in names)
        bounds[key] = next((number for number in given if number is not None), None)
    found.wrong += [((*path, *place), value) for place, value in told.wrong]
    first = 1 if bounds["first"] is None else bounds["first"]
    yield found.template("spec", "template", count=_scaled(first, bounds["least"] or 0, bounds["most"] or None))


_MODE = "serving.kserve.io/deploymentMode"
_OF_DEPLOYMENTS = ("RawDeployment", "Standard")


def inference_service(found: Manifest) -> Iterator[PodTemplate]:
    """Predictor, transformer and explainer. A model's container comes from a serving runtime, which KServe chooses."""
    mode = found.text("metadata", "annotations", _MODE)
    for part in ("predictor", "transformer", "explainer"):
        base = ("spec", part)
        given = found.map(*base)
        if not given:
            continue
        count = _of_kserve(found, base, mode in _OF_DEPLOYMENTS)
        models = [path for path in found.each(*base) if _is_model(found, path)]
        if not models and found.at(*base, "containers"):
            yield found.spec(*base, count=count)
            continue
        runtime = next((found.text(*path, "runtime") for path in models if found.text(*path, "runtime")), "")
        named = f"serving runtime {runtime}" if runtime else "a serving runtime that KServe chooses"
        partly = f"a part of its pods is in {named}, which the planner does not read"
        several = bool(found.map(*base, "workerSpec"))
        containers = [{"name": "kserve-container", **_container(found.map(*path))} for path in models]
        spec = {**_placed(given), "containers": [*containers, *_maps(found.at(*base, "containers"))]}
        yield found.composed(*base, spec=spec, count=count, partly=partly)
        if several:
            size = found.whole_or_none(*base, "workerSpec", "pipelineParallelSize")
            worker = found.map(*base, "workerSpec")
            shape = {**_placed(worker, given), "containers": _maps(worker.get("containers")) or containers}
            workers = UNKNOWN if size is None else count * (size - 1)
            yield found.composed(*base, "workerSpec", spec=shape, count=workers, partly=partly)


_MODELS = (
    *("model", "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm"),
    *("paddle", "art", "custom"),
)


def _is_model(found: Manifest, path: Path) -> bool:
    return path[-1] in _MODELS


def _container(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in ("image", "resources") if given.get(key) is not None}


def _maps(given: Any) -> list[Any]:
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, list | tuple) else []


def _of_kserve(found: Manifest, base: Path, of_deployments: bool) -> Count:
    """One unless given, without an end on Knative; as a Deployment no more than the minimum."""
    least = found.whole(*base, "minReplicas", default=1)
    most = found.whole(*base, "maxReplicas", default=0)
    if of_deployments:
        least = max(least, 1)
        return _scaled(least, least, max(least, most))
    return _scaled(least, least, most or None)


def llm_inference_service(found: Manifest) -> Iterator[PodTemplate]:
    """KServe's for language models: one workload, and one for the prefill where it is apart."""
    partly = "a part of its pods is in KServe's presets, which the planner does not read"
    for base in (SPEC, ("spec", "prefill")):
        if base != SPEC and not found.map(*base):
            continue
        stated = found.whole(*base, "replicas", default=1)
        several = bool(found.map(*base, "worker"))
        template = found.map(*base, "template")
        containers = _maps(template.get("containers")) or [{"name": "main"}]
        count = UNKNOWN if several else exactly(stated)
        shape = {**template, "containers": containers}
        yield found.composed(*base, "template", spec=shape, count=exactly(stated), partly=partly)
        if several:
            worker = found.map(*base, "worker")
            shape = {**worker, "containers": _maps(worker.get("containers")) or [{"name": "main"}]}
            yield found.composed(*base, "worker", spec=shape, count=count, partly=partly)


# --- NVIDIA ----------------------------------------------------------------------------------------------------------


def nim_service(found: Manifest) -> Iterator[PodTemplate]:
    yield from _nim(found, SPEC)


def nim_pipeline(found: Manifest) -> Iterator[PodTemplate]:
    for path in found.each("spec", "services"):
        if found.text(*path, "enabled").lower() != "false":
            yield from _nim(found, (*path, "spec"))


def _nim(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """Replicas, or an autoscaler's bounds, times the pods of an instance over several nodes."""
    given = found.map(*base)
    image = found.map(*base, "image")
    name = ":".join(str(image[key]) for key in ("repository", "tag") if image.get(key))
    container = {"name": "nim", "image": name, "resources": dict(found.map(*base, "resources"))}
    stated = found.whole(*base, "replicas", default=1)
    count = exactly(stated)
    if found.is_true(*base, "scale", "enabled"):
        hpa = (*base, "scale", "hpa")
        least = found.whole(*hpa, "minReplicas", default=1)
        count = _scaled(least, least, found.whole(*hpa, "maxReplicas", default=least))
    size = found.whole(*base, "multiNode", "size", default=1)
    if size > 1 and GPU_RESOURCE not in (container["resources"].get("limits") or {}):
        gpus = found.whole(*base, "multiNode", "gpusPerPod", default=1)
        limits = {**(container["resources"].get("limits") or {}), GPU_RESOURCE: gpus}
        container["resources"] = {**container["resources"], "limits": limits}
    yield found.composed(
        *base,
        spec={**_placed(given), "containers": [container]},
        count=count * size,
        per_replica=size,
        gang=size if size > 1 else 0,
    )


def dynamo_graph(found: Manifest) -> Iterator[PodTemplate]:
    """For each service its replicas, times the nodes that one runs on; `gpu` is NVIDIA's unless its type says another.

    Of v1beta1 the services are `components`, each with a pod template.
    """
    for number, path in enumerate(found.each("spec", "services")):
        given, extra = found.map(*path), found.map(*path, "extraPodSpec")
        main = dict(found.map(*path, "extraPodSpec", "mainContainer"))
        asked = {kind: _of_dynamo(found.map(*path, "resources", kind)) for kind in ("requests", "limits")}
        own = main.get("resources")
        kinds = {key: value for key, value in asked.items() if value}
        container = {**main, "name": "main", "resources": {**kinds, **(own if isinstance(own, Mapping) else {})}}
        nodes = found.whole(*path, "multinode", "nodeCount", default=1)
        stated = found.whole(*path, "replicas", default=1)
        count = exactly(stated)
        if found.is_true(*path, "autoscaling", "enabled"):
            least = found.whole(*path, "autoscaling", "minReplicas", default=1)
            count = _scaled(stated, least, found.whole(*path, "autoscaling", "maxReplicas", default=least))
        yield found.composed(
            *path,
            spec={**_placed(extra, given), "containers": [container, *_maps(extra.get("containers"))]},
            count=count * nodes,
            per_replica=0,
            gang=nodes if nodes > 1 else 0,
            gang_of=number,
        )
    for path in found.each("spec", "components"):
        nodes = found.whole(*path, "multinode", "nodeCount", default=1)
        count = exactly(found.whole(*path, "replicas", default=1)) * nodes
        yield found.template(*path, "podTemplate", count=count, per_replica=0)


def _of_dynamo(given: Mapping[str, Any]) -> dict[str, Any]:
    """Resources by their names in Kubernetes."""
    told = {key: given[key] for key in ("cpu", "memory") if given.get(key) is not None}
    if given.get("gpu") is not None:
        told[str(given.get("gpuType") or GPU_RESOURCE)] = given["gpu"]
    custom = given.get("custom")
    return told | (dict(custom) if isinstance(custom, Mapping) else {})


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


_BY_ITS_RUNS = "each run decides how often it needs this step, and nobody knows before how many runs there are"


def workflow(found: Manifest) -> Iterator[PodTemplate]:
    yield from _steps(found, SPEC)


def cron_workflow(found: Manifest) -> Iterator[PodTemplate]:
    yield from _steps(found, ("spec", "workflowSpec"))


def _steps(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """Each template with containers; how often its steps run is known to nobody before they do."""
    whole = found.map(*base)
    for path in found.each(*base, "templates"):
        given = found.map(*path)
        own = [found.map(*path, key) for key in ("container", "script") if found.map(*path, key)]
        several = _maps(found.at(*path, "containerSet", "containers"))
        if not own and not several:
            continue
        containers = [{"name": "main", **dict(each)} for each in own] + several + _maps(given.get("sidecars"))
        spec = {**_placed(given, whole), "containers": containers, "initContainers": given.get("initContainers")}
        yield found.composed(*path, spec=spec, count=UNKNOWN, uncounted=_BY_ITS_RUNS)


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
    without an end.
    """
    later = found.is_true("spec", "suspend")
    executors = exactly(found.whole(*base, "executor", "instances", default=1))
    dynamic = (*base, "dynamicAllocation")
    if found.is_true(*dynamic, "enabled"):
        least = found.whole(*dynamic, "minExecutors", default=0)
        given = found.whole(*base, "executor", "instances", default=least)
        first = max(found.whole(*dynamic, "initialExecutors", default=least), given)
        executors = _scaled(first, least, found.whole_or_none(*dynamic, "maxExecutors"))
    for role, count in (("driver", exactly(1)), ("executor", executors)):
        ends = count.while_it_runs
        yield found.composed(
            *base, role, spec=_spark_pod(found, base, role), count=none or (ends.later if later else ends)
        )


_LEAST_OVERHEAD_MIB = 384
_JVM = re.compile(r"(\d+)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"k": 1, "": 2, "m": 2, "g": 3, "t": 4, "p": 5}


def _spark_pod(found: Manifest, base: Path, role: str) -> dict[str, Any]:
    """Its own fields over those of its template: whole cores, memory of the JVM and what comes on top, GPUs."""
    given, whole = found.map(*base, role), found.map(*base)
    template = found.map(*base, role, "template", "spec")
    others = _maps(template.get("containers"))
    memory = _mib(given.get("memory") or "1g")
    overhead = given.get("memoryOverhead")
    factor = found.text(*base, "memoryOverheadFactor") or (
        "0.1" if found.text(*base, "type") in ("Java", "Scala", "") else "0.4"
    )
    if isinstance(memory, int):
        top = _mib(overhead) if overhead else max(int(memory * _number(factor)), _LEAST_OVERHEAD_MIB)
        memory = f"{memory + top}Mi" if isinstance(top, int) else memory
    requests = {"cpu": given.get("coreRequest") or given.get("cores") or 1, "memory": memory}
    gpu = found.map(*base, role, "gpu")
    limits = {str(gpu["name"]): gpu.get("quantity")} if gpu.get("name") else {}
    container = {
        "name": f"spark-kubernetes-{role}",
        "image": given.get("image") or whole.get("image"),
        "resources": {"requests": requests, "limits": limits},
    }
    sidecars = [*_maps(given.get("sidecars")), *others[1:]]
    return {
        **_placed(given, template, {"nodeSelector": whole.get("nodeSelector")}),
        "containers": [container, *sidecars],
        "initContainers": given.get("initContainers") or template.get("initContainers"),
    }


def _mib(text: Any) -> int | Any:
    """Spark's way: `4g`, `512m`, mebibytes without a unit. What it is none of is returned as it is."""
    told = _JVM.fullmatch(str(text).strip())
    if told is None:
        return text
    return ceil(int(told[1]) * 1024 ** _POWERS[told[2].lower()] / 1024**2)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.1


def flink_deployment(found: Manifest) -> Iterator[PodTemplate]:
    """JobManagers, one unless given, and TaskManagers: as many as stated, or as the job's parallelism fills."""
    running = found.text("spec", "job", "state") != "suspended"
    managers = found.whole("spec", "jobManager", "replicas", default=1)
    workers = found.whole_or_none("spec", "taskManager", "replicas")
    if workers is None and (parallelism := found.whole_or_none("spec", "job", "parallelism")):
        conf = Manifest(found.map("spec", "flinkConfiguration"))
        workers = ceil(parallelism / max(1, conf.whole("taskmanager.numberOfTaskSlots", default=1)))
    counts = {"jobManager": exactly(managers), "taskManager": UNKNOWN if workers is None else exactly(workers)}
    for role, count in counts.items():
        base = ("spec", role)
        common, own = (found.map(*path, "podTemplate", "spec") for path in (SPEC, base))
        asked = {key: found.at(*base, "resource", key) for key in ("cpu", "memory")}
        asked["memory"] = _as_quantity(asked["memory"])
        main = _named("flink-main-container", [*_maps(common.get("containers")), *_maps(own.get("containers"))])
        resources = main.get("resources")
        limits = resources.get("limits") if isinstance(resources, Mapping) else None
        requests = {key: value for key, value in asked.items() if value is not None}
        container = {**main, "name": "flink", "resources": {"requests": requests, "limits": limits or {}}}
        spec = {**_placed(own, common), "containers": [container]}
        yield found.composed(*base, spec=spec, count=count if running else NONE)


def _as_quantity(memory: Any) -> Any:
    """`2048m` and `2g` are mebibytes and gibibytes to Flink."""
    mib = _mib(memory) if memory is not None else None
    return f"{mib}Mi" if isinstance(mib, int) else mib


def _named(name: str, containers: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """All containers of a name in one, later fields over earlier ones."""
    found: dict[str, Any] = {}
    for each in containers:
        if each.get("name") == name:
            found |= dict(each)
    return found
