"""Deadlines of workloads whose first node does not stand yet."""

import pytest

from tests.graphs import (
    GPU_TOLERATION,
    deployment,
    failure,
    findings,
    gpu_group,
    healthy,
    kubernetes,
    managed_group,
    pod,
)

CHECK = "deadlines-outlast-a-cold-start"
NEEDS = {"nvidia.com/gpu": 1, "cpu": "500m", "memory": "1Gi"}
POD = pod(NEEDS, tolerations=[GPU_TOLERATION])


def job(active: int | None = None, pod_active: int | None = None, **metadata):
    of_job = {} if active is None else {"activeDeadlineSeconds": active}
    of_pod = {} if pod_active is None else {"activeDeadlineSeconds": pod_active}
    return kubernetes("Job", "train", {"template": {"spec": {**POD, **of_pod}}, **of_job}, "batch/v1", **metadata)


@pytest.mark.parametrize(
    ("train", "subject", "field", "seconds"),
    [
        (job(600), "Job default/train", "activeDeadlineSeconds", 600),
        (job(pod_active=959), "Job default/train", "activeDeadlineSeconds", 959),
        (
            deployment("train", POD, replicas=1, progressDeadlineSeconds=300),
            "Deployment default/train",
            "progressDeadlineSeconds",
            300,
        ),
        (
            job(annotations={"pulumi.com/timeoutSeconds": "120"}),
            "Job default/train",
            "pulumi.com/timeoutSeconds",
            120,
        ),
    ],
)
def test_a_deadline_that_ends_before_the_first_node_is_there(train, subject, field, seconds):
    said = f"{field} is {seconds} s, and the first node with its image may take 960 s"
    assert failure(CHECK, train=train) == (subject, said)


def test_a_deadline_after_the_cold_start_holds():
    assert findings(CHECK, *healthy(train=job(960, 7200))) == {
        "Job default/train": (True, "activeDeadlineSeconds leaves 960 s for the first node and its image")
    }


def test_nothing_is_said_without_a_deadline_or_where_a_node_stands():
    assert findings(CHECK, *healthy()) == {}
    assert findings(CHECK, *healthy(gpu=gpu_group(minSize=1, desiredCapacity=1), train=job(60))) == {}


def test_an_image_that_has_the_driver_saves_its_installation():
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
    group = {"amiType": "AL2023_x86_64_NVIDIA", "instanceTypes": ["g4dn.xlarge"], "taints": [taint]}
    from_zero = {"minSize": 0, "desiredSize": 0, "maxSize": 2}
    assert failure(CHECK, train=job(600), gpu=managed_group("gpu", **group, scalingConfig=from_zero)) == (
        "Job default/train",
        "activeDeadlineSeconds is 600 s, and the first node with its image may take 660 s",
    )


HEALTH = {"httpGet": {"path": "/health", "port": 8000}}


def serving(**probes):
    made = pod(NEEDS, tolerations=[GPU_TOLERATION])
    made["containers"][0] |= probes
    return deployment("train", made, replicas=1)


def test_a_liveness_probe_that_ends_the_container_before_its_model_is_there():
    impatient = {**HEALTH, "initialDelaySeconds": 5, "periodSeconds": 5}
    said = "livenessProbe of main ends it 15 s after its start, and a model is loaded after about 26 s: "
    said += "add a startupProbe of 60 x 10 s"
    assert failure(CHECK, train=serving(livenessProbe=impatient)) == ("Deployment default/train", said)
    short = {**HEALTH, "periodSeconds": 5}
    said = "startupProbe of main ends it 10 s after its start, and a model is loaded after about 26 s: "
    said += "raise its failureThreshold"
    assert failure(CHECK, train=serving(livenessProbe=impatient, startupProbe=short))[1] == said


def test_a_language_model_takes_as_long_as_its_own_weights_and_what_vllm_compiles():
    server = {"image": "vllm/vllm-openai:v0.28.0", "args": ["Qwen/Qwen3-32B"], "livenessProbe": HEALTH}
    said = "livenessProbe of main ends it 20 s after its start, and a model is loaded after about 575 s: "
    assert failure(CHECK, train=serving(**server)) == (
        "Deployment default/train",
        f"{said}add a startupProbe of 115 x 10 s",  # 61 GiB at 125 MiB/s, 10 s for CUDA, 65 s of compiling; twice that
    )


def test_a_startup_probe_that_waits_keeps_the_container():
    patient = {**HEALTH, "periodSeconds": 10, "failureThreshold": 60}
    made = serving(livenessProbe={**HEALTH, "periodSeconds": 5}, startupProbe=patient)
    assert findings(CHECK, *healthy(train=made)) == {
        "Deployment default/train": (True, "startupProbe lets a model be loaded in 26 s")
    }
