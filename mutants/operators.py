"""Every way to break a plan."""

from collections.abc import Sequence

from . import (
    controllers,
    gpu_software,
    groups,
    node_classes,
    node_pools,
    surroundings,
    templates,
    workloads,
)
from .edits import Operator

OPERATORS: Sequence[Operator] = (
    *groups.OPERATORS,
    *templates.OPERATORS,
    *node_pools.OPERATORS,
    *node_classes.OPERATORS,
    *controllers.OPERATORS,
    *gpu_software.OPERATORS,
    *surroundings.OPERATORS,
    *workloads.OPERATORS,
)
