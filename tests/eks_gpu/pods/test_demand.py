"""Workloads of a stack: how many pods, and what a pod of each needs."""

from dataclasses import replace

import pytest

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unknown import Asked, Told
from eks_gpu.io.problems import InputError
from eks_gpu.pods.demand import pod_from_manifest, workloads, workloads_of
from tests.graphs import cpu_work, deployment, kubernetes, pod


def requests(**spec):
    return pod_from_manifest({"kind": "Pod", "spec": spec}).requests


def container(**resources):
    return {"name": "c", "resources": resources}


def test_containers_add_up():
    one = container(requests={"cpu": "250m", "memory": "1Gi"})
    two = container(requests={"cpu": 1})
    assert requests(containers=[one, two]) == {"cpu": 1250, "memory": 1024}


def test_a_limit_is_a_request_where_none_is_given():
    asked = container(limits={"cpu": 2, "nvidia.com/gpu": 1}, requests={"cpu": 1})
    assert requests(containers=[asked]) == {"cpu": 1000, "nvidia.com/gpu": 1}


def test_an_init_container_counts_where_it_needs_more():
    start = container(requests={"cpu": 2, "memory": "1Gi"})
    run = container(requests={"cpu": 1, "memory": "2Gi"})
    assert requests(initContainers=[start], containers=[run]) == {"cpu": 2000, "memory": 2048}


def test_a_sidecar_runs_beside_the_containers_and_the_init_containers_after_it():
    sidecar = container(requests={"cpu": "500m"}) | {"restartPolicy": "Always"}
    start = container(requests={"cpu": 2})
    run = container(requests={"cpu": 1})
    assert requests(initContainers=[sidecar, start], containers=[run]) == {"cpu": 2500}
    assert requests(initContainers=[start, sidecar], containers=[run]) == {"cpu": 2000}


def test_overhead_is_added():
    assert requests(containers=[container(requests={"cpu": 1})], overhead={"cpu": "250m"}) == {"cpu": 1250}


def test_memory_is_rounded_to_whole_mib_when_it_is_summed():
    part = container(requests={"memory": "1572864"})  # one and a half MiB
    assert requests(containers=[part]) == {"memory": 2}
    assert requests(containers=[part, part], initContainers=[part | {"restartPolicy": "Always"}]) == {"memory": 5}


def test_cpu_is_rounded_to_whole_millicores_before():
    part = container(requests={"cpu": "500u"})
    assert requests(containers=[part, part]) == {"cpu": 2}


def test_what_a_pod_asks_for_itself_counts_in_place_of_what_its_containers_ask_for():
    run = container(requests={"cpu": 1, "memory": "1Gi"}, limits={"nvidia.com/gpu": 1})
    own = {"requests": {"cpu": 2, "hugepages-2Mi": "4Mi"}}
    expected = {"cpu": 2250, "hugepages-2Mi": 4194304, "memory": 1024, "nvidia.com/gpu": 1}
    assert requests(containers=[run], resources=own, overhead={"cpu": "250m"}) == expected


