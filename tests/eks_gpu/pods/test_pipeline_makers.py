"""Who makes pods of steps and of parallel jobs: what is asked for by an object's own fields and by its settings."""

import pytest

from tests.eks_gpu.pods.made import TEMPLATE, counts, made

WORKFLOW = "apiVersion: argoproj.io/v1alpha1, kind: Workflow"
SPARK = "apiVersion: sparkoperator.k8s.io/v1beta2, kind: SparkApplication"
FLINK = "apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment"
STEP = "container: {image: a, resources: {limits: {nvidia.com/gpu: 2}}}"


def test_an_experiment_has_the_pods_of_each_version_while_it_runs():
    text = f"{{apiVersion: argoproj.io/v1alpha1, kind: Experiment, spec: {{templates: [{{name: a, {TEMPLATE}}}, "
    assert counts(text + f"{{name: b, replicas: 3, {TEMPLATE}}}]}}}}") == [
        ("templates.0", 1, 0, 1),
        ("templates.1", 3, 0, 3),
    ]


@pytest.mark.parametrize(
    "template",
    [
        f"{{name: a, steps: [[{{name: b, inline: {{{STEP}}}}}]]}}",
        f"{{name: a, dag: {{tasks: [{{name: c, template: d}}, {{name: b, inline: {{{STEP}}}}}]}}}}",
    ],
)
def test_a_step_that_stands_within_another_is_a_step(template):
    (found,) = made(f"{{{WORKFLOW}, spec: {{templates: [{template}]}}}}")
    assert found.requests == {"nvidia.com/gpu": 2}


def test_a_step_has_the_defaults_of_its_workflow_under_its_own_fields():
    defaults = (
        "templateDefaults: {nodeSelector: {pool: gpu}, tolerations: [{key: a, operator: Exists}, {key: b, value: c}], "
        "container: {resources: {requests: {cpu: 2, memory: 1Gi}}}}"
    )
    container = "container: {image: a, resources: {requests: {cpu: 4}}}"
    own = f"nodeSelector: {{zone: x}}, tolerations: [{{key: b, value: d}}], {container}"
    (found,) = made(f"{{{WORKFLOW}, spec: {{{defaults}, templates: [{{name: a, {own}}}]}}}}")
    assert found.requests == {"cpu": 4000, "memory": 1024}
    assert found.pod.node_selector == {"pool": "gpu", "zone": "x"}
    assert [(each.key, each.value) for each in found.pod.tolerations] == [("b", "d"), ("a", "")]


@pytest.mark.parametrize(
    "where", ["podSpecPatch: '{}', templates: [{name: a, X}]", "templates: [{name: a, podSpecPatch: '{}', X}]"]
)
def test_a_step_whose_pod_is_patched_says_so(where):
    (found,) = made(f"{{{WORKFLOW}, spec: {{{where.replace('X', STEP)}}}}}")
    assert found.partly == "podSpecPatch changes the pod, and the planner does not read it"


def test_spark_asks_for_gpus_by_its_own_settings_too():
    conf = (
        'spark.executor.resource.gpu.amount: "2", spark.executor.resource.gpu.vendor: nvidia.com, '
        'spark.executor.resource.fpga.amount: "1", spark.executor.instances: "4", spark.executor.memory: 8g, '
        'spark.executor.cores: "3", spark.executor.memoryOverhead: 1g'
    )
    text = f"{{{SPARK}, spec: {{type: Scala, driver: {{}}, executor: {{}}, sparkConf: {{{conf}}}}}}}"
    _, executor = made(text)
    assert executor.requests == {"cpu": 3000, "memory": 9216, "nvidia.com/gpu": 2}
    assert counts(text)[1] == ("executor", 4, 0, 4)
    assert counts(text.replace("executor: {}", "executor: {instances: 2}"))[1] == ("executor", 2, 0, 2)


def test_spark_moves_its_executors_by_its_own_settings_where_the_application_says_nothing():
    conf = 'spark.dynamicAllocation.enabled: "true", spark.dynamicAllocation.maxExecutors: "7"'
    text = f"{{{SPARK}, spec: {{driver: {{}}, executor: {{}}, sparkConf: {{{conf}}}}}}}"
    assert counts(text)[1] == ("executor", 0, 0, 7)
    off = text.replace("driver: {}", "driver: {}, dynamicAllocation: {enabled: false}")
    assert counts(off)[1] == ("executor", 1, 0, 1)


