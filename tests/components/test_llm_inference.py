"""LlmInference: what it registers, what its pods are told, and what it refuses."""

import json
from typing import Any

import kubernetes_validate
import pytest

from components.catalog.language_model_table import CONFIGS
from components.inference.llm_settings import LlmInferenceSettingsArgs, LlmModelArgs
from components.inference.service_settings import ModelServiceArgs
from components.observability.monitors import pod_monitors
from components.observability.settings import GpuObservabilitySettings
from components.values.value import BadInput, check
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.found import every
from tests.llm import BY_HAND, CLAIM, DEPLOYMENT, NAME, POOL, S3, deployment, llm, pod, server

COMPONENT = "eks-gpu-components:index:LlmInference"
SERVICE = "kubernetes:core/v1:Service"
KEY = {"name": "llm-keys", "key": "api-key"}
PUBLIC = {"public": True, "source_ranges": ["203.0.113.0/24"], "allow_plain_http": True}
LARGE = {"instance_types": ["g6e.12xlarge"], "max_gpus": 8}
QUANTISED = json.dumps({**CONFIGS[NAME], "quantization_config": {"quant_method": "awq", "bits": 4}})


def test_vllm_is_told_the_model_and_what_the_memory_was_computed_with():
    assert server()["command"] == ["vllm", "serve"]
    assert server()["args"] == [
        "s3://models/qwen3-8b/",
        "--served-model-name=Qwen/Qwen3-8B",
        "--port=8000",
        "--max-model-len=8192",
        "--gpu-memory-utilization=0.9",
        "--tensor-parallel-size=1",
        "--max-num-batched-tokens=8192",
        "--max-num-seqs=256",
        "--kv-cache-dtype=auto",
        "--shutdown-timeout=75",
        "--load-format=runai_streamer",
    ]
    assert server()["image"] == (
        "vllm/vllm-openai:v0.28.0@sha256:61fc8a896b0a4fbbbdc063bc4b0dbc25ce98e02b5050c24aeb7830ac02039b14"
    )
    assert server()["env"] == [
        {"name": "HOME", "value": "/tmp"},
        {"name": "USER", "value": "vllm"},
        {"name": "HF_HUB_OFFLINE", "value": "1"},
        {"name": "VLLM_NO_USAGE_STATS", "value": "1"},
        {"name": "RUNAI_STREAMER_MEMORY_LIMIT", "value": "3221225472"},
        {"name": "AWS_REGION", "value": "us-west-2"},
    ]


def test_a_model_is_split_over_the_least_gpus_that_are_enough_and_its_pod_asks_for_those():
    found = server(pool=LARGE, model={**S3, "name": "Qwen/Qwen3-32B"})
    assert found["resources"] == {
        "requests": {"cpu": "3000m", "memory": "24576Mi"},
        "limits": {"memory": "24576Mi", "nvidia.com/gpu": "2"},
    }
    assert "--tensor-parallel-size=2" in found["args"]
    assert '--model-loader-extra-config={"distributed":true}' in found["args"]
    assert server(pool=LARGE, tensor_parallel=4)["resources"]["limits"]["nvidia.com/gpu"] == "4"


