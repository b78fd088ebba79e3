"""The answers of all pools for one pod, as a person and a program read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.cost.admission import Verdict
from eks_gpu.cost.packing import as_tried
from eks_gpu.explain.cautions import Caution
from eks_gpu.explain.launch import Launch
from eks_gpu.explain.places import PoolPlace
from eks_gpu.explain.pod_file import PodSource
from eks_gpu.explain.pod_places import pod_place
from eks_gpu.explain.remedy import Remedy
from eks_gpu.pods.reasons import Reason
from eks_gpu.pools.fargate_profile import Size
from eks_gpu.pools.pool import Pool


@dataclass(frozen=True)
class Answer:
    """The answer of one pool. `launch` is None if the pool does not take the pod, or starts no node for it."""

    pool: Pool
    verdict: Verdict
    pod_place: Mapping[str, Any] | None = None
    """`{file, line, path}` of the pod's field that the rule rejects."""
    pool_place: PoolPlace | None = None
    settings_place: str | None = None
    """`Pulumi.dev.yaml:24`, where the pool's settings stand, if that can be told."""
    launch: Launch | None = None
    reasons: tuple[Reason, ...] = ()
    """Every rule that rejects the pod, the verdict's first."""
    cautions: tuple[Caution, ...] = ()
    rank: tuple[float, ...] = ()
    """Orders groups among those that take the pod: what the autoscaler's expander chooses by, then the price."""
    fargate: Size | None = None
    """What Fargate gives each pod; None for nodes."""
    helps: tuple[str, ...] = ()
    """Changes of the pool's node class of which each alone is enough."""

    def as_json(self) -> dict[str, Any]:
        """The contract's row, and more."""
        row: dict[str, Any] = self.verdict.as_json()
        if not self.verdict.admits:
            rule = self.verdict.reason.rule
            row |= {"rule": rule.value if rule else None, "in_pod": self.pod_place}
            row["in_pool"] = self.pool_place.as_json() if self.pool_place else None
            row["helps"] = list(self.helps)
        row["reasons"] = list(self.reasons)
        row["cautions"] = [caution.as_json() for caution in self.cautions]
        if self.settings_place:
            row["settings"] = self.settings_place
        size = {"fargate": self.fargate.as_json()} if self.fargate else {}
        return {**row, "launch": self.launch.as_json() if self.launch else None, **size}


@dataclass(frozen=True)
class Placed:
    """A sentence about the pod, with its place in the file."""

    text: str
    place: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The row in JSON."""
        return {"text": self.text, "in_pod": self.place}


@dataclass(frozen=True)
class Explanation:
    """The answers of all pools for one pod."""

    source: PodSource
    answers: tuple[Answer, ...]
    remedy: Remedy | None
    """What to change if no pool takes the pod; None if no change of the pod helps."""
    left_over: int
    """Pods for which the pools that take them have no node left."""
    refused: tuple[Placed, ...]
    """Why the API server refuses the pod, whatever the pools are."""
    needs: tuple[Placed, ...]
    """Objects that the pod names and nothing in the stack makes."""
    not_judged: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether a pool takes the pod and the API server does not refuse it."""
        return bool(self.takers) and not self.refused

    @property
    def takers(self) -> list[Answer]:
        """The pools that take the pod, in the order in which they are tried."""
        found = [answer for answer in self.answers if answer.verdict.admits]
        return as_tried(found, lambda answer: answer.pool, lambda answer: answer.rank)

    @property
    def not_known(self) -> list[str]:
        """What the object does not say of its pods."""
        workload = self.source.workload
        return [clause for clause in (workload.uncounted, workload.partly) if clause]

    @property
    def changes(self) -> list[tuple[str, Mapping[str, Any] | None]]:
        """The changes of the remedy, each with its place in the pod."""
        made = self.remedy.changes if self.remedy else ()
        return [(change.text, pod_place(self.source, change.reason)) for change in made]

    def as_json(self) -> dict[str, Any]:
        """The contract of `eks-gpu explain --json`: more keys may come, these stay."""
        workload, remedy = self.source.workload, self.remedy
        return {
            "pod": workload.name,
            "namespace": workload.namespace,
            "kind": workload.kind,
            "template": workload.template or None,
            "file": self.source.file,
            "line": self.source.line,
            "pods": self.source.pods,
            "left_over": self.left_over,
            "refused": [each.as_json() for each in self.refused],
            "needs": [each.as_json() for each in self.needs],
            "pools": [answer.as_json() for answer in self.answers],
            "remedy": remedy
            and {
                "pool": remedy.room.pool.name,
                "changes": [{"change": text, "in_pod": place} for text, place in self.changes],
            },
            "not_judged": list(self.not_judged),
            "not_known": self.not_known,
        }
