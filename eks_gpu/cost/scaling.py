"""What scales a group of nodes: without anything its size is the desired one, at any load."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unread import may_bring
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.cluster_of import same_cluster
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import Software

_TARGETED = ("aws:autoscaling/policy:Policy", "aws:autoscaling/schedule:Schedule")


@dataclass(frozen=True)
class Scaling:
    """The controllers of a stack. `made` has the names of the clusters that it creates."""

    graph: Graph
    made: Collection[str]
    software: Sequence[Software]
    workloads: Sequence[Workload]

    def is_certain(self, pool: Pool) -> bool:
        """Whether something scales the pool: a controller of the stack, or of one that has the cluster."""
        if not pool.chooses_node_itself or not self._makes_its_cluster(pool) or self._is_targeted(pool):
            return True
        chart = pool.made_by.scaled_by
        charts = {release.chart for release in self.software if same_cluster(release.cluster, pool.cluster)}
        there = (workload for workload in self.workloads if same_cluster(workload.cluster, pool.cluster))
        return chart in charts or any(f"/{chart}" in image for workload in there for image in workload.pod.images)

    def is_possible(self, pool: Pool) -> bool:
        """The same, or whether the controller may be in what was not read."""
        return self.is_certain(pool) or bool(may_bring(self.graph.unread, pool.made_by.scaled_by))

    def _makes_its_cluster(self, pool: Pool) -> bool:
        return pool.cluster in self.made if pool.cluster else bool(self.made)

    def _is_targeted(self, pool: Pool) -> bool:
        """By its own name, or by that of its auto scaling group in AWS."""
        group = self.graph.get(pool.urn)
        return not self._targeted.isdisjoint({pool.name, str(group["name"]) if group else ""})

    @cached_property
    def _targeted(self) -> frozenset[str]:
        """Groups that a policy or schedule of EC2 Auto Scaling sizes."""
        return frozenset(str(found.inputs.get("autoscalingGroupName")) for found in self.graph.of(*_TARGETED))
