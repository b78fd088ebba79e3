"""Pinned charts that are installed into a namespace of their own."""

from collections.abc import Mapping
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import Output, Resource, ResourceOptions

from ..catalog import Chart
from .disposable import disposable


def create_release(
    name: str,
    chart: Chart,
    release: str,
    namespace: str,
    values: Mapping[str, Any],
    parent: Resource,
    opts: ResourceOptions | None,
) -> Output[str]:
    """Installs the chart as Helm's release `release` into a namespace that Helm creates, and returns that namespace.

    It leaves nothing in AWS, so it may be deleted together with the cluster: see `disposable`, which takes `opts`.
    """
    kubernetes.helm.v3.Release(
        name,
        name=release,
        namespace=namespace,
        create_namespace=True,
        **chart.for_helm(),
        values=values,
        opts=disposable(parent, opts),
    )
    return Output.from_input(namespace)
