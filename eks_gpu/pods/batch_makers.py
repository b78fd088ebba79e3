"""Who makes pods that end, or pods of one template: Kubernetes' own kinds, and those of training.

Sources, each the controller's own types and defaults: Kubernetes 1.36, training operator 1.9.3, MPI operator 0.6.0,
AppWrapper 1.1; read 2026-11-30 JobSet 0.12.0, api/jobset/v1alpha2; LeaderWorkerSet 0.10.0, api/leaderworkerset/v1;
Kubeflow Trainer 2.0 to 2.3, pkg/apis/trainer/v1alpha1 and pkg/runtime; KubeRay 1.7.0, ray-operator/apis/ray/v1;
Volcano 1.15.1, its types and pkg/webhooks/admission/jobs; KEDA 2.20.2, apis/keda/v1alpha1 and its executor; Kubeflow's
notebook-controller at 177b098.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.pods.composed import maps
from eks_gpu.pods.made_pods import NONE, SPEC, UNKNOWN, Count, Manifest, Path, PodTemplate, exactly
from eks_gpu_components.catalog.leader_worker_sets import GROUP_SIZE

ANOTHER_SCHEDULER = "a scheduler of another name"
_STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
_TRAINER, _LAUNCHER = "trainer", "launcher"
_EXCLUSIVE = (
    "leaderworkerset.sigs.k8s.io/exclusive-topology",
    "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology",
    "alpha.jobset.sigs.k8s.io/exclusive-topology",
)
"""Annotations by which each group or Job gets a zone, rack or node of its own."""


def _exclusively(*annotated: Mapping[str, Any]) -> tuple[str, ...]:
    keys = {key for each in annotated for key in _EXCLUSIVE if each.get(key)}
    return ("exclusive topology",) if keys else ()


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def pod(found: Manifest) -> Iterator[PodTemplate]:
    yield PodTemplate((), exactly(1), found.given, SPEC)


def replicated(found: Manifest) -> Iterator[PodTemplate]:
    """As many as `spec.replicas` says, one unless given."""
    stated = found.whole("spec", "replicas", default=1)
    yield found.template("spec", "template", count=exactly(stated))


def one_a_node(found: Manifest) -> Iterator[PodTemplate]:
    yield found.template("spec", "template", count=Count(0, 0, None))


def for_others(found: Manifest) -> Iterator[PodTemplate]:
    """A template that others make pods of."""
    yield found.template("template", count=NONE)


def job(found: Manifest) -> Iterator[PodTemplate]:
    yield found.template("spec", "template", count=of_a_job(found, SPEC))


def cron_job(found: Manifest) -> Iterator[PodTemplate]:
    base = ("spec", "jobTemplate", "spec")
    count = NONE if found.is_true("spec", "suspend") else of_a_job(found, base).later
    yield found.template(*base, "template", count=count)


_KEDA_JOBS, _KEDA_PAUSED = 100, "autoscaling.keda.sh/paused"


def scaled_job(found: Manifest) -> Iterator[PodTemplate]:
    """KEDA's: so many Jobs at once, unless given 100 over the least."""
    base = ("spec", "jobTargetRef")
    least = found.whole("spec", "minReplicaCount", default=0)
    most = found.whole("spec", "maxReplicaCount", default=_KEDA_JOBS + least)
    least = min(least, most)
    if found.is_true("metadata", "annotations", _KEDA_PAUSED):
        least = most = 0
    at_once = at_the_same_time(found, base)
    yield found.template(*base, "template", count=Count(least, least, most) * at_once)


def of_a_job(found: Manifest, base: Path) -> Count:
    """Pods of a Job, whose specification stands at `base`."""
    return found.paused(*base, "suspend")(exactly(at_the_same_time(found, base)).while_it_runs)


def at_the_same_time(found: Manifest, base: Path) -> int:
    """Pods of a Job that run at the same time, at most; `base` is where its specification stands."""
    at_once = found.whole(*base, "parallelism", default=1)
    return min(at_once, found.whole(*base, "completions", default=at_once))


# --- groups ----------------------------------------------------------------------------------------------------------


def leader_worker_set(found: Manifest) -> Iterator[PodTemplate]:
    """`size` pods for each replica, of which one leads; a leader without a template of its own is a worker.

    The controller tells every container the size of its group.
    """
    base = ("spec", "leaderWorkerTemplate")
    groups, size = found.whole("spec", "replicas", default=1), found.whole(*base, "size", default=1)
    exclusive = _exclusively(found.map("metadata", "annotations"))
    sizes = {"leaderTemplate": 1, "workerTemplate": max(size - 1, 0)}
    if not found.map(*base, "leaderTemplate"):
        sizes = {"workerTemplate": size}
    for key, each in sizes.items():
        count = exactly(groups * each)
        made = found.template(*base, key, count=count, per_replica=each, gang=each, not_judged=exclusive)
        yield replace(made, template=_with_variable(made.template, GROUP_SIZE, str(size)))


