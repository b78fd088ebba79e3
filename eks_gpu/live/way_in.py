"""The way in to a running cluster, from what a command was given."""

import re
from pathlib import Path
from typing import Any

from boto3.session import Session

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unread import Unread, What
from eks_gpu.io.problems import InputError
from eks_gpu.live.account import AccountReader, Denied, account, cluster_at, region_of
from eks_gpu.live.cluster import ClusterReader, connect
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint_or_all

_NAME_IN_AN_ARN = re.compile(r":cluster/([A-Za-z0-9_-]+)$")


class Unasked(AccountReader):
    """An account that nobody asks: what only it knows is unread."""

    def __init__(self, region: str, why: str, how: str):
        """`why` it is not asked, and `how` one lets it be: clauses."""
        super().__init__(Session(aws_access_key_id="", aws_secret_access_key=""), region)
        self._why, self._how = why, how

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        raise InputError(f"{operation}: {self._why}")

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        raise InputError(f"{operation}: {self._why}")

    def told(self, described: dict[str, Any]) -> tuple[list[Resource], list[Unread]]:
        """The cluster by what Kubernetes tells, and what nobody knows without the account."""
        name, type_ = str(described["name"]), "aws:eks/cluster:Cluster"
        inputs = {"name": name, "version": described["version"]}
        cluster = Resource(f"urn:pulumi:live::cluster::{type_}::{name}", type_, name, id=name, inputs=inputs)
        parts: tuple[tuple[str, What], ...] = (
            ("node groups and auto scaling groups", "nodes"),
            ("add-ons of EKS", "software"),
            ("the network of the cluster", "network"),
        )
        return [cluster], [Unread(subject, what, self._why, self._how) for subject, what in parts]


def way_in(
    kubeconfig: Path | None = None, context: str = "", cluster_name: str = "", region: str = "", profile: str = ""
) -> tuple[ClusterReader, AccountReader, dict[str, Any]]:
    """The cluster, its account, and EKS's description of it.

    The region is the given one, else the server's own, else the caller's. Raises InputError.
    """
    cluster = connect(kubeconfig, context)
    reader = account(region or region_of(cluster.server, cluster.entry), profile)
    try:
        return cluster, reader, cluster_at(reader, cluster.server, cluster_name)
    except Denied as denied:
        raise InputError(f"AWS refuses {denied.action}, without which nobody knows which cluster it is") from None


def way_in_or_less(
    kubeconfig: Path | None = None,
    context: str = "",
    cluster_name: str = "",
    region: str = "",
    profile: str = "",
    *,
    ask_account: bool = True,
) -> tuple[ClusterReader, AccountReader, dict[str, Any]]:
    """The same, and the cluster alone where the account is not to be asked, or does not say which cluster it is."""
    cluster = connect(kubeconfig, context)
    found = region or region_of(cluster.server, cluster.entry)
    if not ask_account:
        return cluster, _unasked(found, "--no-account was given", "leave it out"), _by_kubernetes(cluster, cluster_name)
    reader = account(found, profile)
    try:
        return cluster, reader, cluster_at(reader, cluster.server, cluster_name)
    except Denied as denied:
        less = _unasked(reader.region, f"AWS refuses {denied.action}", f"allow {denied.action}")
        return cluster, less, _by_kubernetes(cluster, cluster_name)


def _unasked(region: str, why: str, how: str) -> Unasked:
    """Raises InputError for a region that AWS does not have."""
    if region not in regions():
        rule = f"must be a region of AWS, got {region!r}{hint_or_all(region, regions())}" if region else "is required"
        raise InputError(f"--region: {rule}")
    return Unasked(region, why, how)


def _by_kubernetes(cluster: ClusterReader, name: str) -> dict[str, Any]:
    """Name and version: the given name, else that in the ARN that the kubeconfig has for it, else the context's."""
    by_arn = _NAME_IN_AN_ARN.search(cluster.entry)
    version = cluster.get("/version")
    minor = "".join(each for each in str(version.get("minor")) if each.isdigit())  # `35+` on EKS
    return {"name": name or (by_arn[1] if by_arn else cluster.context), "version": f"{version.get('major')}.{minor}"}
