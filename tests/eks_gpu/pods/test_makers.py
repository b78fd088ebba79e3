"""Who makes pods: where each kind has its pod templates, and how many pods its controller makes of each."""

import pytest
import yaml

from eks_gpu.graph.graph import Graph
from eks_gpu.pods.demand import workloads
from tests.eks_gpu.pods.made import GPU, TEMPLATE, counts, gangs, made
from tests.graphs import kubernetes

JOB_SET = """\
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
"""
RAY = f"""\
headGroupSpec: {{{TEMPLATE}}}
workerGroupSpecs:
  - {{replicas: 2, minReplicas: 1, maxReplicas: 5, numOfHosts: 3, {TEMPLATE}}}
"""


def below(*keys: str, text: str = RAY) -> str:
    """The text, indented below these keys."""
    for key in reversed(keys):
        text = f"{key}:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    return text


def ray(kind: str, *keys: str, more: str = "") -> str:
    return f"apiVersion: ray.io/v1\nkind: {kind}\n{below('spec', *keys, text=RAY + more)}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, spec: {{replicas: 3, "
            f"leaderWorkerTemplate: {{size: 5, leaderTemplate: {{spec: {GPU}}}, workerTemplate: {{spec: {GPU}}}}}}}}}",
            [
                ("leaderWorkerTemplate.leaderTemplate", 3, 3, 3),
                ("leaderWorkerTemplate.workerTemplate", 12, 12, 12),
            ],
        ),
        (
            f"{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, spec: {{replicas: 2, "
            f"leaderWorkerTemplate: {{size: 4, workerTemplate: {{spec: {GPU}}}}}}}}}",
            [("", 8, 8, 8)],
        ),
        (
            f"{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, "
            f"spec: {{leaderWorkerTemplate: {{workerTemplate: {{spec: {GPU}}}}}}}}}",
            [("", 1, 1, 1)],
        ),
        (
            f"{JOB_SET}spec: {{replicatedJobs: [{{name: lead, {{T}}}}, {{name: work, replicas: 2, {{W}}}}]}}".replace(
                "{T}", f"template: {{spec: {{{TEMPLATE}}}}}"
            ).replace("{W}", f"template: {{spec: {{parallelism: 4, completions: 3, {TEMPLATE}}}}}"),
            [("replicatedJobs.0", 1, 0, 1), ("replicatedJobs.1", 6, 0, 6)],
        ),
        (
            f"{JOB_SET}spec: {{suspend: true, replicatedJobs: [{{name: a, template: {{spec: {{{TEMPLATE}}}}}}}]}}",
            [("", 0, 0, 0)],
        ),
        (f"{{apiVersion: batch/v1, kind: Job, spec: {{parallelism: 5, {TEMPLATE}}}}}", [("", 5, 0, 5)]),
        (
            f"{{apiVersion: batch/v1, kind: Job, metadata: {{name: it, labels: {{kueue.x-k8s.io/queue-name: gpus}}}}, "
            f"spec: {{suspend: true, parallelism: 5, {TEMPLATE}}}}}",
            [("", 0, 0, 5)],
        ),
        (
            f"{{apiVersion: batch/v1, kind: CronJob, spec: {{suspend: true, jobTemplate: {{spec: {{{TEMPLATE}}}}}}}}}",
            [("", 0, 0, 0)],
        ),
        (
            f"{{apiVersion: kubeflow.org/v1, kind: PyTorchJob, spec: {{"
            f"elasticPolicy: {{minReplicas: 2, maxReplicas: 9}}, "
            f"pytorchReplicaSpecs: {{Master: {{{TEMPLATE}}}, Worker: {{replicas: 4, {TEMPLATE}}}}}}}}}",
            [("pytorchReplicaSpecs.Master", 1, 0, 1), ("pytorchReplicaSpecs.Worker", 4, 0, 9)],
        ),
        (
            f"{{apiVersion: kubeflow.org/v1, kind: TFJob, spec: {{runPolicy: {{suspend: true}}, "
            f"tfReplicaSpecs: {{PS: {{replicas: 2, {TEMPLATE}}}}}}}}}",
            [("", 0, 0, 0)],
        ),
        (
            f"{{apiVersion: kubeflow.org/v2beta1, kind: MPIJob, spec: {{mpiReplicaSpecs: "
            f"{{Launcher: {{{TEMPLATE}}}, Worker: {{replicas: 7, {TEMPLATE}}}}}}}}}",
            [("mpiReplicaSpecs.Launcher", 1, 0, 1), ("mpiReplicaSpecs.Worker", 7, 0, 7)],
        ),
        (
            f"{{apiVersion: kubeflow.org/v1, kind: XGBoostJob, spec: {{xgbReplicaSpecs: {{Worker: {{{TEMPLATE}}}}}}}}}",
            [("", 1, 0, 1)],
        ),
        (f"{{apiVersion: kubeflow.org/v1, kind: Notebook, spec: {{{TEMPLATE}}}}}", [("", 1, 1, 1)]),
        (ray("RayCluster"), [("headGroupSpec", 1, 1, 1), ("workerGroupSpecs.0", 6, 6, 6)]),
        (
            ray("RayCluster", more="enableInTreeAutoscaling: true\n"),
            [("headGroupSpec", 1, 1, 1), ("workerGroupSpecs.0", 6, 3, 15)],
        ),
        (
            ray("RayService", "rayClusterConfig"),
            [("rayClusterConfig.headGroupSpec", 1, 1, 1), ("rayClusterConfig.workerGroupSpecs.0", 6, 6, 6)],
        ),
        (
            ray("RayJob", "rayClusterSpec"),
            [("rayClusterSpec.headGroupSpec", 1, 0, 1), ("rayClusterSpec.workerGroupSpecs.0", 6, 0, 6)],
        ),
        (
            f"{{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, spec: {{minAvailable: 3, tasks: "
            f"[{{replicas: 1, {TEMPLATE}}}, {{replicas: 4, {TEMPLATE}}}]}}}}",
            [("tasks.0", 1, 0, 1), ("tasks.1", 4, 0, 4)],
        ),
        (
            f"{{apiVersion: keda.sh/v1alpha1, kind: ScaledJob, spec: {{maxReplicaCount: 8, jobTargetRef: "
            f"{{parallelism: 2, {TEMPLATE}}}}}}}",
            [("", 0, 0, 16)],
        ),
        (
            f"{{apiVersion: serving.knative.dev/v1, kind: Service, spec: {{template: {{metadata: {{annotations: "
            f'{{autoscaling.knative.dev/minScale: "2", autoscaling.knative.dev/max-scale: "6"}}}}, spec: {GPU}}}}}}}',
            [("", 2, 2, 6)],
        ),
        (f"{{apiVersion: serving.knative.dev/v1, kind: Service, spec: {{{TEMPLATE}}}}}", [("", 1, 0, None)]),
        (
            "{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, spec: {predictor: {minReplicas: 0, "
            "maxReplicas: 3, model: {modelFormat: {name: vllm}, resources: {limits: {nvidia.com/gpu: 1}}}}}}",
            [("", 0, 0, 3)],
        ),
        (f"{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {{replicas: 4, {TEMPLATE}}}}}", [("", 4, 4, 4)]),
        (
            "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, spec: {entrypoint: a, templates: ["
            "{name: a, steps: []}, {name: b, container: {image: c, resources: {limits: {nvidia.com/gpu: 1}}}}]}}",
            [("", None, None, None)],
        ),
        (
            "{apiVersion: sparkoperator.k8s.io/v1beta2, kind: SparkApplication, spec: {driver: {}, executor: "
            "{instances: 3, gpu: {name: nvidia.com/gpu, quantity: 1}}}}",
            [("driver", 1, 0, 1), ("executor", 3, 0, 3)],
        ),
        (
            "{apiVersion: sparkoperator.k8s.io/v1beta2, kind: SparkApplication, spec: {driver: {}, executor: {}, "
            "dynamicAllocation: {enabled: true, initialExecutors: 2, minExecutors: 1, maxExecutors: 8}}}",
            [("driver", 1, 0, 1), ("executor", 2, 0, 8)],
        ),
        (
            "{apiVersion: apps.nvidia.com/v1alpha1, kind: NIMService, spec: {replicas: 2, multiNode: "
            "{parallelism: {pipeline: 3}}, "
            "resources: {limits: {nvidia.com/gpu: 1}}}}",
            [("", 6, 6, 6)],
        ),
        (
            "{apiVersion: apps.nvidia.com/v1alpha1, kind: NIMPipeline, spec: {services: [{name: a, spec: {scale: "
            "{enabled: true, hpa: {minReplicas: 1, maxReplicas: 4}}}}, {name: b, enabled: false, spec: {}}, "
            "{name: c, spec: {}}]}}",
            [("services.0", 1, 1, 4), ("services.2", 1, 1, 1)],
        ),
        (
            "{apiVersion: nvidia.com/v1alpha1, kind: DynamoGraphDeployment, spec: {services: {Frontend: {replicas: 1}, "
            'Worker: {replicas: 2, multinode: {nodeCount: 2}, resources: {limits: {gpu: "4"}}}}}}',
            [("services.Frontend", 1, 1, 1), ("services.Worker", 4, 4, 4)],
        ),
        (
            f"{{apiVersion: workload.codeflare.dev/v1beta2, kind: AppWrapper, spec: {{components: [{{template: "
            f"{{apiVersion: batch/v1, kind: Job, spec: {{parallelism: 2, {TEMPLATE}}}}}}}, {{template: "
            f"{{apiVersion: v1, kind: Pod, spec: {GPU}}}}}]}}}}",
            [("components.0", 2, 0, 2), ("components.1", 1, 1, 1)],
        ),
        (
            "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, spec: {flinkConfiguration: "
            '{taskmanager.numberOfTaskSlots: "2"}, jobManager: {}, taskManager: {}, job: {parallelism: 5}}}',
            [("jobManager", 1, 1, 1), ("taskManager", 3, 3, 3)],
        ),
        (f"{{apiVersion: v1, kind: PodTemplate, {TEMPLATE}}}", [("", 0, 0, 0)]),
        (
            f"{{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, spec: {{replicas: 3, {TEMPLATE}}}}}",
            [("", 3, 3, 3)],
        ),
    ],
)
def test_each_kind_of_a_group_has_its_templates_and_their_pods(text, expected):
    assert counts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"{{apiVersion: grove.io/v1alpha1, kind: PodCliqueSet, spec: {{replicas: 2, template: {{cliques: "
        f"[{{name: a, spec: {{podSpec: {GPU}}}}}]}}}}}}",
        f"{{apiVersion: example.com/v1, kind: Job, spec: {{parallelism: 2, {TEMPLATE}}}}}",
        f"{{apiVersion: example.com/v1, kind: Deployment, spec: {{replicas: 2, {TEMPLATE}}}}}",
        f"{{apiVersion: example.com/v1, kind: Workshop, spec: {{deep: [{{er: {{podTemplate: {{spec: {GPU}}}}}}}]}}}}",
    ],
)
def test_a_kind_that_nobody_knows_has_its_pods_and_not_their_number(text):
    (found,) = made(text)
    assert (found.replicas, found.min_replicas, found.max_replicas) == (None, None, None)
    assert found.requests == {"nvidia.com/gpu": 1}
    assert (
        found.uncounted
        == "its controller decides how many pods there are, and the planner does not know that controller"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{apiVersion: v1, kind: Service, spec: {selector: {app: a}}}",
        f"{{apiVersion: serving.kserve.io/v1alpha1, kind: ClusterServingRuntime, spec: {GPU}}}",
        f"{{apiVersion: kueue.x-k8s.io/v1beta1, kind: Workload, spec: {{podSets: [{{count: 2, {TEMPLATE}}}]}}}}",
        f"{{apiVersion: kyverno.io/v1, kind: ClusterPolicy, spec: {{rules: [{{pattern: {{spec: {GPU}}}}}]}}}}",
        f"{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, spec: {GPU}}}",
        "{apiVersion: example.com/v1, kind: Words, spec: {containers: [a, b]}}",
    ],
)
def test_what_makes_no_pods_has_none(text):
    assert made(text) == []


