"""KEDA's facts: which queries have no value as long as no pod runs."""

import pytest

from components.catalog import KEDA_CHART
from components.catalog.keda import counts_running_pods, metrics_of
from eks_gpu.lab.toolset import KEDA


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        ("vllm:num_requests_waiting", ["vllm:num_requests_waiting"]),
        ('sum by (model) (rate(a_total{job="b", x=~"c|d"}[5m] offset 1h)) > bool 0', ["a_total"]),
        ("sum(a) / on (pod) group_left (node) sum(b) by (pod)", ["a", "b"]),
        ("max(a) or vector(0)", ["a"]),
        ("a unless b and 1e3 * c", ["a", "b", "c"]),
        ('{__name__="a", job="b"}', ["a"]),
        ('{"a.b", job="c"}', ["a.b"]),
        ('count({__name__=~"a.*"})', []),
        ("a{x='}'} + b", ["a", "b"]),
        ("histogram_quantile(0.9, sum(rate(a_bucket[2m])) by (le))", ["a_bucket"]),
        ("quantile_over_time(0.5, a[10m:1m])", ["a"]),
        ("", []),
        ("1", []),
        ("((", []),
    ],
)
def test_the_metrics_of_a_query_are_read(query, metrics):
    assert metrics_of(query) == metrics


@pytest.mark.parametrize(
    ("query", "inside"),
    [
        ("sum(vllm:num_requests_waiting)", True),
        ("avg(vllm:kv_cache_usage_perc) + sum(vllm:num_requests_running)", True),
        ("sum(vllm:num_requests_waiting) or vector(0)", True),
        ('{__name__="tgi_queue_size"}', True),
        ("sglang:num_queue_reqs", True),
        ("rate(nv_inference_request_success[1m])", True),
        ("avg(DCGM_FI_DEV_GPU_UTIL)", True),
        ('sum(rate(container_cpu_usage_seconds_total{pod=~"llm.*"}[5m]))', True),
        ("sum(rate(:tensorflow:serving:request_count[1m]))", True),
        ("sum(rate(vllm:num_incoming_requests_total[1m])) > bool 0", False),
        ("sum(vllm:num_requests_waiting) + sum(envoy_requests_active)", False),
        ("sum(nginx_ingress_controller_requests)", False),
        ("vllm_gateway_waiting", False),
        ('count({__name__=~"vllm:.*"})', False),
        ("not promql (", False),
        ("1", False),
    ],
)
def test_a_query_of_running_pods_alone_is_known_as_such(query, inside):
    assert bool(counts_running_pods(query)) is inside


def test_the_lab_runs_the_version_that_stacks_install():
    assert KEDA_CHART.app_version == KEDA
