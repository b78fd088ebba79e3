"""Who makes pods that serve: numbers, GPUs and gangs as each controller has them."""

import pytest

from tests.eks_gpu.pods.made import GPU, counts, gangs, made

NIM = "apiVersion: apps.nvidia.com/v1alpha1, kind: NIMService"
KSERVE = "apiVersion: serving.kserve.io/v1beta1, kind: InferenceService"
LLM = "apiVersion: serving.kserve.io/v1alpha2, kind: LLMInferenceService"


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ("autoscaling.knative.dev/class: hpa.autoscaling.knative.dev", (1, 1, None)),
        ("autoscaling.knative.dev/class: kpa.autoscaling.knative.dev", (1, 0, None)),
        ('autoscaling.knative.dev/initial-scale: "4"', (4, 0, None)),
        ('autoscaling.knative.dev/max-scale: "0"', (1, 0, None)),
    ],
)
def test_a_service_of_knative_goes_to_zero_but_by_an_autoscaler_of_kubernetes(annotations, expected):
    template = f"template: {{metadata: {{annotations: {{{annotations}}}}}, spec: {GPU}}}"
    text = f"{{apiVersion: serving.knative.dev/v1, kind: Service, spec: {{{template}}}}}"
    assert counts(text) == [("", *expected)]


@pytest.mark.parametrize(
    ("autoscaler", "bounds", "expected"),
    [
        ("hpa", "minReplicas: 0, maxReplicas: 3", (1, 1, 3)),
        ("keda", "minReplicas: 0, maxReplicas: 3", (0, 0, 3)),
        ("none", "minReplicas: 2, maxReplicas: 3", (2, 2, 2)),
    ],
)
def test_a_deployment_of_kserve_is_scaled_by_the_class_that_it_names(autoscaler, bounds, expected):
    says = f"serving.kserve.io/deploymentMode: Standard, serving.kserve.io/autoscalerClass: {autoscaler}"
    about = f"metadata: {{name: it, annotations: {{{says}}}}}"
    text = f"{{{KSERVE}, {about}, spec: {{predictor: {{{bounds}, model: {{modelFormat: {{name: vllm}}}}}}}}}}"
    assert counts(text) == [("", *expected)]


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        ("pipelineParallelSize: 3", 2),
        ("pipelineParallelSize: 3, tensorParallelSize: 8", 2),
        ("pipelineParallelSize: 2, tensorParallelSize: 8, containers: [%s]", 3),
        ("tensorParallelSize: 8", None),
    ],
)
def test_a_model_of_kserve_on_several_nodes_has_as_many_pods_as_its_gpus_need(worker, expected):
    container = "{name: worker, resources: {requests: {nvidia.com/gpu: 4}}}"
    spec = f"predictor: {{minReplicas: 1, maxReplicas: 1, workerSpec: {{{worker.replace('%s', container)}}}, {{}}}}"
    model = "model: {modelFormat: {name: huggingface}}"
    assert [each[1] for each in counts(f"{{{KSERVE}, spec: {{{spec.replace('{}', model)}}}}}")] == [1, expected]


def test_a_model_of_kserve_whose_first_pod_has_all_gpus_has_no_worker():
    worker = "containers: [{name: w, resources: {requests: {nvidia.com/gpu: 4}}}]"
    head = "model: {modelFormat: {name: huggingface}, resources: {requests: {nvidia.com/gpu: 8}}}"
    size = f"pipelineParallelSize: 1, tensorParallelSize: 8, {worker}"
    assert counts(f"{{{KSERVE}, spec: {{predictor: {{{head}, workerSpec: {{{size}}}}}}}}}")[1][1] == 0