def test_leader_and_workers_of_a_group_are_a_gang_and_so_is_each_step_of_a_job_set():
    leader_worker_set = (
        f"{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, spec: {{replicas: 3, leaderWorkerTemplate: "
        f"{{size: 5, leaderTemplate: {{spec: {GPU}}}, workerTemplate: {{spec: {GPU}}}}}}}}}"
    )
    assert gangs(leader_worker_set) == [(1, 0), (4, 0)]
    job = f"template: {{spec: {{parallelism: 2, completions: 2, {TEMPLATE}}}}}"
    after = "dependsOn: [{name: a, status: %s}]"
    steps = [f"{{name: a, {job}}}", f"{{name: b, {job}, {after}}}", f"{{name: c, replicas: 2, {job}}}"]
    job_set = f"{JOB_SET}spec: {{replicatedJobs: [{', '.join(steps)}]}}"
    assert gangs(job_set % "Complete") == [(2, 0), (2, 1), (4, 0)]
    assert gangs(job_set % "Ready") == [(2, 0), (2, 0), (4, 0)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("minAvailable: 3", [1, 2]), ("minAvailable: 5", [1, 4]), ("queue: a", [1, 4])],
)
def test_volcano_starts_so_many_pods_together_and_all_unless_told(policy, expected):
    tasks = f"tasks: [{{replicas: 1, {TEMPLATE}}}, {{replicas: 4, {TEMPLATE}}}]"
    found = gangs(f"{{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, spec: {{{policy}, {tasks}}}}}")
    assert [pods for pods, _ in found] == expected


