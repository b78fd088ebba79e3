"""A running cluster, judged as a stack is: pools, workloads, cost and checks of what it is told to be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from eks_gpu.checks import Waiver
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader
from eks_gpu.live.account_resources import account_resources
from eks_gpu.live.cluster import ClusterReader
from eks_gpu.live.kinds import NODE, POD
from eks_gpu.live.mentioned import mentioned
from eks_gpu.live.observed import Observed, observe
from eks_gpu.live.recognised import recognised
from eks_gpu.live.releases import JUDGED_CHARTS, releases
from eks_gpu.live.resources import is_over, object_resources, of_releases, readable, release_resource
from eks_gpu.live.way_in import Unasked
from eks_gpu.pools.clusters import clusters


@dataclass(frozen=True)
class Running:
    """A cluster that runs, with what was made of it."""

    cluster: ClusterReader
    account: AccountReader
    described: dict[str, Any]
    """EKS's description of the cluster; of an account that is not asked, name and version alone."""
    observed: Observed
    judged: Judged

    @property
    def name(self) -> str:
        """The name of the EKS cluster."""
        return str(self.described["name"])

    @property
    def more(self) -> dict[str, Any]:
        """Keys of the JSON that a stack does not have: which cluster it was, and when."""
        at = self.observed.at.isoformat(timespec="seconds")
        return {"cluster": self.name, "context": self.cluster.context, "at": at}

    @property
    def headline(self) -> str:
        """Which cluster it is, from where and when it was read, and how much was seen."""
        counts = (
            (len(self.observed.of(NODE)), "node"),
            (sum(not is_over(each) for each in self.observed.of(POD)), "pod"),
            (len(self.judged.told.graph), "resource"),
        )
        seen = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)
        return f"{self.name}  {self.account.region}, {self.seen}: {seen}"

    @property
    def seen(self) -> str:
        """From where it was read, and when."""
        return f"context {self.cluster.context}, {self.observed.at:%Y-%m-%d %H:%M:%S} UTC"


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
    rows, unread = (
        account.told(described)
        if isinstance(account, Unasked)
        else account_resources(account, described, mentioned(observed))
    )
    software, refused = _software(cluster, observed)
    built_in = [pool for each in clusters(Graph(rows)) for pool in each.built_in_pools]
    objects, wrong = readable(
        object_resources(
            observed, without=software.uids, built_in=built_in, addons_known=not isinstance(account, Unasked)
        )
    )
    graph = Graph(
        [*rows, *software.resources, *objects],
        unread=[*observed.unread, *wrong, *refused, *unread],
        options_known=False,
        running=True,
    )
    told = Foreign(str(described["name"]), "running", account.region, graph, [], {}, {})
    judged = judge(told, on, waivers)
    return Running(cluster, account, described, observed, _in_words_of_a_cluster(judged))


@dataclass(frozen=True)
class _Software:
    resources: list[Resource]
    uids: set[str]
    """Objects that the releases stand for."""


def _software(cluster: ClusterReader, observed: Observed) -> tuple[_Software, list[Unread]]:
    known, unread = releases(cluster)
    seen, uids = recognised(observed, known)
    told = [(each.namespace, each.name) for each in (*known, *seen) if each.chart in JUDGED_CHARTS]
    objects = (each for found in observed.objects.values() for each in found)
    rows = [
        release_resource(each.name, each.namespace, each.chart, each.version, each.values) for each in (*known, *seen)
    ]
    return _Software(rows, uids | of_releases(objects, told)), unread


_WORDS = (
    (re.compile(r"\bthe stack's cluster\b"), "this cluster"),
    (re.compile(r"\b(the|this) stack\b"), "the cluster"),
    (re.compile(r"\ba stack\b"), "a cluster"),
    (re.compile(r"^stack$"), "cluster"),
    (re.compile(r"\bthe plan\b"), "this reading"),
)


def in_words_of_a_cluster(text: str) -> str:
    """What a check says of a stack, said of the cluster that runs."""
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    return text


def _in_words_of_a_cluster(judged: Judged) -> Judged:
    said = [
        replace(
            each,
            subject=in_words_of_a_cluster(each.subject),
            message=in_words_of_a_cluster(each.message),
            fix=in_words_of_a_cluster(each.fix),
        )
        for each in judged.analysis.findings
    ]
    return replace(judged, analysis=replace(judged.analysis, findings=said))
