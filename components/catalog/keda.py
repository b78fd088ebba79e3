"""KEDA: what its objects have where they do not say, and which triggers measure pods that must run already."""

import re

KEDA_GROUP = "keda.sh"
KEDA_API_VERSION = f"{KEDA_GROUP}/v1alpha1"
KEDA_OPERATOR, KEDA_METRICS, KEDA_WEBHOOKS = (
    "keda-operator",
    "keda-operator-metrics-apiserver",
    "keda-admission-webhooks",
)
"""Names of the chart's three Deployments, which are the label `app` of their pods; the first is also the operator's
service account. Source: chart 2.20.2, templates and values.yaml."""
KEDA_IMAGE_REGISTRY = "ghcr.io"
"""Registry of the chart's three images. Source: chart 2.20.2, values.yaml."""
KEDA_MIN_REPLICAS, KEDA_MAX_REPLICAS = 0, 100
"""Of a ScaledObject that does not say. Source: KEDA 2.21.0, apis/keda/v1alpha1."""
KEDA_COOLDOWN_S, KEDA_POLLING_S = 300, 30
"""Seconds until the last pod goes, and between two looks at a trigger. Source: as above."""
PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
"""Annotation of a ScaledObject that KEDA holds at a number of pods. Source: as above."""
OF_RUNNING_PODS = ("cpu", "memory")
"""Triggers that are measured on running pods. Source: KEDA 2.21.0, the webhook of a ScaledObject."""
SQS_TRIGGER, PROMETHEUS_TRIGGER = "aws-sqs-queue", "prometheus"
QUEUE_ACTION = "sqs:GetQueueAttributes"
"""The only action of IAM that a trigger on a queue needs. Source: KEDA 2.21.0, pkg/scalers/aws_sqs_queue_scaler.go."""

# Beginnings of the names of metrics that a model server, the kubelet or the GPU exporter serves for a running pod.
# Sources: vLLM and SGLang, "Production Metrics"; Text Generation Inference and Triton, "Metrics"; TensorFlow Serving,
# monitoring_config.proto; DCGM exporter 4.8, default-counters.csv; Kubernetes, cAdvisor's metrics.
_OF_PODS = (
    *("vllm:", "sglang:", "tgi_", "nv_inference_", "nv_gpu_", "nv_energy_", ":tensorflow:"),
    *("DCGM_FI_", "container_"),
)
# Of the router before the servers, which is there without them. Source: vLLM production stack, "Autoscaling with KEDA".
_OF_ROUTERS = frozenset({"vllm:num_incoming_requests_total"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan", "atan2"})
_TEXT = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_NAMED = re.compile(rf"__name__\s*=\s*({_TEXT})|(?<=[{{,])\s*({_TEXT})\s*(?=[,}}])")
_SELECTORS, _RANGES = re.compile(rf"\{{(?:{_TEXT}|[^}}])*\}}"), re.compile(r"\[[^\]]*\]")
_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE)
_NAMES = re.compile(r"(?<![\w:.])[A-Za-z_:][\w:]*(?![\w:]|\s*\()")


def metrics_of(query: str) -> list[str]:
    """Names of the metrics that a PromQL query reads, in their order; those of a selector by pattern are left out."""
    named = [(first or second)[1:-1] for first, second in _NAMED.findall(query)]
    bare = re.sub(_TEXT, "", _LISTS.sub("", _RANGES.sub("", _SELECTORS.sub("", query))))
    written = [name for name in _NAMES.findall(bare) if name.lower() not in _WORDS]
    return list(dict.fromkeys([*written, *named]))


def counts_running_pods(query: str) -> list[str]:
    """The metrics of a query if each of them is known to be served for pods that run: with no pod the query has no
    value that could start one. Empty where one of them is another metric, or none can be read.
    """
    found = metrics_of(query)
    return found if all(name.startswith(_OF_PODS) and name not in _OF_ROUTERS for name in found) else []