def test_ray_and_kubeflow_are_a_gang_only_where_something_makes_them_one():
    assert gangs(ray("RayCluster")) == [(0, 0), (0, 0)]
    labelled = ray("RayCluster").replace(
        "kind: RayCluster\n",
        'kind: RayCluster\nmetadata: {name: it, labels: {ray.io/gang-scheduling-enabled: "true"}}\n',
    )
    assert gangs(labelled) == [(1, 0), (6, 0)]
    roles = f"pytorchReplicaSpecs: {{Master: {{{TEMPLATE}}}, Worker: {{replicas: 4, {TEMPLATE}}}}}"
    torch = "{apiVersion: kubeflow.org/v1, kind: PyTorchJob, spec: {runPolicy: {%s}, " + roles + "}}"
    assert [pods for pods, _ in gangs(torch % "cleanPodPolicy: None")] == [0, 0]
    assert [pods for pods, _ in gangs(torch % "schedulingPolicy: {queue: a}")] == [1, 4]
    assert [pods for pods, _ in gangs(torch % "schedulingPolicy: {minAvailable: 2}")] == [1, 1]


@pytest.mark.parametrize(
    "said",
    ["labels: {scheduling.x-k8s.io/pod-group: band}", "annotations: {scheduling.k8s.io/group-name: band}"],
)
def test_pods_of_a_pod_group_are_a_gang_of_its_least_members(said):
    def find(kind: str, namespace: str, name: str):
        return {"spec": {"minMember": 4}} if (kind, namespace, name) == ("PodGroup", "default", "band") else None

    pod = f"{{metadata: {{{said}}}, spec: {GPU}}}"
    text = f"{{apiVersion: batch/v1, kind: Job, spec: {{parallelism: %s, template: {pod}}}}}"
    assert [made(text % pods, find)[0].gang for pods in (6, 3)] == [4, 3]
    assert made(text % 6)[0].gang == 0