@pytest.mark.parametrize(
    ("said", "expected", "together"),
    [
        ("replicas: 2, worker: {}, parallelism: {data: 16, dataLocal: 8}", [2, 2], [1, 1]),
        ("replicas: 2, worker: {}, parallelism: {pipeline: 4}", [2, 6], [1, 3]),
        ("replicas: 2, worker: {}, parallelism: {tensor: 4}", [2, None], [0, 0]),
        ("replicas: 2, parallelism: {tensor: 4}", [2], [0]),
    ],
)
def test_a_language_model_has_the_pods_of_its_parallel_parts(said, expected, together):
    text = f"{{{LLM}, spec: {{model: {{uri: hf://a}}, {said.replace('worker: {}', 'worker: {containers: []}')}}}}}"
    assert [each[1] for each in counts(text)] == expected
    assert [gang for gang, _ in gangs(text)] == together


def test_a_language_model_is_scaled_between_its_bounds():
    assert counts(f"{{{LLM}, spec: {{scaling: {{maxReplicas: 5, keda: {{}}}}}}}}") == [("", 1, 1, 5)]
    assert counts(f"{{{LLM}, spec: {{scaling: {{minReplicas: 2, maxReplicas: 5}}}}}}") == [("", 2, 2, 5)]


@pytest.mark.parametrize(
    ("said", "gpus"),
    [
        ("image: {repository: a, tag: b}", 1),
        ("resources: {limits: {nvidia.com/gpu: 4}}", 4),
        ("resources: {requests: {nvidia.com/gpu: 2}, limits: {nvidia.com/gpu: 2}}", 2),
        ("resources: {limits: {memory: 8Gi}}", 1),
        ("draResources: [{resourceClaimTemplateName: gpu}]", None),
        ("multiNode: {parallelism: {pipeline: 2, tensor: 8}}", 8),
    ],
)
def test_a_nim_gets_the_gpus_of_its_tensor_or_one_where_it_says_none(said, gpus):
    (found,) = made(f"{{{NIM}, spec: {{{said}}}}}")
    assert found.requests.get("nvidia.com/gpu") == gpus
    assert found.partly == ""


def test_a_nim_with_a_cached_profile_is_known_in_part():
    (found,) = made(f"{{{NIM}, spec: {{storage: {{nimCache: {{name: llama, profile: tp4}}}}}}}}")
    assert (
        found.partly == "how many GPUs it asks for is in the profile of its NIMCache, which the planner does not read"
    )


def test_a_nim_on_several_nodes_is_a_gang_of_its_pipeline():
    text = f"{{{NIM}, spec: {{replicas: 2, multiNode: {{parallelism: {{pipeline: 3, tensor: 8}}}}}}}}"
    assert counts(text) == [("", 6, 6, 6)]
    assert gangs(text) == [(3, 0)]


@pytest.mark.parametrize(
    ("said", "expected", "together"),
    [
        ("services: {W: {replicas: 2, multinode: {}}}", (4, 4, 4), 2),
        ("services: {W: {replicas: 2, multinode: {nodeCount: 4}}}", (8, 8, 8), 4),
        ("services: {W: {autoscaling: {enabled: true, minReplicas: 2, maxReplicas: 9}}}", (1, 1, 1), 0),
        (
            f"components: [{{name: w, replicas: 2, multinode: {{nodeCount: 3}}, podTemplate: {{spec: {GPU}}}}}]",
            (6, 6, 6),
            3,
        ),
    ],
)
def test_a_service_of_dynamo_on_several_nodes_is_a_gang_and_ignores_its_old_autoscaler(said, expected, together):
    text = f"{{apiVersion: nvidia.com/v1beta1, kind: DynamoGraphDeployment, spec: {{{said}}}}}"
    assert counts(text) == [("", *expected)]
    assert gangs(text) == [(together, 0)]


def test_a_component_of_dynamo_by_itself_has_its_pods():
    text = "{apiVersion: nvidia.com/v1alpha1, kind: DynamoComponentDeployment, spec: {replicas: 2, resources: %s}}"
    (found,) = made(text % '{limits: {gpu: "2"}}')
    assert (found.replicas, found.requests) == (2, {"nvidia.com/gpu": 2})