@pytest.mark.parametrize(
    ("kind", "unknown", "expected"),
    [
        ("Deployment", "replicas", (None, None, None)),
        ("Deployment", "template", (1, 1, 1)),
        ("Job", "parallelism", (None, None, None)),
        ("CronJob", "jobTemplate", (0, 0, 1)),
        ("DaemonSet", "template", (0, 0, None)),
    ],
)
def test_a_number_that_an_unknown_property_says_is_none(kind, unknown, expected):
    spec = Told({}, {unknown: Asked("urn", f"spec.{unknown}")})
    (found,) = workloads(Graph([kubernetes(kind, "x", spec, group="apps/v1" if kind[0] == "D" else "batch/v1")]))
    assert (found.replicas, found.min_replicas, found.max_replicas) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Deployment", (None, None, None)), ("CronJob", (0, 0, None)), ("DaemonSet", (0, 0, None)), ("Pod", (1, 1, 1))],
)
def test_the_number_of_pods_of_an_unknown_spec(kind, expected):
    group = {"Pod": "core/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    made = kubernetes(kind, "x", {}, group=group)
    known = {key: value for key, value in made.inputs.items() if key != "spec"}
    told = replace(made, inputs=Told(known, {"spec": Asked(made.urn, "spec")}))
    (found,) = workloads(Graph([told]))
    assert (found.replicas, found.min_replicas, found.max_replicas) == expected


@pytest.mark.parametrize(("asked", "expected"), [({}, 2000), ({"cpu": "500m"}, 500), ({"cpu": 0}, 0)])
def test_a_limit_of_the_pod_is_its_request_where_no_container_has_one(asked, expected):
    found = requests(containers=[container(requests=asked)], resources={"limits": {"cpu": 2}})
    assert found.get("cpu", 0) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Deployment", {}, (1, 1, 1)),
        ("Deployment", {"replicas": 3}, (3, 3, 3)),
        ("StatefulSet", {"replicas": 0}, (0, 0, 0)),
        ("Job", {}, (1, 0, 1)),
        ("Job", {"parallelism": 5, "completions": 3}, (3, 0, 3)),
        ("Job", {"parallelism": 5, "suspend": True}, (0, 0, 0)),
        ("CronJob", {"jobTemplate": {"spec": {"parallelism": 2}}}, (0, 0, 2)),
        ("DaemonSet", {}, (0, 0, None)),
        ("Pod", {}, (1, 1, 1)),
    ],
)
def test_each_kind_has_its_number_of_pods(kind, spec, expected):
    (found,) = workloads_of({"kind": kind, "metadata": {"name": "x"}, "spec": spec})
    assert (found.replicas, found.min_replicas, found.max_replicas) == expected


def test_the_pod_of_a_cron_job_is_two_templates_deep():
    template = {"template": {"spec": pod({"cpu": 1})}}
    manifest = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": template}}}
    assert pod_from_manifest(manifest).requests == {"cpu": 1000}


def test_a_horizontal_autoscaler_widens_the_range_and_the_start_stays_within():
    scaler = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 6}
    hpa = kubernetes("HorizontalPodAutoscaler", "web", scaler, "autoscaling/v2")
    (found,) = workloads(Graph([cpu_work(replicas=1), hpa]))
    assert (found.replicas, found.min_replicas, found.max_replicas) == (2, 2, 6)


def test_keda_scales_to_zero_and_to_100_unless_told_otherwise():
    keda = kubernetes("ScaledObject", "web", {"scaleTargetRef": {"name": "web"}}, "keda.sh/v1alpha1")
    (found,) = workloads(Graph([cpu_work(), keda]))
    assert (found.replicas, found.min_replicas, found.max_replicas) == (1, 0, 100)


def test_an_autoscaler_of_another_namespace_leaves_the_workload_alone():
    target = {"scaleTargetRef": {"name": "web"}}
    keda = kubernetes("ScaledObject", "web", target, "keda.sh/v1alpha1", namespace="other")
    (found,) = workloads(Graph([cpu_work(), keda]))
    assert found.max_replicas == 1


def test_all_bad_quantities_come_at_once_with_their_paths():
    one = deployment("one", pod({"cpu": "much"}))
    two = deployment("two", {"initContainers": [{"resources": {"limits": {"memory": "1GiB"}}}]}, replicas="few")
    with pytest.raises(InputError) as refused:
        workloads(Graph([one, two]))
    assert refused.value.problems == [
        "Deployment default/one: spec.template.spec.containers[0].resources.requests.cpu "
        "must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got 'much'",
        "Deployment default/two: spec.replicas must be a whole number, got 'few'",
    ]


def test_a_kind_without_pods_has_no_workload():
    assert workloads_of({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}) == []
