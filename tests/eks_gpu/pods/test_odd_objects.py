"""Whatever stands in an object of another controller, its pod templates are found, or it is refused with a message."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from eks_gpu.pods.makers import made_pods, templates
from tests.e2e.mutated_objects import places

CONTAINER = "{name: node, image: a, resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: 1}}}"
RUNTIME = yaml.safe_load(f"""
spec:
  mlPolicy: {{numNodes: 2, mpi: {{runLauncherAsNode: true}}}}
  template:
    spec:
      replicatedJobs:
        - name: node
          template: {{spec: {{template: {{spec: {{nodeSelector: {{a: b}}, containers: [{CONTAINER}]}}}}}}}}
""")
OBJECTS = list(
    yaml.safe_load_all(f"""
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {{name: it}}
spec:
  runtimeRef: {{name: a}}
  trainer: {{numNodes: 2, resourcesPerNode: {{limits: {{nvidia.com/gpu: 8}}}}}}
  podTemplateOverrides: [{{targetJobs: [{{name: node}}], spec: {{nodeSelector: {{c: d}}, tolerations: [{{key: a}}]}}}}]
  runtimePatches: [{{trainingRuntimeSpec: {{template: {{spec: {{replicatedJobs: [{{name: node}}]}}}}}}}}]
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: it}}
spec:
  templateDefaults: {{nodeSelector: {{a: b}}, tolerations: [{{key: a}}], container: {{image: a}}}}
  templates:
    - {{name: a, steps: [[{{name: b, inline: {{container: {CONTAINER}, tolerations: [{{key: b}}]}}}}]]}}
    - {{name: c, dag: {{tasks: [{{name: d, inline: {{script: {CONTAINER}}}}}]}}, podSpecPatch: a}}
---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {{name: it}}
spec:
  driver: {{}}
  executor: {{instances: 2, gpu: {{name: nvidia.com/gpu, quantity: 1}}}}
  dynamicAllocation: {{enabled: true, minExecutors: 1}}
  sparkConf: {{spark.executor.resource.gpu.amount: "1", spark.executor.resource.gpu.vendor: nvidia.com}}
---
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {{name: it}}
spec:
  flinkConfiguration: {{external-resources: gpu, external-resource.gpu.kubernetes.config-key: nvidia.com/gpu,
    external-resource: {{gpu: {{amount: 1}}}}}}
  podTemplate: {{spec: {{containers: [{{name: log, image: a}}]}}}}
  jobManager: {{replicas: 1, resources: {{requests: {{cpu: 1}}}}}}
  taskManager: {{resource: {{cpu: 1, memory: 2048m}}, podTemplate: {{spec: {{containers: [{CONTAINER}]}}}}}}
  job: {{parallelism: 4}}
---
apiVersion: apps.nvidia.com/v1alpha1
kind: NIMService
metadata: {{name: it}}
spec:
  image: {{repository: a, tag: b}}
  resources: {{limits: {{cpu: 1}}}}
  storage: {{nimCache: {{name: a}}}}
  multiNode: {{parallelism: {{pipeline: 2, tensor: 8}}}}
---
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: it}}
spec:
  services:
    W: {{replicas: 2, multinode: {{}}, resources: {{limits: {{gpu: "1"}}}}, extraPodSpec: {{mainContainer: {{}}}}}}
  components: [{{name: a, podTemplate: {{spec: {{containers: [{CONTAINER}]}}}}}}]
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {{name: it}}
spec:
  scaling: {{maxReplicas: 3}}
  parallelism: {{data: 4, dataLocal: 2}}
  template: {{containers: [{CONTAINER}]}}
  worker: {{containers: [{CONTAINER}]}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {{name: it, annotations: {{serving.kserve.io/deploymentMode: Standard}}}}
spec:
  predictor:
    model: {CONTAINER}
    workerSpec: {{pipelineParallelSize: 2, tensorParallelSize: 8, containers: [{CONTAINER}]}}
---
apiVersion: apps.kruise.io/v1beta1
kind: UnitedDeployment
metadata: {{name: it}}
spec:
  topology: {{subsets: [{{name: a}}]}}
  template: {{deploymentTemplate: {{spec: {{template: {{spec: {{containers: [{CONTAINER}]}}}}}}}}}}
""")
)
ODD = (None, [None], {1: 2}, {"": ""}, [[]], {"a": None}, 10**400, "-", True, -1)


def with_odd_values(given: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of the object and each odd value: the place, and the object with the value there."""
    for path in places(given):
        for odd in ODD:
            changed: Any = copy.deepcopy(given)
            holder: Any = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = odd
            yield path, changed


def assert_no_crash(made: Any, runtime: Any) -> None:
    try:
        templates(made_pods(made, lambda *_: runtime))
    except ValueError as refused:
        assert str(refused)


@pytest.mark.parametrize("made", OBJECTS, ids=lambda made: made["kind"])
def test_no_value_at_any_place_is_a_crash(made):
    assert templates(made_pods(made, lambda *_: RUNTIME))
    for path, changed in with_odd_values(made):
        if path[0] != "metadata":
            assert_no_crash(changed, RUNTIME)


def test_no_value_in_a_runtime_is_a_crash():
    for _, changed in with_odd_values(RUNTIME):
        assert_no_crash(OBJECTS[0], changed)