RUNTIME = """\
apiVersion: trainer.kubeflow.org/v1alpha1
kind: ClusterTrainingRuntime
metadata: {name: torch}
spec:
  mlPolicy: {numNodes: 2, torch: {numProcPerNode: auto}}
  template:
    spec:
      replicatedJobs:
        - name: model
          template: {spec: {template: {spec: {containers: [{name: model, image: a}]}}}}
        - name: node
          dependsOn: [{name: model, status: Complete}]
          template:
            metadata: {labels: {trainer.kubeflow.org/trainjob-ancestor-step: trainer}}
            spec: {template: {spec: {containers: [{name: node, image: b}]}}}
"""
TRAIN_JOB = """\
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
spec:
  runtimeRef: {name: torch}
  trainer: {numNodes: 6, resourcesPerNode: {limits: {nvidia.com/gpu: 8}}}
"""


def test_a_train_job_has_the_pods_of_its_runtime_with_its_own_number_of_nodes():
    runtime = yaml.safe_load(RUNTIME)
    asked: list[tuple[str, str, str]] = []

    def find(kind: str, namespace: str, name: str):
        asked.append((kind, namespace, name))
        return runtime

    model, node = made(TRAIN_JOB, find)
    assert asked == [("ClusterTrainingRuntime", "", "torch")]
    assert (model.replicas, model.requests, model.gang_of) == (1, {}, 0)
    assert (node.replicas, node.requests, node.gang, node.gang_of) == (6, {"nvidia.com/gpu": 8}, 6, 1)
    assert counts(TRAIN_JOB.replace("numNodes: 6, ", ""), find)[1] == ("replicatedJobs.1", 2, 0, 2)


