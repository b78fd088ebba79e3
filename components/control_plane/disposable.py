"""Objects in a cluster that leave nothing in AWS, and so can go with it."""

from typing import Any

from pulumi import Resource, ResourceOptions

from ..catalog import COLD_START_S

RUN_S = 840
"""Seconds for the run itself of a workload that runs once."""
ONCE_TIMEOUT = f"{(COLD_START_S + RUN_S) // 60}m"
"""Time that such a workload has to finish, from a node that does not exist yet."""


def disposable(parent: Resource, opts: ResourceOptions | None, **more: Any) -> ResourceOptions:
    """Options of such a child: it has the component's `deleted_with`, as the engine gives it to every child.

    With `deleted_with=cluster` a destroy asks no API that may be gone by then. Never on a component that has anything
    in AWS, as roles, queues, node pools and load-balanced Services: the engine would forget it, and it would bill.
    """
    return ResourceOptions(parent=parent, deleted_with=opts.deleted_with if opts else None, **more)
