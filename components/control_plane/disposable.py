"""Objects in a cluster that leave nothing in AWS, and so can be deleted together with the cluster."""

from typing import Any

from pulumi import Resource, ResourceOptions


def disposable(parent: Resource, opts: ResourceOptions | None, **more: Any) -> ResourceOptions:
    """Options of such a child: it has the component's `deleted_with`, as the engine gives it to every child.

    With `deleted_with=cluster` a destroy does not call an API that may already be gone. Never use it on a component
    with resources in AWS, such as roles, queues, node pools and load-balanced Services: the engine would forget them,
    and they would still cost money.
    """
    return ResourceOptions(parent=parent, deleted_with=opts.deleted_with if opts else None, **more)