def test_a_train_job_without_its_runtime_says_so_and_keeps_what_it_says_itself():
    (found,) = made(TRAIN_JOB)
    assert (found.replicas, found.requests) == (6, {"nvidia.com/gpu": 8})
    assert found.partly == "its template is in ClusterTrainingRuntime torch, which was not read"
    (found,) = made(TRAIN_JOB.replace("numNodes: 6, ", ""))
    assert found.replicas is None


def test_spark_sums_its_memory_and_takes_the_place_from_its_own_fields():
    text = (
        "{apiVersion: sparkoperator.k8s.io/v1beta2, kind: SparkApplication, spec: {type: %s, driver: {memory: 512m}, "
        "executor: {cores: 4, memory: 10g, gpu: {name: nvidia.com/gpu, quantity: 2}, nodeSelector: {a: b}, "
        "tolerations: [{key: nvidia.com/gpu, operator: Exists}]}}}"
    )
    driver, executor = made(text % "Scala")
    assert driver.requests == {"cpu": 1000, "memory": 512 + 384}
    assert executor.requests == {"cpu": 4000, "memory": 10240 + 1024, "nvidia.com/gpu": 2}
    assert executor.pod.node_selector == {"a": "b"}
    assert [each.key for each in executor.pod.tolerations] == ["nvidia.com/gpu"]
    assert made(text % "Python")[1].requests["memory"] == 10240 + 4096


def test_a_model_of_kserve_is_counted_and_said_to_be_known_in_part():
    text = (
        "{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, %sspec: {predictor: {tolerations: "
        "[{operator: Exists}], model: {modelFormat: {name: vllm}, resources: {limits: {nvidia.com/gpu: 2}}}}}}"
    )
    (found,) = made(text % "")
    assert (found.replicas, found.min_replicas, found.max_replicas) == (1, 1, None)
    assert found.requests == {"nvidia.com/gpu": 2}
    assert "serving runtime that KServe chooses" in found.partly
    mode = "metadata: {name: it, annotations: {serving.kserve.io/deploymentMode: RawDeployment}}, "
    assert made(text % mode)[0].max_replicas == 1
    own = f"{{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, spec: {{predictor: {GPU}}}}}"
    assert made(own)[0].partly == ""


def test_an_autoscaler_moves_whole_groups_of_a_leader_worker_set():
    template = {"spec": yaml.safe_load(GPU)}
    spec = {"leaderWorkerTemplate": {"size": 4, "leaderTemplate": template, "workerTemplate": template}}
    lws = kubernetes("LeaderWorkerSet", "it", spec, "leaderworkerset.x-k8s.io/v1")
    target = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "it"}
    hpa = kubernetes(
        "HorizontalPodAutoscaler",
        "it",
        {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5},
        "autoscaling/v2",
    )
    found = [(each.replicas, each.min_replicas, each.max_replicas) for each in workloads(Graph([lws, hpa]))]
    assert found == [(2, 2, 5), (6, 6, 15)]


def test_each_template_is_a_workload_of_its_own_in_a_stack():
    template = {"spec": yaml.safe_load(GPU)}
    spec = {"leaderWorkerTemplate": {"size": 2, "leaderTemplate": template, "workerTemplate": template}}
    lws = kubernetes("LeaderWorkerSet", "it", spec, "leaderworkerset.x-k8s.io/v1")
    leader, worker = workloads(Graph([lws]))
    assert leader.resource == worker.resource == lws.urn
    assert worker.urn == f"{lws.urn}#leaderWorkerTemplate.workerTemplate"
    assert str(worker) == "LeaderWorkerSet default/it leaderWorkerTemplate.workerTemplate"


def test_numbers_that_are_none_are_named_with_their_place():
    text = (
        f"{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, spec: {{leaderWorkerTemplate: "
        f"{{size: many, workerTemplate: {{spec: {GPU}}}}}}}}}"
    )
    said = "LeaderWorkerSet default/it: spec.leaderWorkerTemplate.size must be a whole number, got 'many'"
    with pytest.raises(ValueError, match=said):
        made(text)
