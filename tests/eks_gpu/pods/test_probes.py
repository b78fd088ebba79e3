"""Probes that end a container which does not answer yet, and how long they wait."""

from typing import Any

import pytest

from eks_gpu.pods.probes import patience

GPU = ("nvidia.com/gpu",)
HTTP = {"httpGet": {"path": "/health", "port": 8000}}


def waits(**container: Any) -> list[tuple[str, int]]:
    spec = {"containers": [{"name": "llm", "resources": {"limits": {"nvidia.com/gpu": 1}}, **container}]}
    return [(found.probe, found.seconds) for found in patience(spec, GPU)]


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ({"livenessProbe": {**HTTP, "initialDelaySeconds": 5, "periodSeconds": 5}}, [("livenessProbe", 15)]),
        ({"livenessProbe": HTTP}, [("livenessProbe", 20)]),
        ({"livenessProbe": {"tcpSocket": {"port": 1}, "failureThreshold": 1}}, [("livenessProbe", 0)]),
        (
            {"livenessProbe": HTTP, "startupProbe": {**HTTP, "periodSeconds": 10, "failureThreshold": 60}},
            [("startupProbe", 590)],
        ),
        ({"livenessProbe": {"exec": {"command": ["true"]}}}, []),
        ({"readinessProbe": HTTP}, []),
        ({"livenessProbe": HTTP, "resources": {}}, []),
        ({"livenessProbe": {**HTTP, "periodSeconds": "soon"}}, []),
    ],
)
def test_a_probe_waits_until_its_last_failure(probes, expected):
    assert waits(**probes) == expected