def _with_variable(template: Mapping[str, Any], name: str, value: str) -> Mapping[str, Any]:
    """The template with one more environment variable in each container, after those that it has."""
    spec = Manifest(template).map("spec")
    containers = spec.get("containers")
    if not isinstance(containers, list | tuple):
        return template
    more = {"name": name, "value": value}
    given = [
        {**each, "env": [*(each.get("env") or ()), more]}
        if isinstance(each, Mapping) and isinstance(each.get("env") or (), list | tuple)
        else each
        for each in containers
    ]
    return {**template, "spec": {**spec, "containers": given}}


def job_set(found: Manifest) -> Iterator[PodTemplate]:
    """Each replicated job is so many Jobs. Those that wait until others complete are a gang of their own."""
    yield from _replicated_jobs(found, SPEC, {})


def _replicated_jobs(found: Manifest, base: Path, nodes: Mapping[str, int]) -> Iterator[PodTemplate]:
    """`nodes` has the number of pods of replicated jobs, by name, for which someone else decides it."""
    paused = found.paused("spec", "suspend")
    phases = _phases(found, base)
    for path in found.each(*base, "replicatedJobs"):
        name, of_job = found.text(*path, "name"), (*path, "template", "spec")
        jobs = found.whole(*path, "replicas", default=1)
        pods = nodes.get(name, at_the_same_time(found, of_job)) * jobs
        job_paused = found.paused(*of_job, "suspend")
        count = paused(job_paused(exactly(pods).while_it_runs))
        exclusive = _exclusively(
            found.map("metadata", "annotations"), found.map(*path, "template", "metadata", "annotations")
        )
        yield found.template(
            *of_job, "template", count=count, gang=pods if count.most else 0, gang_of=phases[name], not_judged=exclusive
        )


def _phases(found: Manifest, base: Path) -> dict[str, int]:
    """By replicated job: how many others complete before it starts, one after another."""
    phases: dict[str, int] = {}
    for path in found.each(*base, "replicatedJobs"):  # a job depends on earlier ones only, says the webhook
        others = list(found.each(*path, "dependsOn"))
        before = [found.text(*each, "name") for each in others if found.text(*each, "status") == "Complete"]
        beside = [found.text(*each, "name") for each in others if found.text(*each, "status") != "Complete"]
        after = [phases.get(name, 0) + 1 for name in before] + [phases.get(name, 0) for name in beside]
        phases[found.text(*path, "name")] = max(after, default=0)
    return phases


def volcano_job(found: Manifest) -> Iterator[PodTemplate]:
    """Volcano starts `minAvailable` pods together, those of all tasks unless given, and asks no other scheduler."""
    tasks = list(found.each("spec", "tasks"))
    replicas = [found.whole(*task, "replicas", default=0) for task in tasks]
    least = [
        found.whole(*task, "minAvailable", default=_parts(found, task) or n)
        for task, n in zip(tasks, replicas, strict=True)
    ]
    together = _first(found.whole("spec", "minAvailable", default=0) or sum(least), replicas)
    for task, pods, gang in zip(tasks, replicas, together, strict=True):
        count = exactly(pods).while_it_runs
        yield found.template(*task, "template", count=count, gang=gang, not_judged=(ANOTHER_SCHEDULER,))


def _parts(found: Manifest, task: Path) -> int:
    """Pods that a task's policy of partitions wants together, 0 for none."""
    policy = (*task, "partitionPolicy")
    return found.whole(*policy, "minPartitions", default=0) * found.whole(*policy, "partitionSize", default=0)


def volcano_cron_job(found: Manifest) -> Iterator[PodTemplate]:
    inner = Manifest({"spec": found.map("spec", "jobTemplate", "spec")}, wrong=[], strict=found.strict)
    for made in volcano_job(inner):
        path = ("spec", "jobTemplate", *made.path)
        yield replace(made, path=path, spec_path=(*path, "spec"), count=made.count.later)
    found.wrong += [(("spec", "jobTemplate", *path), value) for path, value in inner.wrong]


def _first(number: int, of: list[int]) -> list[int]:
    """So many pods of the tasks, in their order."""
    taken = []
    for pods in of:
        taken.append(min(number, pods))
        number -= taken[-1]
    return taken


