"""Objects in a cluster that leave nothing in AWS, and so can go with it."""

from typing import Any

from pulumi import Resource, ResourceOptions


def disposable(parent: Resource, opts: ResourceOptions | None, **more: Any) -> ResourceOptions:
    """Options of such a child. `deleted_with` of the component, which Pulumi gives to no child, holds for it too.

    With `deleted_with=cluster` a destroy asks no API that may be gone by then. Never for load-balanced Services, node
    pools and their controllers: what those have in AWS would stay, and bill.
    """
    return ResourceOptions(parent=parent, deleted_with=opts.deleted_with if opts else None, **more)
