"""Who makes pods that end, and pods of one template: bounds, gangs and places as each controller has them."""

import pytest
import yaml

from eks_gpu.graph.graph import Graph
from eks_gpu.io.problems import InputError
from eks_gpu.pods.demand import workloads
from tests.eks_gpu.pods.made import GPU, TEMPLATE, counts, gangs, made
from tests.graphs import kubernetes

KRUISE = "apiVersion: apps.kruise.io/v1beta1"
RUNTIME = """\
apiVersion: trainer.kubeflow.org/v1alpha1
kind: ClusterTrainingRuntime
metadata: {name: mpi}
spec:
  mlPolicy: {numNodes: 1, mpi: {runLauncherAsNode: true}}
  template:
    spec:
      replicatedJobs:
        - name: launcher
          template:
            metadata: {labels: {trainer.kubeflow.org/trainjob-ancestor-step: trainer}}
            spec: {template: {spec: {nodeSelector: {zone: a}, containers: [{name: node, image: b}]}}}
        - name: node
          template: {spec: {template: {spec: {containers: [{name: node, image: b}]}}}}
"""
TRAIN_JOB = """\
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
spec:
  runtimeRef: {name: mpi}
  trainer: {numNodes: 4, resourcesPerNode: {limits: {nvidia.com/gpu: 8}}}
"""
PLACE = "{nodeSelector: {pool: gpu}, tolerations: [{key: nvidia.com/gpu, operator: Exists}]}"


