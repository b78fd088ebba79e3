"""Metrics: one exporter a GPU node, and monitors only where somebody knows their kind."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import release
from tests.whole_graphs import exporter, failure, findings, healthy

CHECK = "monitors-have-their-operator"
NOTHING = "nothing in the stack brings the kinds of monitoring.coreos.com"


def monitor(*depends_on: Resource) -> Resource:
    inputs: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "gpus", "namespace": "monitoring"},
    }
    type_ = "kubernetes:monitoring.coreos.com/v1:PodMonitor"
    urn = f"urn:pulumi:dev::p::{type_}::gpus"
    return Resource(urn, type_, "gpus", inputs=inputs, dependencies=frozenset(each.urn for each in depends_on))


PROMETHEUS = release("kube-prometheus-stack")


def said(check: str, *more: Resource) -> dict[str, tuple[bool, str]]:
    """Of a healthy stack with more in it: what the check says of each subject."""
    return findings(check, *healthy(), *more)


QUIET = {"release dcgm": (True, "it makes no monitor")}


def test_two_exporters_on_one_node():
    check = "gpus-have-one-metrics-exporter"
    assert said(check, release("gpu-operator")) == {
        "release dcgm": (False, "the GPU operator of release gpu-operator brings one too")
    }
    without = release("gpu-operator", dcgmExporter={"enabled": False})
    assert said(check, without) == said(check) == {"release dcgm": (True, "no other release brings one")}


def test_a_monitor_whose_kind_nobody_brings():
    assert said(CHECK, monitor()) == QUIET | {"PodMonitor monitoring/gpus": (False, NOTHING)}
    assert said(CHECK) == QUIET


def test_a_monitor_that_may_come_before_its_kind():
    late = (
        "it may be made before release kube-prometheus-stack, which brings its kind: "
        "add depends_on=[kube-prometheus-stack]"
    )
    assert said(CHECK, monitor(), PROMETHEUS) == QUIET | {"PodMonitor monitoring/gpus": (False, late)}
    there = {"PodMonitor monitoring/gpus": (True, "the kinds are there before it")}
    assert said(CHECK, monitor(PROMETHEUS), PROMETHEUS) == QUIET | there


@pytest.mark.parametrize("values", [{"serviceMonitor": {"enabled": True}}, {"serviceMonitor": None}])
def test_the_exporters_chart_makes_a_monitor_unless_it_is_told_not_to(values):
    assert failure(CHECK, exporter=exporter(**values)) == (
        "release dcgm",
        f"{NOTHING}: install kube-prometheus-stack in the stack, or leave serviceMonitor.enabled false",
    )


def test_what_may_bring_the_kinds_is_believed():
    definition = {"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1"}
    inputs = {**definition, "metadata": {"name": "podmonitors.monitoring.coreos.com"}}
    type_ = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    made = Resource(f"urn:pulumi:dev::p::{type_}::kinds", type_, "kinds", inputs=inputs)
    assert said(CHECK, monitor(), made) == said(CHECK, monitor(), release("prometheus-operator-crds")) == {}


def test_an_exporter_that_no_gpu_node_takes():
    check = "metrics-exporters-reach-gpu-nodes"
    assert said(check) == {"release dcgm": (True, "it runs on GPU nodes")}
    name, reason = failure(check, exporter=exporter(tolerations=[]))
    assert name == "release dcgm"
    assert reason.startswith("it runs on no GPU node: ")
    assert "pod does not tolerate taint nvidia.com/gpu=true:NoSchedule" in reason
    _, reason = failure(check, exporter=exporter(nodeSelector={"gpu": "yes"}))
    assert "pod selects gpu=yes, nodes have " in reason
