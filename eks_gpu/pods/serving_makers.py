"""Who makes pods that serve models: Knative, KServe and NVIDIA.

Sources, each the controller's own types and defaults, read 2026-11-30: Knative Serving 1.23, pkg/apis/autoscaling and
pkg/reconciler/autoscaling; KServe 0.20, pkg/apis/serving, its predictor.go, pkg/controller/v1alpha2/llmisvc; NIM
operator 3.1.2, api/apps/v1alpha1 and internal/controller/platform; Dynamo, deploy/operator/api at 015d780.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.pods.composed import maps, placed, scaled
from eks_gpu.pods.made_pods import SPEC, UNKNOWN, Count, Manifest, Path, PodTemplate, exactly
from eks_gpu_components.catalog import GPU_RESOURCE

# --- Knative, KServe -------------------------------------------------------------------------------------------------


_OF_KUBERNETES = "hpa.autoscaling.knative.dev"


def knative_service(found: Manifest) -> Iterator[PodTemplate]:
    """By the annotations of its revisions: from zero to any number, unless they say it, and one to begin with. An
    autoscaler of Kubernetes does not go to zero.
    """
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
    least = max(bounds["least"] or 0, int(told.text("autoscaling.knative.dev/class") == _OF_KUBERNETES))
    yield found.template("spec", "template", count=scaled(first, least, bounds["most"] or None))


_MODE, _AUTOSCALER = "serving.kserve.io/deploymentMode", "serving.kserve.io/autoscalerClass"
_OF_DEPLOYMENTS = ("RawDeployment", "Standard")


def inference_service(found: Manifest) -> Iterator[PodTemplate]:
    """Predictor, transformer and explainer. A model's container comes from a serving runtime, which KServe chooses."""
    for part in ("predictor", "transformer", "explainer"):
        base = ("spec", part)
        given = found.map(*base)
        if not given:
            continue
        count = _of_kserve(found, base)
        models = [path for path in found.each(*base) if _is_model(found, path)]
        if not models and found.at(*base, "containers"):
            yield found.spec(*base, count=count)
            continue
        runtime = next((found.text(*path, "runtime") for path in models if found.text(*path, "runtime")), "")
        named = f"serving runtime {runtime}" if runtime else "a serving runtime that KServe chooses"
        partly = f"a part of its pods is in {named}, which the planner does not read"
        several = bool(found.map(*base, "workerSpec"))
        containers = [{"name": "kserve-container", **_container(found.map(*path))} for path in models]
        spec = {**placed(given), "containers": [*containers, *maps(found.at(*base, "containers"))]}
        yield found.composed(*base, spec=spec, count=count, partly=partly)
        if several:
            worker = found.map(*base, "workerSpec")
            shape = {**placed(worker, given), "containers": maps(worker.get("containers")) or containers}
            size = _nodes_of_kserve(found, base, spec, worker)
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


def _of_kserve(found: Manifest, base: Path) -> Count:
    """One unless given, without an end on Knative; as a Deployment no more than the minimum, and none by KEDA alone."""
    least = found.whole(*base, "minReplicas", default=1)
    most = found.whole(*base, "maxReplicas", default=0)
    if found.text("metadata", "annotations", _MODE) not in _OF_DEPLOYMENTS:
        return scaled(least, least, most or None)
    autoscaler = found.text("metadata", "annotations", _AUTOSCALER)
    if autoscaler == "none":
        return exactly(least)
    if autoscaler != "keda":
        least = max(least, 1)
    return scaled(least, least, max(least, most))


