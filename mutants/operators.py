"""Every way to break a plan, by family: what goes wrong for the user."""

from collections.abc import Mapping, Sequence

from . import (
    controllers,
    controllers_idle,
    fabric,
    gpu_software,
    groups,
    no_way_out,
    node_classes,
    node_pools,
    nodes_missing,
    nodes_stay,
    notices_lost,
    parts_of_gpus,
    permissions,
    refused_pods,
    reserved_capacity,
    scalers,
    security,
    surroundings,
    templates,
    training_queues,
    warm_capacity,
    workloads,
)
from .edits import Operator

FAMILIES: Mapping[str, Sequence[Operator]] = {
    "what a stack is made of": (
        *groups.OPERATORS,
        *templates.OPERATORS,
        *node_pools.OPERATORS,
        *node_classes.OPERATORS,
        *controllers.OPERATORS,
        *gpu_software.OPERATORS,
        *surroundings.OPERATORS,
        *workloads.OPERATORS,
    ),
    "nodes never go": nodes_stay.OPERATORS,
    "nodes never come": (*permissions.OPERATORS, *nodes_missing.OPERATORS, *controllers_idle.OPERATORS),
    "what is kept ready": warm_capacity.OPERATORS,
    "what is reserved": reserved_capacity.OPERATORS,
    "how nodes talk": fabric.OPERATORS,
    "parts of a GPU": parts_of_gpus.OPERATORS,
    "notices are lost": notices_lost.OPERATORS,
    "no way out": no_way_out.OPERATORS,
    "queues lead nowhere": training_queues.OPERATORS,
    "pods are refused": refused_pods.OPERATORS,
    "pods never wake": scalers.OPERATORS,
    "doors are open": security.OPERATORS,
}
"""Name of a family -> its operators; each has a score of its own."""

OPERATORS: Sequence[Operator] = tuple(operator for family in FAMILIES.values() for operator in family)
