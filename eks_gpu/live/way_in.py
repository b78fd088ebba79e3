"""The way in to a running cluster, from what a command was given."""

from pathlib import Path

from eks_gpu.io.problems import InputError
from eks_gpu.live.account import AccountReader, Denied, account, cluster_at, region_of
from eks_gpu.live.cluster import ClusterReader, connect


def way_in(
    kubeconfig: Path | None = None, context: str = "", cluster_name: str = "", region: str = "", profile: str = ""
) -> tuple[ClusterReader, AccountReader, dict[str, object]]:
    """The cluster, its account, and EKS's description of it.

    The region is the given one, else the server's own, else the caller's. Raises InputError.
    """
    cluster = connect(kubeconfig, context)
    reader = account(region or region_of(cluster.server, cluster.entry), profile)
    try:
        return cluster, reader, cluster_at(reader, cluster.server, cluster_name)
    except Denied as denied:
        raise InputError(f"AWS refuses {denied.action}, without which nobody knows which cluster it is") from None