def _nodes_of_kserve(found: Manifest, base: Path, head: Mapping[str, Any], worker: Mapping[str, Any]) -> int | None:
    """Pods of one model on several nodes: a stage of its pipeline in each, or as many as Ray needs for its GPUs."""
    pipeline = found.whole_or_none(*base, "workerSpec", "pipelineParallelSize")
    tensor = found.whole_or_none(*base, "workerSpec", "tensorParallelSize")
    if pipeline is None or tensor is None:
        return pipeline
    gpus, of_head, of_worker = pipeline * tensor, _first_gpus(head), _first_gpus(worker)
    if of_worker:
        return 1 if of_head >= gpus else -(-gpus // of_worker)
    return 1 + max(gpus - of_head, 0) if of_head else pipeline


def _first_gpus(spec: Mapping[str, Any]) -> int:
    """What the first container requests; KServe does not look at limits."""
    containers = maps(spec.get("containers"))
    return Manifest(containers[0]).whole("resources", "requests", GPU_RESOURCE, default=0) if containers else 0


def llm_inference_service(found: Manifest) -> Iterator[PodTemplate]:
    """KServe's for language models: one workload, and one for the prefill where it is apart."""
    partly = "a part of its pods is in KServe's presets, which the planner does not read"
    for base in (SPEC, ("spec", "prefill")):
        if base != SPEC and not found.map(*base):
            continue
        count = exactly(found.whole(*base, "replicas", default=1))
        if found.map(*base, "scaling"):
            least = found.whole(*base, "scaling", "minReplicas", default=1)
            count = scaled(count.stated or 0, least, found.whole(*base, "scaling", "maxReplicas", default=least))
        several = bool(found.map(*base, "worker"))
        size = _size_of_llm(found, base) if several else 1
        template = found.map(*base, "template")
        containers = maps(template.get("containers")) or [{"name": "main"}]
        shape = {**template, "containers": containers}
        yield found.composed(
            *base, "template", spec=shape, count=count, partly=partly, gang=1 if several and size else 0
        )
        if several:
            worker = found.map(*base, "worker")
            shape = {**worker, "containers": maps(worker.get("containers")) or [{"name": "main"}]}
            workers = UNKNOWN if size is None else count * (size - 1)
            yield found.composed(*base, "worker", spec=shape, count=workers, partly=partly, gang=(size or 1) - 1)


def _size_of_llm(found: Manifest, base: Path) -> int | None:
    """Pods of one replica, its leader too; None if only a preset says how it is split."""
    data, local, pipeline = (
        found.whole(*base, "parallelism", key, default=0) for key in ("data", "dataLocal", "pipeline")
    )
    if data or local:
        return max(max(data, 1) // max(local, 1), 1)
    return pipeline or None


# --- NVIDIA ----------------------------------------------------------------------------------------------------------


def nim_service(found: Manifest) -> Iterator[PodTemplate]:
    yield from _nim(found, SPEC)


def nim_pipeline(found: Manifest) -> Iterator[PodTemplate]:
    for path in found.each("spec", "services"):
        if found.text(*path, "enabled").lower() != "false":
            yield from _nim(found, (*path, "spec"))


def _nim(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """Replicas, or an autoscaler's bounds, times the stages of a pipeline, each on a node. Unless they say it, the pods
    get the GPUs of the tensor's parts, of the cached model's profile, or one.
    """
    given = found.map(*base)
    image = found.map(*base, "image")
    name = ":".join(str(image[key]) for key in ("repository", "tag") if image.get(key))
    stated = found.whole(*base, "replicas", default=1)
    count = exactly(stated)
    if found.is_true(*base, "scale", "enabled"):
        hpa = (*base, "scale", "hpa")
        least = found.whole(*hpa, "minReplicas", default=1)
        count = scaled(least, least, found.whole(*hpa, "maxReplicas", default=least))
    size = max(found.whole(*base, "multiNode", "parallelism", "pipeline", default=1), 1)
    resources, partly = dict(found.map(*base, "resources")), ""
    kinds = {kind: found.map(*base, "resources", kind) for kind in ("requests", "limits")}
    if not any(GPU_RESOURCE in amounts for amounts in kinds.values()) and not found.at(*base, "draResources"):
        several = found.at(*base, "multiNode") is not None
        gpus = found.whole(*base, "multiNode", "parallelism", "tensor", default=0) if several else 1
        resources |= {kind: {**amounts, GPU_RESOURCE: gpus} for kind, amounts in kinds.items()}
        if not several and found.text(*base, "storage", "nimCache", "name"):
            partly = "how many GPUs it asks for is in the profile of its NIMCache, which the planner does not read"
    yield found.composed(
        *base,
        spec={**placed(given), "containers": [{"name": "nim", "image": name, "resources": resources}]},
        count=count * size,
        per_replica=size,
        gang=size if size > 1 else 0,
        partly=partly,
    )


def dynamo_graph(found: Manifest) -> Iterator[PodTemplate]:
    """For each service its replicas, times the nodes that one runs on. Its field `autoscaling` is ignored.

    Of v1beta1 the services are `components`, each with a pod template.
    """
    for number, path in enumerate((*found.each("spec", "services"), *found.each("spec", "components"))):
        yield _of_dynamo(found, path, number)


def dynamo_component(found: Manifest) -> Iterator[PodTemplate]:
    """One service by itself."""
    yield _of_dynamo(found, SPEC, 0)


def _of_dynamo(found: Manifest, path: Path, number: int) -> PodTemplate:
    """A service; `gpu` is NVIDIA's unless its type says another, and one on several nodes is on two unless given."""
    several = found.at(*path, "multinode") is not None
    nodes = found.whole(*path, "multinode", "nodeCount", default=2) if several else 1
    count = exactly(found.whole(*path, "replicas", default=1)) * nodes
    gang = nodes if several else 0
    if found.at(*path, "podTemplate") is not None:
        return found.template(*path, "podTemplate", count=count, per_replica=0, gang=gang, gang_of=number)
    given, extra = found.map(*path), found.map(*path, "extraPodSpec")
    main = dict(found.map(*path, "extraPodSpec", "mainContainer"))
    asked = {kind: _resources_of_dynamo(found.map(*path, "resources", kind)) for kind in ("requests", "limits")}
    own = main.get("resources")
    kinds = {key: value for key, value in asked.items() if value}
    container = {**main, "name": "main", "resources": {**kinds, **(own if isinstance(own, Mapping) else {})}}
    spec = {**placed(extra, given), "containers": [container, *maps(extra.get("containers"))]}
    return found.composed(*path, spec=spec, count=count, per_replica=0, gang=gang, gang_of=number)


def _resources_of_dynamo(given: Mapping[str, Any]) -> dict[str, Any]:
    """Resources by their names in Kubernetes."""
    told = {key: given[key] for key in ("cpu", "memory") if given.get(key) is not None}
    if given.get("gpu") is not None:
        told[str(given.get("gpuType") or GPU_RESOURCE)] = given["gpu"]
    custom = given.get("custom")
    return told | (dict(custom) if isinstance(custom, Mapping) else {})