def test_a_setting_of_spark_that_is_no_number_is_named_with_its_place():
    text = f"{{{SPARK}, spec: {{driver: {{}}, executor: {{}}, sparkConf: {{spark.executor.instances: many}}}}}}"
    with pytest.raises(ValueError, match=r"spark.executor.instances.* must be a whole number, got 'many'"):
        made(text)


@pytest.mark.parametrize(
    "conf",
    [
        'external-resources: gpu, external-resource.gpu.amount: "2", '
        "external-resource.gpu.kubernetes.config-key: nvidia.com/gpu",
        "external-resources: [fpga, gpu], "
        "external-resource: {gpu: {amount: 2, kubernetes: {config-key: nvidia.com/gpu}}}",
    ],
)
def test_flink_asks_for_the_gpus_of_its_task_managers_by_its_own_settings(conf):
    text = f"{{{FLINK}, spec: {{jobManager: {{}}, taskManager: {{replicas: 2}}, flinkConfiguration: {{{conf}}}}}}}"
    manager, worker = made(text)
    assert manager.requests == {}
    assert worker.requests == {"nvidia.com/gpu": 2}
    (_, worker) = made(text.replace("external-resources: ", "external-resources-not: "))
    assert worker.requests == {}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("resource: {cpu: 2, memory: 2048m}", {"cpu": 2000, "memory": 2048}),
        ("resources: {requests: {cpu: 3, memory: 1Gi}}, resource: {cpu: 2, memory: 2g}", {"cpu": 3000, "memory": 1024}),
        (
            "resources: {limits: {cpu: 1, memory: 3Gi, nvidia.com/gpu: 1}}",
            {"cpu": 1000, "memory": 3072, "nvidia.com/gpu": 1},
        ),
        ("replicas: 1", {"cpu": 500, "memory": 4096}),
    ],
)
def test_flink_asks_by_a_field_and_else_by_its_settings(said, expected):
    conf = 'kubernetes.taskmanager.cpu.amount: "0.5", taskmanager.memory.process.size: 4g'
    text = f"{{{FLINK}, spec: {{jobManager: {{}}, taskManager: {{{said}}}, flinkConfiguration: {{{conf}}}}}}}"
    assert made(text)[1].requests == expected


def test_flink_has_the_other_containers_of_its_templates():
    main = "{name: flink-main-container, resources: {limits: {nvidia.com/gpu: 1}}}"
    own = f"{{spec: {{containers: [{{name: log, resources: {{requests: {{cpu: 1}}}}}}, {main}]}}}}"
    shared = "{spec: {containers: [{name: log, image: a}, {name: proxy, resources: {requests: {cpu: 2}}}]}}"
    text = f"{{{FLINK}, spec: {{podTemplate: {shared}, jobManager: {{}}, taskManager: {{podTemplate: {own}}}}}}}"
    manager, worker = made(text)
    assert manager.requests == {"cpu": 2000}
    assert worker.requests == {"cpu": 3000, "nvidia.com/gpu": 1}


def test_flink_counts_its_slots_where_its_settings_are_maps_and_has_a_manager_where_none_is_asked_for():
    conf = "flinkConfiguration: {taskmanager: {numberOfTaskSlots: 4}}"
    spec = f"{conf}, jobManager: {{replicas: 0}}, taskManager: {{}}, job: {{parallelism: 9}}"
    expected = [("jobManager", 1, 1, 1), ("taskManager", 3, 3, 3)]
    assert counts(f"{{{FLINK}, spec: {{{spec}}}}}") == expected
    kind = FLINK.replace("FlinkDeployment", "FlinkBlueGreenDeployment")
    blue = f"{{{kind}, spec: {{template: {{spec: {{{spec}}}}}}}}}"
    assert [numbers[1:] for numbers in counts(blue)] == [numbers[1:] for numbers in expected]


def test_a_rollout_of_a_deployment_has_the_pods_of_its_template():
    reference = "workloadRef: {kind: Deployment, name: a}"
    text = f"{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {{replicas: 2, {reference}}}}}"
    template = {"spec": {"containers": [{"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}}
    (found,) = made(text, lambda kind, namespace, name: {"spec": {"replicas": 9, "template": template}})
    assert (found.replicas, found.requests, found.partly) == (2, {"nvidia.com/gpu": 1}, "")