def stack(*texts: str) -> Graph:
    made = [yaml.safe_load(text) for text in texts]
    about = [{key: value for key, value in each["metadata"].items() if key != "name"} for each in made]
    return Graph(
        [
            kubernetes(each["kind"], each["metadata"]["name"], each["spec"], each["apiVersion"], **more)
            for each, more in zip(made, about, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ("", (0, 0, 100)),
        ("minReplicaCount: 5, ", (5, 5, 105)),
        ("minReplicaCount: 5, maxReplicaCount: 3, ", (3, 3, 3)),
        ("minReplicaCount: 2, maxReplicaCount: 9, ", (2, 2, 9)),
    ],
)
def test_a_scaled_job_runs_a_hundred_jobs_over_its_least_unless_told(bounds, expected):
    text = f"{{apiVersion: keda.sh/v1alpha1, kind: ScaledJob, spec: {{{bounds}jobTargetRef: {{{TEMPLATE}}}}}}}"
    assert counts(text) == [("", *expected)]


def test_a_scaled_job_that_is_paused_runs_none():
    about = 'metadata: {name: it, annotations: {autoscaling.keda.sh/paused: "true"}}'
    spec = f"spec: {{minReplicaCount: 2, jobTargetRef: {{{TEMPLATE}}}}}"
    assert counts(f"{{apiVersion: keda.sh/v1alpha1, kind: ScaledJob, {about}, {spec}}}") == [("", 0, 0, 0)]


@pytest.mark.parametrize(
    ("annotations", "spec", "expected"),
    [
        ("{}", "maxReplicaCount: 8", (3, 0, 8)),
        ("{}", "minReplicaCount: 2, maxReplicaCount: 8, idleReplicaCount: 0", (3, 0, 8)),
        ('{autoscaling.keda.sh/paused-replicas: "5"}', "maxReplicaCount: 8", (5, 5, 5)),
    ],
)
def test_a_scaled_object_moves_its_target_between_its_bounds(annotations, spec, expected):
    texts = (
        f"{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: 3, {TEMPLATE}}}}}",
        f"{{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {{name: web, annotations: {annotations}}}, "
        f"spec: {{{spec}, scaleTargetRef: {{name: web}}}}}}",
    )
    (found,) = workloads(stack(*texts))
    assert (found.replicas, found.min_replicas, found.max_replicas) == expected


def test_a_number_of_pauses_that_is_none_is_named_with_its_place():
    text = "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a, annotations: %s}, spec: {}}"
    found = stack(text % "{autoscaling.keda.sh/paused-replicas: few}")
    where = r"ScaledObject default/a: metadata.annotations.autoscaling.keda.sh/paused-replicas must be a whole number"
    with pytest.raises(InputError, match=where):
        workloads(found)


def test_a_notebook_is_stopped_by_an_annotation_whatever_it_says():
    about = 'metadata: {name: it, annotations: {kubeflow-resource-stopped: ""}}'
    assert counts(f"{{apiVersion: kubeflow.org/v1, kind: Notebook, {about}, spec: {{{TEMPLATE}}}}}") == [("", 0, 0, 0)]


@pytest.mark.parametrize(("mode", "expected"), [("K8sJobMode", 2), ("HTTPMode", 1), ("SidecarMode", 1)])
def test_a_ray_job_has_a_pod_that_submits_it_only_where_a_job_of_kubernetes_does(mode, expected):
    cluster = f"rayClusterSpec: {{headGroupSpec: {{{TEMPLATE}}}}}"
    spec = f"submissionMode: {mode}, submitterPodTemplate: {{spec: {GPU}}}"
    assert len(counts(f"{{apiVersion: ray.io/v1, kind: RayJob, spec: {{{spec}, {cluster}}}}}")) == expected


def test_a_task_of_volcano_in_partitions_starts_so_many_of_them():
    task = f"replicas: 8, partitionPolicy: {{totalPartitions: 4, partitionSize: 2, minPartitions: 3}}, {TEMPLATE}"
    text = f"{{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, spec: {{tasks: [{{{task}}}]}}}}"
    assert gangs(text) == [(6, 0)]
    assert gangs(text.replace("minPartitions: 3", "minPartitions: 0")) == [(8, 0)]


@pytest.mark.parametrize(
    "patch",
    [
        "runtimePatches: [{manager: a, trainingRuntimeSpec: {template: {spec: {replicatedJobs: "
        "[{name: node, template: {spec: {template: {spec: %s}}}}]}}}}]",
        "podTemplateOverrides: [{targetJobs: [{name: node}], spec: %s}]",
        "podSpecOverrides: [{targetJobs: [{name: node}], nodeSelector: {pool: gpu}, "
        "tolerations: [{key: nvidia.com/gpu, operator: Exists}]}]",
    ],
)
def test_a_train_job_lays_places_over_those_of_its_runtime(patch):
    text = f"{TRAIN_JOB}  {patch.replace('%s', PLACE)}\n"
    launcher, node = made(text, lambda *_: yaml.safe_load(RUNTIME))
    assert launcher.pod.node_selector == {"zone": "a"}
    assert node.pod.node_selector == {"pool": "gpu"}
    assert [each.key for each in node.pod.tolerations] == ["nvidia.com/gpu"]


def test_an_override_that_names_no_job_is_for_all():
    text = f"{TRAIN_JOB}  podTemplateOverrides: [{{spec: {PLACE}}}]\n"
    launcher, node = made(text, lambda *_: yaml.safe_load(RUNTIME))
    assert launcher.pod.node_selector == {"zone": "a", "pool": "gpu"}
    assert node.pod.node_selector == {"pool": "gpu"}


def test_a_launcher_of_mpi_that_is_a_node_is_one_of_them():
    found = made(TRAIN_JOB, lambda *_: yaml.safe_load(RUNTIME))
    assert [(each.replicas, each.requests) for each in found] == [
        (1, {"nvidia.com/gpu": 8}),
        (3, {"nvidia.com/gpu": 8}),
    ]
    apart = yaml.safe_load(RUNTIME.replace("true", "false"))
    found = made(TRAIN_JOB, lambda *_: apart)
    assert [(each.replicas, each.requests) for each in found] == [(1, {}), (4, {"nvidia.com/gpu": 8})]


@pytest.mark.parametrize("key", ["deploymentTemplate", "cloneSetTemplate", "statefulSetTemplate"])
def test_a_united_deployment_has_its_pods_over_all_subsets(key):
    template = f"template: {{{key}: {{spec: {{{TEMPLATE}}}}}}}"
    spec = f"replicas: 5, topology: {{subsets: [{{name: a}}, {{name: b}}]}}, {template}"
    assert counts(f"{{{KRUISE}, kind: UnitedDeployment, spec: {{{spec}}}}}") == [("", 5, 5, 5)]
    assert counts(f"{{{KRUISE}, kind: UnitedDeployment, spec: {{{template}}}}}") == [("", 1, 1, 1)]


def test_an_advanced_cron_job_makes_its_jobs_later_and_on_each_node_nobody_knows_how_many():
    job = f"jobTemplate: {{spec: {{parallelism: 3, {TEMPLATE}}}}}"
    each = f"broadcastJobTemplate: {{spec: {{{TEMPLATE}}}}}"
    text = "{%s, kind: AdvancedCronJob, spec: {%sschedule: '0 3 * * *', template: {%s}}}"
    assert counts(text % (KRUISE, "", job)) == [("", 0, 0, 3)]
    assert counts(text % (KRUISE, "paused: true, ", job)) == [("", 0, 0, 0)]
    assert counts(text % (KRUISE, "", each)) == [("", None, None, None)]


def test_a_sidecar_set_makes_no_pods():
    assert made(f"{{{KRUISE}, kind: SidecarSet, spec: {{containers: [{{name: a, image: b}}]}}}}") == []
