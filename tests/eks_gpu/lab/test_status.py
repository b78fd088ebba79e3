"""`lab status`: nodes, pods, and what they would cost an hour."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from eks_gpu.lab.status import Status, age, read, render

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def a_node(
    name: str, kind: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-11-21T11:58:30Z",
            "annotations": annotations or {},
            "labels": {
                "node.kubernetes.io/instance-type": kind,
                "topology.kubernetes.io/zone": "us-west-2a",
                **(labels or {}),
            },
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


NODES = [
    a_node("karpenters", "g4dn.xlarge", {"karpenter.sh/capacity-type": "spot"}),
    a_node("managed", "g4dn.xlarge", {"eks.amazonaws.com/capacityType": "SPOT"}),
    a_node("own", "g4dn.xlarge", annotations={"lab.eks-gpu/capacity-type": "spot"}),
    a_node("system", "m7g.large"),
    a_node("reserved", "p5.48xlarge", {"karpenter.sh/capacity-type": "reserved"}),
    a_node("strange", "z9.huge"),
]
PODS = [{"status": {"phase": phase}} for phase in ("Pending", "Running", "Running", "Succeeded")]


def found() -> Status:
    return read(NODES, PODS, "us-west-2", NOW)


def test_each_node_is_priced_as_it_was_bought():
    assert {row.name: (row.capacity_type, row.gpus, row.hourly) for row in found().nodes} == {
        "karpenters": ("spot", 1, 0.19988),
        "managed": ("spot", 1, 0.19988),
        "own": ("spot", 1, 0.19988),
        "system": ("on-demand", 0, 0.0816),
        "reserved": ("reserved", 8, 0.0),
        "strange": ("on-demand", 0, None),
    }


def test_the_spend_rate_is_the_sum_over_the_nodes():
    assert found().as_json()["hourly"] == 0.6812
    assert (found().pending_pods, found().running_pods, found().gpu_nodes) == (1, 2, 4)


def test_a_node_that_takes_no_more_pods_is_cordoned():
    held = {**a_node("held", "g4dn.xlarge"), "spec": {"unschedulable": True}}
    rows = read([held, a_node("free", "g4dn.xlarge")], (), "us-west-2", NOW).nodes
    assert {row.name: row.cordoned for row in rows} == {"held": True, "free": False}


def test_the_json_has_a_row_a_node():
    assert found().as_json()["nodes"][0] == {
        "name": "karpenters",
        "instance_type": "g4dn.xlarge",
        "capacity_type": "spot",
        "zone": "us-west-2a",
        "age_s": 90,
        "ready": True,
        "gpus": 1,
        "hourly": 0.19988,
    }
    assert found().as_json()["pods"] == {"pending": 1, "running": 2}


def shown(status: Status) -> str:
    console = Console(width=80, file=None, highlight=False)
    with console.capture() as captured:
        console.print(render(status))
    return captured.get()


def test_it_fits_80_columns_and_says_what_has_no_price():
    long = a_node("i-0123456789abcdef0.us-west-2.compute.internal", "g4dn.xlarge")
    text = shown(read([*NODES, long], PODS, "us-west-2", NOW))
    assert max(map(len, text.splitlines())) <= 80
    assert "i-0123456789abcdef0 " in text
    assert "nodes: 7, of them 5 with accelerators" in text
    assert "pods: 1 pending, 2 running" in text
    assert "spend rate: 1.207 USD an hour and 1 without a price" in text


def test_an_empty_cluster_costs_nothing():
    text = shown(read([], [], "us-west-2", NOW))
    assert text.startswith("no nodes\n")
    assert "spend rate: 0.000 USD an hour" in text


def test_ages_read_as_kubectls():
    assert [age(seconds) for seconds in (0, 119, 120, 7199, 7200, 90_000)] == ["0s", "119s", "2m", "119m", "2h", "25h"]
