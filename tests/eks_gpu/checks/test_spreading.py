"""Replicas that must run apart, and ports of nodes."""

import pytest

from tests.graphs import findings, gpu_work, healthy

CHECK, TRAIN = "replicas-can-run-apart", "Deployment default/train"
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def said(replicas: int = 2, **spec) -> tuple:
    made = gpu_work(replicas=replicas, **spec)
    template = made.inputs["spec"]["template"]
    template["metadata"] = {"labels": {"app": "train"}}
    return findings(CHECK, *healthy(train=made))[TRAIN]


def apart(key: str, app: str = "train") -> dict:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def spread(**row) -> dict:
    strict = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}
    return {"topologySpreadConstraints": [{**strict, **row}]}


def ports(*given: dict) -> dict:
    container = gpu_work().inputs["spec"]["template"]["spec"]["containers"][0]
    return {"containers": [{**container, "ports": list(given)}]}


@pytest.mark.parametrize(
    ("replicas", "spec", "message"),
    [
        (5, apart(HOST), "5 replicas must be on a node each, and its pools have 4"),
        (2, apart(ZONE), "2 replicas must be in a zone each, and its pools have 1"),
        (2, spread(minDomains=3), "its pods must be in 3 zones, and its pools have 1"),
        (2, spread(), "its pods must spread over zones, and its pools are all in us-west-2a"),
        (
            5,
            ports({"containerPort": 80, "hostPort": 80}),
            "5 replicas take port 80 of a node each, and its pools have 4 nodes",
        ),
        (
            1,
            ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}),
            "two containers take port 80 of the node: give each container a port of its own",
        ),
        (
            5,
            {**ports({"containerPort": 80}), "hostNetwork": True},
            "5 replicas take port 80 of a node each, and its pools have 4 nodes",
        ),
    ],
)
def test_replicas_without_a_place_of_their_own(replicas, spec, message):
    assert said(replicas, **spec) == (False, message)


@pytest.mark.parametrize(
    ("replicas", "spec"),
    [
        (4, apart(HOST)),
        (5, apart(HOST, app="other")),
        (1, spread()),
        (2, spread(whenUnsatisfiable="ScheduleAnyway")),
        (5, spread(topologyKey=HOST)),
        (5, ports({"containerPort": 80})),
        (4, ports({"containerPort": 80, "hostPort": 80})),
    ],
)
def test_replicas_with_a_place(replicas, spec):
    assert said(replicas, **spec)[0]
