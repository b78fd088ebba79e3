"""A running cluster, judged as a stack is: pools, workloads, cost and checks of what it is told to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from eks_gpu.checks import Waiver
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Graph
from eks_gpu.live.account import AccountReader
from eks_gpu.live.account_resources import account_resources
from eks_gpu.live.cluster import ClusterReader
from eks_gpu.live.mentioned import mentioned
from eks_gpu.live.observed import Observed, observe
from eks_gpu.live.resources import object_resources


@dataclass(frozen=True)
class Running:
    """A cluster that runs, with what was made of it."""

    cluster: ClusterReader
    account: AccountReader
    described: dict[str, Any]
    """EKS's description of the cluster."""
    observed: Observed
    judged: Judged

    @property
    def name(self) -> str:
        """The name of the EKS cluster."""
        return str(self.described["name"])


def running(
    cluster: ClusterReader,
    account: AccountReader,
    described: dict[str, Any],
    on: date | None = None,
    waivers: Sequence[Waiver] = (),
) -> Running:
    """Reads a cluster and its account, and judges them as of a day, today unless given.

    Raises InputError where nobody answers.
    """
    observed = observe(cluster)
    rows, unread = account_resources(account, described, mentioned(observed))
    graph = Graph([*rows, *object_resources(observed)], unread=[*observed.unread, *unread], options_known=False)
    told = Foreign(str(described["name"]), "running", account.region, graph, [], {}, {})
    return Running(cluster, account, described, observed, judge(told, on, waivers))