def test_a_pod_has_no_right_that_it_does_not_need():
    found = pod()
    assert found["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 2000,
        "runAsGroup": 0,
        "fsGroup": 2000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert server()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert found["automountServiceAccountToken"] is False
    assert found["serviceAccountName"] == "llm"
    assert found["volumes"] == [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2048Mi"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    assert server()["volumeMounts"] == [
        {"name": "shm", "mountPath": "/dev/shm"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]


def test_it_runs_on_its_pool_and_is_spread_over_zones():
    assert pod()["nodeSelector"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-l4",
        "team": "language",
    }
    assert pod()["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod()["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {
                "matchLabels": {"app.kubernetes.io/name": "llm-inference", "app.kubernetes.io/instance": "llm"}
            },
        }
    ]


def test_the_server_has_time_to_load_the_model_and_streams_have_time_to_end():
    probe = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    assert server()["startupProbe"] == {**probe, "periodSeconds": 10, "failureThreshold": 73}
    assert server()["readinessProbe"] == {**probe, "periodSeconds": 5, "failureThreshold": 3}
    assert server()["livenessProbe"] == {**probe, "periodSeconds": 10, "failureThreshold": 6}
    large = server(pool=LARGE, model={**S3, "name": "meta-llama/Llama-3.3-70B-Instruct"})
    assert large["startupProbe"]["failureThreshold"] == 168
    unknown = server(model={**S3, "name": "acme/tiny"}, tensor_parallel=1)
    assert unknown["startupProbe"]["failureThreshold"] == 360
    assert deployment()["spec"]["progressDeadlineSeconds"] == 1870
    assert llm().one(DEPLOYMENT).options["customTimeouts"] == {"create": "36m", "update": "36m"}

    assert server()["lifecycle"] == {"preStop": {"sleep": {"seconds": 15}}}
    assert pod()["terminationGracePeriodSeconds"] == 105
    longer = {"drain_s": 600}
    assert pod(service=longer)["terminationGracePeriodSeconds"] == 630
    assert "--shutdown-timeout=600" in server(service=longer)["args"]


def test_another_scaler_may_set_the_number_of_pods():
    found = deployment(service={"max_replicas": 4})
    assert "replicas" not in found["spec"]
    assert found["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert deployment(service={"replicas": 3})["spec"]["replicas"] == 3
    assert deployment()["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert [made.type for made in llm().graph if "autoscaling" in made.type or "keda" in made.type] == []


def test_what_scales_it_has_its_names():
    found = llm(service={"namespace": "chat"})
    assert {key: found.one(COMPONENT).outputs[key] for key in ("deployment_name", "service_name", "namespace")} == {
        "deployment_name": "llm",
        "service_name": "llm",
        "namespace": "chat",
    }
    assert found.one(COMPONENT).outputs["url"] == "http://llm.chat.svc:8000"


def test_pods_of_the_cluster_alone_reach_it_unless_it_has_a_load_balancer():
    found = llm()
    assert found.one(SERVICE).inputs["spec"] == {
        "type": "ClusterIP",
        "selector": {"app.kubernetes.io/name": "llm-inference", "app.kubernetes.io/instance": "llm"},
        "ports": [{"name": "http", "port": 8000, "targetPort": 8000, "protocol": "TCP"}],
    }
    policy = found.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert policy["ingress"] == [
        {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 8000}]},
    ]
    assert policy["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]},
    ]
    assert "namespaceSelector" in str(policy) and "ipBlock" not in str(policy["ingress"])


def test_a_load_balancer_is_internal_asks_for_health_and_lets_streams_end():
    found = llm(service={"load_balancer": {"vpc_cidrs": ["10.0.0.0/16"]}})
    reached = found.one(SERVICE).inputs
    annotations = reached["metadata"]["annotations"]
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    assert annotations[f"{prefix}scheme"] == "internal"
    assert annotations[f"{prefix}healthcheck-path"] == "/health"
    assert annotations[f"{prefix}healthcheck-port"] == "8000"
    assert "deregistration_delay.timeout_seconds=75" in annotations[f"{prefix}target-group-attributes"].split(",")
    assert reached["spec"]["ports"] == [{"name": "http", "port": 8000, "targetPort": 8000, "protocol": "TCP"}]
    (rule,) = found.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/16"}}]
    (ingress,) = found.one(SERVICE).outputs["status"]["loadBalancer"]["ingress"]
    assert found.one(COMPONENT).outputs["url"] == f"http://{ingress['hostname']}:8000"
    labels = found.one("kubernetes:core/v1:Namespace").inputs["metadata"]["labels"]
    assert labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"
    assert "elbv2" not in str(llm().one("kubernetes:core/v1:Namespace").inputs)


@pytest.mark.parametrize("given", [{}, {"load_balancer": {"vpc_cidrs": ["10.0.0.0/16"]}}], ids=["inside", "balanced"])
def test_prometheus_of_the_cluster_finds_and_reaches_its_metrics(given):
    (monitor,) = (each for each in pod_monitors(check(GpuObservabilitySettings, {})) if each["name"] == "model-server")
    found = llm(service=given)
    template = found.one(DEPLOYMENT).inputs["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    (rule,) = found.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"]
    assert {"namespaceSelector": {}} in rule["from"]
    assert rule["ports"] == [{"protocol": "TCP", "port": ports[endpoint["port"]]}]


def test_the_key_comes_from_a_secret_and_stands_in_no_argument():
    found = server(api_key=KEY, service=BY_HAND)
    assert {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": KEY}} in found["env"]
    assert "api-key" not in str(found["args"])


def test_pods_may_read_the_models_folder_alone_and_wait_for_it():
    found = llm()
    policy = json.loads(found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert policy["Statement"][0]["Resource"] == "arn:aws:s3:::models/qwen3-8b/*"
    assert [each["Action"] for each in policy["Statement"]] == ["s3:GetObject", "s3:ListBucket"]
    identity = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert (identity.inputs["namespace"], identity.inputs["serviceAccount"]) == ("models", "llm")
    assert identity.urn in found.one(DEPLOYMENT).dependencies


def test_a_model_on_a_volume_is_mounted_read_only_and_needs_no_network():
    model = {**CLAIM, "volume_path": "qwen/8b/"}
    found = llm(model=model, service=BY_HAND)
    spec = found.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]
    claim = {"claimName": "models", "readOnly": True}
    assert spec["volumes"][2] == {"name": "model", "persistentVolumeClaim": claim}
    assert spec["containers"][0]["args"][0] == "/models/qwen/8b"
    assert server(model=CLAIM, service=BY_HAND)["args"][0] == "/models"
    assert "--load-format=runai_streamer" not in spec["containers"][0]["args"]
    assert "serviceAccountName" not in spec
    assert found.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["egress"] == []


def test_what_vllm_compiles_is_kept_on_a_volume_that_it_may_write_to():
    spec = pod(compile_cache_claim="compiled", service=BY_HAND)
    assert spec["volumes"][2] == {"name": "cache", "persistentVolumeClaim": {"claimName": "compiled"}}
    (found,) = spec["containers"]
    assert found["volumeMounts"][2] == {"name": "cache", "mountPath": "/cache"}
    assert {"name": "VLLM_CACHE_ROOT", "value": "/cache"} in found["env"]
    assert not [each for each in server()["env"] if each["name"] == "VLLM_CACHE_ROOT"]


def test_a_gpu_without_bfloat16_computes_in_half_precision():
    turing = {"instance_types": ["g4dn.12xlarge"], "max_gpus": 4}
    assert "--dtype=half" in server(pool=turing)["args"]
    assert "--dtype=half" not in server()["args"]


VARIANTS: list[dict[str, Any]] = [
    {},
    {"service": {"max_replicas": 3}},
    {"model": CLAIM, "service": BY_HAND, "cluster": None},
    {"model": {"name": NAME, "image_path": "/opt/model"}, "image": "registry.example/llm:1"},
    {"service": {**BY_HAND, "load_balancer": PUBLIC}, "api_key": KEY},
]


@pytest.mark.parametrize("args", VARIANTS)
def test_kubernetes_and_the_sdk_take_all_of_it_and_a_preview_plans_the_same(args):
    found = llm(**args)
    for _, manifest in every(kubernetes_objects(found.graph)):
        kubernetes_validate.validate(manifest, "1.35", strict=True)
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []
    assert llm(preview=True, **args).urns() == found.urns()


OTHER: dict[str, Any] = {
    "model": {**S3, "name": "Qwen/Qwen2.5-7B-Instruct"},
    "context_tokens": 4096,
    "concurrency": 8,
    "kv_cache": "fp8",
    "tensor_parallel": 2,
    "nodes": 2,
    "gpu_memory_utilization": 0.95,
    "compile_cache_claim": "compiled",
    "image": "registry.example/vllm:1",
    "api_key": KEY,
    "cpu_millicores": 3000,
    "memory_mib": 14_000,
    "args": ["--enable-auto-tool-choice"],
}
OTHER_MODEL: dict[str, Any] = {
    "name": "acme/mine",
    "s3_uri": "s3://models/other",
    "volume_claim": "other",
    "volume_path": "other",
    "image_path": "/opt/model",
    "weights": "int4",
    "config_json": QUANTISED,
}
OTHER_SERVICE: dict[str, Any] = {
    "namespace": "chat",
    "create_namespace": False,
    "replicas": 2,
    "max_replicas": 2,
    "drain_s": 30,
    "load_balancer": {},
}


def registered(**args: Any) -> dict[str, Any]:
    return {resource.urn: resource.inputs for resource in llm(**args).graph if resource.custom}


@pytest.mark.parametrize("field", LlmInferenceSettingsArgs.__annotations__)
def test_every_setting_reaches_kubernetes(field):
    pool = {"instance_types": ["g6.12xlarge"], "max_gpus": 4}
    more: dict[str, Any] = {"tensor_parallel": 1} if field == "nodes" else {}
    service = BY_HAND if field in ("api_key", "compile_cache_claim") else None
    other = registered(pool=pool, service=service, **more, **{field: OTHER[field]})
    assert other != registered(pool=pool, service=service, **more)


@pytest.mark.parametrize("field", sorted(LlmModelArgs.__annotations__.keys() - {"s3_uri"}))
def test_everything_about_the_model_reaches_kubernetes(field):
    base: dict[str, Any] = {"model": CLAIM, "service": BY_HAND, "tensor_parallel": 1}
    model: Any = {**CLAIM, field: OTHER_MODEL[field]}
    if field == "image_path":
        del model["volume_claim"]
        base["image"] = "registry.example/llm:1"
    assert registered(**{**base, "model": model}) != registered(**base)


@pytest.mark.parametrize("field", ModelServiceArgs.__annotations__)
def test_everything_about_the_service_reaches_kubernetes(field):
    assert registered(service={field: OTHER_SERVICE[field]}) != registered()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            {"model": {**S3, "name": "Qwen/Qwen3-32B"}},
            "settings: Qwen/Qwen3-32B with 1 request of 8192 tokens needs on its GPU 65.4 GiB: weights 61.0, "
            "KV cache 2.0, activations 1.3, runtime 1.0; g6.xlarge has 19.8 GiB (90% of 22.0); "
            "cheapest type that does: g7e.2xlarge with 1 GPU, 3.36 USD an hour in us-east-1; "
            "settings.nodes 5 splits it over 5 nodes of the pool with 1 GPU each, and takes max_gpus 5",
        ),
        (
            {"context_tokens": 40_960, "concurrency": 4},
            "settings: Qwen/Qwen3-8B with 4 requests of 40960 tokens needs on its GPU 39.6 GiB: weights 15.3, "
            "KV cache 22.5, activations 0.8, runtime 1.0; g6.xlarge has 19.8 GiB (90% of 22.0), enough for "
            "context_tokens 4096; cheapest type that does: g6e.xlarge with 1 GPU, 1.86 USD an hour in us-east-1",
        ),
        (
            {"pool": LARGE, "model": {**S3, "name": "deepseek-ai/DeepSeek-R1"}},
            "settings: deepseek-ai/DeepSeek-R1 with 1 request of 8192 tokens needs on each of 4 GPUs 160.1 GiB: "
            "weights 156.7, KV cache 0.5, activations 0.9, runtime 2.0; g6e.12xlarge has 39.6 GiB (90% of 44.0); "
            "cheapest type that does: g7e.48xlarge with 8 GPUs, 33.14 USD an hour in us-east-1; "
            "settings.nodes 5 splits it over 5 nodes of the pool with 4 GPUs each, and takes max_gpus 20",
        ),
        (
            {"model": {**S3, "weights": "bf16", "name": "deepseek-ai/DeepSeek-V3"}, "concurrency": 1000},
            "; no instance type has that on one node",
        ),
        (
            {"pool": {"instance_types": ["g6.12xlarge"], "max_gpus": 4}, "tensor_parallel": 3},
            "settings.tensor_parallel: the 32 attention heads of Qwen/Qwen3-8B cannot be split over 3 GPUs",
        ),
        (
            {"tensor_parallel": 2},
            "settings: a pod must find its GPUs on one node, got 2 and g6.xlarge has 1; take a type with more or larger"
            " GPUs, or settings.nodes 2 with tensor_parallel 1",
        ),
        (
            {"nodes": 2},
            "settings.nodes must be 1, got 2: one node is enough for Qwen/Qwen3-8B, with 1 of its GPUs; with "
            "tensor_parallel it is split over more all the same",
        ),
        (
            {"nodes": 2, "model": {**S3, "name": "Qwen/Qwen3-32B"}},
            "settings: Qwen/Qwen3-32B with 1 request of 8192 tokens needs on each of 2 GPUs on 2 nodes 35.2 GiB: "
            "weights 30.5, KV cache 1.0, activations 1.6, runtime 2.0; g6.xlarge has 19.8 GiB (90% of 22.0); cheapest",
        ),
        (
            {"nodes": 37, "tensor_parallel": 1},
            "settings.nodes: the 36 layers of Qwen/Qwen3-8B cannot be cut into 37 stages",
        ),
        (
            {"nodes": 3, "tensor_parallel": 1, "service": {"max_replicas": 2}},
            "service: the pool has GPUs for 1 server of 3 pods (max_gpus 4, 1 a pod), got 2",
        ),
        (
            {"nodes": 5, "tensor_parallel": 1},
            "service: the pool has GPUs for 0 servers of 5 pods (max_gpus 4, 1 a pod), got 1",
        ),
        (
            {"args": ["-pp", "2"]},
            "settings: args: -pp is the component's to write: set nodes",
        ),
        (
            {"model": {**S3, "name": "Qwen/Qwen3-8"}},
            "settings.model.name Qwen/Qwen3-8 is no model whose memory is known; nearest: Qwen/Qwen3-8B: give "
            "model.config_json, or tensor_parallel, and the memory is not judged",
        ),
        ({"pool": {"instance_types": ["inf2.xlarge"], "max_gpus": 1}}, "pool must have NVIDIA GPUs, got neuron"),
        (
            {"pool": {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 2}}},
            "pool must have whole GPUs: a model server takes the memory of all that it gets, so leave sharing out",
        ),
        ({"service": {"replicas": 5}}, "service: the pool has GPUs for 4 pods (max_gpus 4, 1 a pod), got 5"),
        (
            {"pool": {**POOL, "capacity_types": ["spot"]}, "service": {"drain_s": 91}},
            "service.drain_s must be at most 90 on a Spot pool, whose nodes end 120 s after the notice, got 91",
        ),
        ({"cluster": None}, "cluster is required for settings.model.s3_uri: its pods need a role to read it"),
        (
            {"model": CLAIM},
            "service.create_namespace must be false for settings.model.volume_claim: it is there before",
        ),
        (
            {"compile_cache_claim": "compiled"},
            "service.create_namespace must be false for settings.compile_cache_claim: it is there before",
        ),
        ({"api_key": KEY}, "service.create_namespace must be false for settings.api_key: it is there before"),
        ({"service": {"load_balancer": PUBLIC}}, "settings.api_key is required for a public service.load_balancer"),
        (
            {"service": {"replicas": 1, "max_replicas": 2}},
            "service: replicas is the other scaler's to set, from none to max_replicas: leave it out, got 1",
        ),
        (
            {"context_tokens": 131_072},
            "settings: context_tokens must be at most 40960 for Qwen/Qwen3-8B, got 131072",
        ),
        (
            {"args": ["--tensor-parallel-size=2"]},
            "settings: args: --tensor-parallel-size is the component's to write: set tensor_parallel",
        ),
        (
            {"args": ["--api_key", "secret"]},
            "settings: args: --api-key is the component's to write: set api_key",
        ),
        ({"model": {"name": NAME}}, "settings.model: give one of s3_uri, volume_claim, image_path, got none"),
        ({"image": "vllm/vllm-openai:latest"}, "settings.image must have a tag that stays, or a digest, got"),
        (
            {"model": {**S3, "config_json": '{"model_type": "llama"}'}},
            "settings.model: config_json: config.json: hidden_size is missing; vocab_size is missing",
        ),
        (
            {"model": {**S3, "config_json": '{"model_type": "jamba"}'}},
            "settings.model: config_json: model_type must be one of deepseek_v3, gpt_oss, llama",
        ),
        ({"kv_cache": "int2"}, "settings.kv_cache must be one of auto, fp8, got 'int2'"),
        (
            {"model": {"name": NAME, "image_path": "/opt/model"}},
            "settings: model.image_path needs an image with a model in it, and vLLM's own has none",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_what_would(args, problem):
    with pytest.raises(BadInput) as refused:
        llm(**args)
    assert len(refused.value.problems) == 1
    assert problem in refused.value.problems[0]


def test_a_model_whose_memory_is_not_known_runs_where_its_gpus_are_given():
    assert server(model={**S3, "name": "acme/huge"}, tensor_parallel=1)["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_a_quantised_checkpoint_needs_less_by_its_own_config_or_by_word():
    tight: dict[str, Any] = {"context_tokens": 40_960, "concurrency": 2}
    for model in ({**S3, "weights": "int4"}, {**S3, "config_json": QUANTISED}):
        assert server(model=model, **tight)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    with pytest.raises(BadInput):
        llm(**tight)


def test_the_pages_have_examples_that_run():
    assert run_example("llm_inference").one(COMPONENT)
