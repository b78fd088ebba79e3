"""Scalers from zero: KEDA, its permission, and what its triggers count."""

from collections.abc import Iterator
from dataclasses import replace

from eks_gpu.graph.graph import Resource

from .edits import Edit, Rewritten, Without, gone, swapped, to, with_key
from .places import DEPLOYMENT, RELEASE, chart
from .programs import Program

_SCALED = ["kubernetes:keda.sh/v1alpha1:ScaledObject"]
_KEDA, _TRIGGERS = chart("keda"), ("spec", "triggers")
_INSIDE = {
    "type": "prometheus",
    "metadata": {
        "serverAddress": "http://prometheus:9090",
        "query": "sum(vllm:num_requests_waiting)",
        "threshold": "4",
    },
}


def _of_keda(resource: Resource, program: Program) -> bool:
    """The policy of KEDA's role."""
    return "sqs:GetQueueAttributes" in str(resource.inputs.get("policy"))


def _is_scaled(resource: Resource, program: Program) -> bool:
    """A Deployment whose number of pods is KEDA's."""
    targets = [scaler.inputs["spec"]["scaleTargetRef"]["name"] for scaler in program.graph.of(*_SCALED)]
    return resource.inputs["metadata"]["name"] in targets


def _twice(program: Program) -> Iterator[tuple[str, list[Resource]]]:
    for scaler in program.graph.of(*_SCALED):
        metadata = {**scaler.inputs["metadata"], "name": "more"}
        yield scaler.name, [replace(scaler, urn=f"{scaler.urn}-more", inputs={**scaler.inputs, "metadata": metadata})]


OPERATORS = (
    Edit(
        "a query that counts inside the pods",
        "no request ever starts the first pod",
        _SCALED,
        _TRIGGERS,
        to([_INSIDE]),
    ),
    Edit(
        "a trigger on the CPU",
        "no request ever starts the first pod",
        _SCALED,
        _TRIGGERS,
        to([{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}]),
    ),
    Without("KEDA is forgotten", "nothing ever starts a pod", [RELEASE], _KEDA),
    Edit(
        "KEDA without its metrics API",
        "the first pod starts, and no second one",
        [RELEASE],
        ("values",),
        with_key(metricsServer={"enabled": False}),
        _KEDA,
    ),
    Edit(
        "KEDA may not ask for the length of its queue",
        "no message starts a pod",
        ["aws:iam/rolePolicy:RolePolicy"],
        ("policy",),
        swapped("GetQueueAttributes", "ReceiveMessage"),
        _of_keda,
    ),
    Edit(
        "a trigger that asks as nobody",
        "no message starts a pod",
        _SCALED,
        (*_TRIGGERS, 0, "authenticationRef"),
        gone,
    ),
    Edit(
        "a workload states the number that KEDA sets",
        "each update sets the pods back, or fails",
        [DEPLOYMENT],
        ("spec", "replicas"),
        to(2),
        _is_scaled,
    ),
    Rewritten("two scalers of one workload", "each undoes what the other does", _twice),
)
