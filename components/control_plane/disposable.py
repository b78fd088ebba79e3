"""Objects in a cluster that leave nothing in AWS, and so can be deleted together with the cluster."""

from typing import Any

from pulumi import Resource, ResourceOptions

from ..catalog import COLD_START_S

RUN_S = 840
"""Seconds for the run itself of a workload that runs once."""
ONCE_TIMEOUT = f"{(COLD_START_S + RUN_S) // 60}m"
"""Time that such a workload has to finish, from a node that does not exist yet."""


def disposable(parent: Resource, opts: ResourceOptions | None, **more: Any) -> ResourceOptions:
    """Options of such a child: it has the component's `deleted_with`, as the engine gives it to every child.

    With `deleted_with=cluster` a destroy does not call an API that may already be gone. Never use it on a component
    with resources in AWS, such as roles, queues, node pools and load-balanced Services: the engine would forget them,
    and they would still cost money.
    """
    return ResourceOptions(parent=parent, deleted_with=opts.deleted_with if opts else None, **more)