# --- Kubeflow --------------------------------------------------------------------------------------------------------

_REPLICA_SPECS = {
    "JAXJob": "jaxReplicaSpecs",
    "MPIJob": "mpiReplicaSpecs",
    "MXJob": "mxReplicaSpecs",
    "PaddleJob": "paddleReplicaSpecs",
    "PyTorchJob": "pytorchReplicaSpecs",
    "TFJob": "tfReplicaSpecs",
    "XGBoostJob": "xgbReplicaSpecs",
}
KUBEFLOW_JOBS = tuple(_REPLICA_SPECS)


def kubeflow_job(found: Manifest) -> Iterator[PodTemplate]:
    """Roles with so many pods each, one unless given. Launcher and workers of MPI start together, and so do all roles
    with a scheduling policy, by their PodGroup.
    """
    mpi = found.text("kind") == "MPIJob"
    paused = found.paused("spec", "runPolicy", "suspend")
    policy = ("spec", "runPolicy", "schedulingPolicy")
    roles = list(found.each("spec", _REPLICA_SPECS[found.text("kind")]))
    v2 = found.text("apiVersion") == "kubeflow.org/v2beta1"
    stated = [found.whole(*path, "replicas", default=int(not (v2 and path[-1] == "Worker"))) for path in roles]
    elastic = found.map("spec", "elasticPolicy")
    together = stated if mpi else [0] * len(roles)
    if found.map(*policy):
        together = _first(found.whole(*policy, "minAvailable", default=sum(stated)), stated)
    for path, pods, gang in zip(roles, stated, together, strict=True):
        count = exactly(pods)
        if elastic and path[-1] == "Worker":
            least, most = (
                found.whole("spec", "elasticPolicy", key, default=pods) for key in ("minReplicas", "maxReplicas")
            )
            count = Count(pods, least, most)
        count = paused(count.while_it_runs)
        yield found.template(*path, "template", count=count, gang=gang if count.most else 0)


def notebook(found: Manifest) -> Iterator[PodTemplate]:
    """One pod, until somebody stops it."""
    stopped = "kubeflow-resource-stopped" in found.map("metadata", "annotations")
    yield found.template("spec", "template", count=NONE if stopped else exactly(1))


def train_job(found: Manifest) -> Iterator[PodTemplate]:
    """A JobSet whose template stands in a runtime, with `numNodes` pods for the step that trains."""
    kind = found.text("spec", "runtimeRef", "kind") or "ClusterTrainingRuntime"
    name = found.text("spec", "runtimeRef", "name")
    given = found.find(kind, "" if kind.startswith("Cluster") else found.namespace, name)
    nodes = found.whole_or_none("spec", "trainer", "numNodes")
    asked = found.map("spec", "trainer", "resourcesPerNode")
    if given is None:
        container = {"name": "node", "image": found.at("spec", "trainer", "image"), "resources": asked or None}
        count = UNKNOWN if nodes is None else found.paused("spec", "suspend")(exactly(nodes).while_it_runs)
        yield found.composed(
            *("spec", "trainer"),
            spec={"containers": [_filled(container)]},
            count=count,
            gang=count.most or 0,
            partly=f"its template is in {kind} {name}, which was not read",
        )
        return
    spec = {**Manifest(given).map("spec"), "suspend": found.at("spec", "suspend")}
    runtime = Manifest({"metadata": found.map("metadata"), "spec": spec}, strict=found.strict)
    policy = runtime.whole("spec", "mlPolicy", "numNodes", default=1)
    launcher = runtime.is_true("spec", "mlPolicy", "mpi", "runLauncherAsNode")
    number = policy if nodes is None else max(nodes - 1, 1) if launcher else nodes
    base = ("spec", "template", "spec")
    training = _training(runtime, base)
    for made in _replicated_jobs(runtime, base, dict.fromkeys(training, number)):
        name, template = runtime.text(*made.path[:5], "name"), made.template
        if asked and (name in training or (launcher and name == _LAUNCHER)):
            template = _with_resources(template, asked)
        for job, spec in _patches(found):
            if job in ("", name):
                template = {**template, "spec": _patched(Manifest(template).map("spec"), spec)}
        yield replace(made, template=template, composed=True)
    found.wrong += runtime.wrong


