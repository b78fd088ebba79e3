"""Objects in a cluster that leave nothing in AWS, and so can go with it."""

from typing import Any

from pulumi import Resource, ResourceOptions

ONCE_TIMEOUT = "30m"
"""Time that a workload which runs once has to finish: a node from zero, a large image and the run itself."""


def disposable(parent: Resource, opts: ResourceOptions | None, **more: Any) -> ResourceOptions:
    """Options of such a child: it has the component's `deleted_with`, as the engine gives it to every child.

    With `deleted_with=cluster` a destroy asks no API that may be gone by then. Never on a component that has anything
    in AWS, as roles, queues, node pools and load-balanced Services: the engine would forget it, and it would bill.
    """
    return ResourceOptions(parent=parent, deleted_with=opts.deleted_with if opts else None, **more)
