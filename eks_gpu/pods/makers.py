"""Who makes pods: by an object's API group and kind, where its pod templates stand and how many pods each becomes.

A kind alone says nothing: Volcano has a Job too, and Knative a Service.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.unknown import listening
from eks_gpu.pods import batch_makers as batch
from eks_gpu.pods import kruise_makers as kruise
from eks_gpu.pods import pipeline_makers as pipeline
from eks_gpu.pods import serving_makers as serving
from eks_gpu.pods.made_pods import NONE, UNKNOWN, Find, Manifest, Path, PodTemplate
from eks_gpu.pods.queued import as_gang

Maker = Callable[[Manifest], Iterator[PodTemplate]]


def _nothing(found: Manifest) -> Iterator[PodTemplate]:
    """Holds a template that others make pods of, or pods that others make."""
    yield from ()


def app_wrapper(found: Manifest) -> Iterator[PodTemplate]:
    """Whole objects, all of whose pods are admitted together."""
    suspended = found.is_true("spec", "suspend")
    for path in found.each("spec", "components"):
        given = found.map(*path, "template")
        if not given:
            continue
        inner = Manifest(given, found.find, found.strict)
        base = (*path, "template")
        for made in _made(inner):
            gang = made.count.most or 0
            yield replace(
                made,
                path=(*base, *made.path),
                spec_path=(*base, *made.spec_path),
                count=NONE if suspended else made.count,
                gang=0 if suspended else gang,
                gang_of=0,
                per_replica=0,
            )
        found.wrong += [((*base, *place), value) for place, value in inner.wrong]


_DEPLOYED = {"Deployment": batch.replicated, "ReplicaSet": batch.replicated, "StatefulSet": batch.replicated}
MAKERS: Mapping[tuple[str, str], Maker] = {
    ("", "Pod"): batch.pod,
    ("", "PodTemplate"): batch.for_others,
    ("", "ReplicationController"): batch.replicated,
    **{("apps", kind): maker for kind, maker in _DEPLOYED.items()},
    ("apps", "DaemonSet"): batch.one_a_node,
    ("apps", "ControllerRevision"): _nothing,
    **{("extensions", kind): maker for kind, maker in _DEPLOYED.items()},
    ("extensions", "DaemonSet"): batch.one_a_node,
    ("batch", "Job"): batch.job,
    ("batch", "CronJob"): batch.cron_job,
    ("keda.sh", "ScaledJob"): batch.scaled_job,
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): batch.leader_worker_set,
    ("jobset.x-k8s.io", "JobSet"): batch.job_set,
    **{("kubeflow.org", kind): batch.kubeflow_job for kind in batch.KUBEFLOW_JOBS},
    ("kubeflow.org", "Notebook"): batch.notebook,
    ("trainer.kubeflow.org", "TrainJob"): batch.train_job,
    ("trainer.kubeflow.org", "TrainingRuntime"): _nothing,
    ("trainer.kubeflow.org", "ClusterTrainingRuntime"): _nothing,
    ("ray.io", "RayCluster"): batch.ray_cluster,
    ("ray.io", "RayJob"): batch.ray_job,
    ("ray.io", "RayCronJob"): batch.ray_cron_job,
    ("ray.io", "RayService"): batch.ray_service,
    ("batch.volcano.sh", "Job"): batch.volcano_job,
    ("batch.volcano.sh", "CronJob"): batch.volcano_cron_job,
    ("kueue.x-k8s.io", "Workload"): _nothing,
    ("workload.codeflare.dev", "AppWrapper"): app_wrapper,
    ("serving.kserve.io", "InferenceService"): serving.inference_service,
    ("serving.kserve.io", "LLMInferenceService"): serving.llm_inference_service,
    ("serving.kserve.io", "LLMInferenceServiceConfig"): _nothing,
    ("serving.kserve.io", "ServingRuntime"): _nothing,
    ("serving.kserve.io", "ClusterServingRuntime"): _nothing,
    ("serving.knative.dev", "Service"): serving.knative_service,
    ("serving.knative.dev", "Configuration"): serving.knative_service,
    ("apps.nvidia.com", "NIMService"): serving.nim_service,
    ("apps.nvidia.com", "NIMPipeline"): serving.nim_pipeline,
    ("nvidia.com", "DynamoGraphDeployment"): serving.dynamo_graph,
    ("nvidia.com", "DynamoComponentDeployment"): serving.dynamo_component,
    ("argoproj.io", "Rollout"): pipeline.rollout,
    ("argoproj.io", "Experiment"): pipeline.experiment,
    ("argoproj.io", "Workflow"): pipeline.workflow,
    ("argoproj.io", "WorkflowTemplate"): pipeline.workflow,
    ("argoproj.io", "ClusterWorkflowTemplate"): pipeline.workflow,
    ("argoproj.io", "CronWorkflow"): pipeline.cron_workflow,
    ("sparkoperator.k8s.io", "SparkApplication"): pipeline.spark_application,
    ("sparkoperator.k8s.io", "ScheduledSparkApplication"): pipeline.scheduled_spark_application,
    ("flink.apache.org", "FlinkDeployment"): pipeline.flink_deployment,
    ("flink.apache.org", "FlinkBlueGreenDeployment"): pipeline.flink_blue_green,
    ("apps.kruise.io", "CloneSet"): batch.replicated,
    ("apps.kruise.io", "StatefulSet"): batch.replicated,
    ("apps.kruise.io", "DaemonSet"): batch.one_a_node,
    ("apps.kruise.io", "UnitedDeployment"): kruise.united_deployment,
    ("apps.kruise.io", "AdvancedCronJob"): kruise.advanced_cron_job,
    ("apps.kruise.io", "SidecarSet"): _nothing,
}

_NEVER_SEARCHED = (
    *("admissionregistration", "apiextensions", "policy", "autoscaling", "apiregistration", "karpenter"),
    *("kyverno.io", "policies.kyverno.io", "templates.gatekeeper.sh", "constraints.gatekeeper.sh", "keda.sh"),
)
"""Groups of kinds that hold patterns of pods, or none."""
_OF_KUBERNETES = ("", "apps", "batch", "extensions")
_DEEPEST = 40


def group_of(manifest: Mapping[str, Any]) -> str:
    """The API group; empty for the core's."""
    return str(manifest.get("apiVersion") or "").rpartition("/")[0]