def _patches(found: Manifest) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a TrainJob lays over the pods of a replicated job, of all without a name: in 2.2, in 2.1 and in 2.0."""
    for path in found.each("spec", "runtimePatches"):
        for job in found.each(*path, "trainingRuntimeSpec", "template", "spec", "replicatedJobs"):
            yield found.text(*job, "name"), found.map(*job, "template", "spec", "template", "spec")
    for key, spec in (("podTemplateOverrides", SPEC), ("podSpecOverrides", ())):
        for path in found.each("spec", key):
            for target in list(found.each(*path, "targetJobs")) or [()]:
                yield found.text(*target, "name") if target else "", found.map(*path, *spec)


def _patched(spec: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Where its pods run, as the patch has it; labels of nodes are added to those that it wants already."""
    given = {key: patch[key] for key in ("tolerations", "affinity", "schedulerName") if patch.get(key) is not None}
    selectors = [each for each in (spec.get("nodeSelector"), patch.get("nodeSelector")) if isinstance(each, Mapping)]
    labels = {key: value for each in selectors for key, value in each.items()}
    return {**spec, **given, **({"nodeSelector": labels} if labels else {})}


def _training(runtime: Manifest, base: Path) -> set[str]:
    """Replicated jobs of the step that trains; with a launcher of MPI those that are its nodes."""
    steps = {
        runtime.text(*path, "name")
        for path in runtime.each(*base, "replicatedJobs")
        if runtime.text(*path, "template", "metadata", "labels", _STEP) == _TRAINER
    }
    names = {runtime.text(*path, "name") for path in runtime.each(*base, "replicatedJobs")}
    mpi = bool(runtime.map("spec", "mlPolicy", "mpi"))
    return {"node"} if (mpi or not steps) and "node" in names else steps


def _with_resources(template: Mapping[str, Any], asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The template, whose container `node` asks for these."""
    spec = Manifest(template).map("spec")
    containers = [
        {**each, "resources": _more(each.get("resources"), asked)} if each.get("name") == "node" else each
        for each in maps(spec.get("containers"))
    ]
    return {**template, "spec": {**spec, "containers": containers}}


def _more(own: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts of a TrainJob over those of its runtime."""
    both = [Manifest({"resources": each}) for each in (own, asked)]
    amounts = {
        kind: {name: amount for each in both for name, amount in each.map("resources", kind).items()}
        for kind in ("requests", "limits")
    }
    return {**both[0].map("resources"), **amounts}


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


# --- Ray -------------------------------------------------------------------------------------------------------------


def ray_cluster(found: Manifest) -> Iterator[PodTemplate]:
    yield from _ray(found, SPEC)


def ray_service(found: Manifest) -> Iterator[PodTemplate]:
    yield from _ray(found, ("spec", "rayClusterConfig"))


def ray_job(found: Manifest) -> Iterator[PodTemplate]:
    """A cluster of its own, unless it selects one, and the pod that submits it."""
    paused = found.paused("spec", "suspend")
    for made in _ray(found, ("spec", "rayClusterSpec")):
        yield replace(made, count=paused(made.count.while_it_runs))
    by_a_pod = (found.text("spec", "submissionMode") or "K8sJobMode") == "K8sJobMode"
    if found.map("spec", "submitterPodTemplate") and by_a_pod:
        yield found.template("spec", "submitterPodTemplate", count=paused(exactly(1).while_it_runs))


def ray_cron_job(found: Manifest) -> Iterator[PodTemplate]:
    stopped = found.is_true("spec", "suspend")
    for made in _ray(found, ("spec", "jobTemplate", "rayClusterSpec")):
        yield replace(made, count=NONE if stopped else made.count.later)


def _ray(found: Manifest, base: Path) -> Iterator[PodTemplate]:
    """One head, and for each replica of a group as many workers as a replica has hosts. Ray's autoscaler, if it is on,
    moves the replicas between their bounds.
    """
    if not found.map(*base):
        return
    paused = found.paused(*base, "suspend")
    gang = found.text("metadata", "labels", "ray.io/gang-scheduling-enabled") == "true"
    head = (*base, "headGroupSpec", "template")
    yield found.template(*head, count=paused(exactly(1)), gang=int(gang))
    scaled = found.is_true(*base, "enableInTreeAutoscaling")
    for group in found.each(*base, "workerGroupSpecs"):
        least = found.whole(*group, "minReplicas", default=0)
        most = found.whole_or_none(*group, "maxReplicas")
        stated = max(found.whole(*group, "replicas", default=0), least)
        stated = stated if most is None else min(stated, most)
        count = Count(stated, least, most) if scaled else exactly(stated)
        count = found.paused(*group, "suspend")(count * found.whole(*group, "numOfHosts", default=1))
        together = (count.least if scaled else count.stated) if gang else 0
        yield found.template(*group, "template", count=paused(count), gang=together or 0)