def maker_of(manifest: Mapping[str, Any]) -> Maker | None:
    """Who makes pods of an object; None for a kind that nobody here knows. Without `apiVersion` it is of Kubernetes."""
    kind = str(manifest.get("kind") or "")
    groups = (group_of(manifest),) if manifest.get("apiVersion") else _OF_KUBERNETES
    return next((maker for group in groups if (maker := MAKERS.get((group, kind)))), None)


def made_pods(manifest: Mapping[str, Any], find: Find | None = None, *, strict: bool = False) -> Manifest:
    """The object as its controller reads it; `templates` goes through its pod templates."""
    return Manifest(manifest, find, strict) if find else Manifest(manifest, strict=strict)


def templates(found: Manifest) -> list[PodTemplate]:
    """Every pod template of an object. Those of a kind that nobody here knows have an unknown number of pods."""
    made = [as_gang(found, each) for each in _made(found)]
    return [_of_pod_group(found, each) for each in made] if len(made) == 1 else made


_POD_GROUPS = (("labels", "scheduling.x-k8s.io/pod-group"), ("annotations", "scheduling.k8s.io/group-name"))
"""Where a pod names its PodGroup: for the scheduler's plugins, and for Volcano."""


def _of_pod_group(found: Manifest, made: PodTemplate) -> PodTemplate:
    """The template, whose pods are a gang if they name a PodGroup that is known."""
    pod = Manifest(made.template)
    names = (pod.text("metadata", *place) for place in _POD_GROUPS)
    name = next(filter(None, names), "")
    group = found.find("PodGroup", found.namespace, name) if name and not made.gang else None
    if group is None:
        return made
    least = Manifest(group).whole("spec", "minMember", default=1)
    return replace(made, gang=least if made.count.most is None else min(least, made.count.most))


def _made(found: Manifest) -> Iterator[PodTemplate]:
    maker = maker_of(found.given)
    if maker:
        yield from maker(found)
    elif is_searched(found.given):
        with listening(alone=True):  # whoever is not asked for pods tells nothing
            holders = list(_holders(found.given, (), set()))
        running = found.whole_or_none("status", "replicas")  # a program tells none: of a cluster that runs
        for path in holders:
            template = path[:-1] if path and path[-1] == "spec" else path
            given = found.map(*template) if template != path else {"spec": found.map(*path)}
            yield PodTemplate(template, replace(UNKNOWN, stated=running), given, path)


def is_searched(manifest: Mapping[str, Any]) -> bool:
    """Whether pod templates may be anywhere in an object of this group."""
    if not manifest.get("apiVersion"):
        return True
    group = group_of(manifest)
    return not (group in _OF_KUBERNETES or group.endswith(".k8s.io") or group.startswith(_NEVER_SEARCHED))


def _holders(value: Any, path: Path, seen: set[int]) -> Iterator[Path]:
    """Paths of pods' specs, depth first; an alias is followed once, so that no object is larger than it is written."""
    if id(value) in seen or len(path) > _DEEPEST:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        if path and _are_containers(value.get("containers")):
            yield path
            return
        for key, item in value.items():
            yield from _holders(item, (*path, key), seen)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _holders(item, (*path, index), seen)


def _are_containers(given: Any) -> bool:
    """Whether a list has containers, and not the words of a schema or of a policy."""
    return (
        isinstance(given, list)
        and bool(given)
        and all(isinstance(each, Mapping) and each.get("name") and each.get("image") for each in given)
    )
