"""Many pods of different sizes at once: the cost of Karpenter's nodes for them, compared with the lower bound."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from eks_gpu.lab import processes
from eks_gpu.lab.apply import LabStack, lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays.alteration import Alteration, transforms
from eks_gpu.lab.replays.mixes import MIX_LABEL, Demand, Pod, least
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.scenario import Scenario, project_folder, refuse_a_lab_in_use
from eks_gpu.lab.replays.timeline import Timeline
from eks_gpu.lab.state import Lab, recorded_lab
from eks_gpu_components.catalog import INSTANCE_TYPE_LABEL, KARPENTER_API_VERSION, on_demand_price

POLL_S = 2.0
SHOWN = 10
"""Of the pods that do not run, so many are told of."""
THREADS = 8
"""Pods are created by so many at once."""
NODE_POOLS, NODE_CLAIMS = f"/apis/{KARPENTER_API_VERSION}/nodepools", f"/apis/{KARPENTER_API_VERSION}/nodeclaims"
PODS_PATH = "/api/v1/namespaces/default/pods"
OURS = f"labelSelector={MIX_LABEL}"

AS_IT_IS, NAIVE = "as the program has it", "naive pools"


class Packing(Scenario):
    """The same pods twice: with the program's pools, and with naive ones."""

    kind: Literal["packing"] = "packing"
    project: str
    """Folder in the checkout, of a program with Karpenter whose pools are on demand."""
    stack: str = "dev"
    seed: int
    """Of the sizes and the order of the pods."""
    demand: tuple[Demand, ...] = Field(min_length=1)
    both: tuple[Alteration, ...] = ()
    """What is different from the program with its pools and with naive ones."""
    naive: tuple[Alteration, ...] = Field(min_length=1)
    """What makes the program's pools naive."""
    max_ratio: float = Field(ge=1)
    """What the program's pools may cost, as a multiple of the lower bound. The naive ones cost more."""
    max_ratio_at_first: float = Field(ge=1)
    """The same before empty nodes have gone: the scheduler puts a pod on a node that was bought for another one, which
    gets one more then, and the node that the first was meant for stays empty."""
    within_s: float = Field(gt=0)
    """Seconds until all pods run."""

    @model_validator(mode="after")
    def _names_pods_once(self) -> Self:
        names = Counter(each.name for demand in self.demand for each in demand.mix)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"demand has {', '.join(twice)} twice")
        return self

    def pods(self) -> list[Pod]:
        """The same ones every time, in the order in which they come."""
        rng = random.Random(self.seed)
        drawn = [pod for demand in self.demand for pod in demand.draw(rng)]
        rng.shuffle(drawn)
        return drawn

    def bound(self, region: str) -> float:
        """USD an hour that nodes for these pods cost at least."""
        rng = random.Random(self.seed)
        return sum(least(demand.draw(rng), demand.families, region) for demand in self.demand)

    def expected(self) -> dict[str, Any]:
        within = {"running": len(self.pods()), "not_running": [], "within_s": self.within_s}
        return {
            AS_IT_IS: {
                **within,
                "cost_by_bound": {"at_most": self.max_ratio},
                "at_first_by_bound": {"at_most": self.max_ratio_at_first},
            },
            NAIVE: {**within, "cost_by_bound": {"at_least": self.max_ratio}},
            "left": [],
        }

    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        refuse_a_lab_in_use(lab)
        stack = lab_stack(lab, project_folder(self.project), self.stack)
        bound = self.bound(lab.region)
        measured, left = dict[str, Any](), list[str]()
        with Timeline(lab) as timeline:
            for program, alterations in ((AS_IT_IS, self.both), (NAIVE, (*self.both, *self.naive))):
                run = _Run(lab, self.pods(), stack, note)
                try:
                    bought = run.bought(alterations, self.within_s)
                    measured[program] = {
                        **bought,
                        "cost_by_bound": round(bought["hourly"] / bound, 3),
                        "at_first_by_bound": round(bought["hourly_at_first"] / bound, 3),
                    }
                finally:
                    run.end(self.within_s)
                    left += stack.destroy(note).left
        measured |= {"bound_hourly": round(bound, 3), "left": left}
        return Result(name, self.expected(), measured, tuple(timeline.moments))


class _Run:
    """The pods against one program."""

    def __init__(self, lab: Lab, pods: Sequence[Pod], stack: LabStack, note: Note):
        self._lab, self._pods, self._stack, self._note = lab, pods, stack, note
        self._api = ClusterApi(lab)
        self._running = 0
        self._waiting = list[str]()
        """Pods that do not run, each with why."""
        self._claims = dict[str, str]()
        """Instance type of every NodeClaim that there ever was, by name; empty before it is launched."""
        self._stay = Counter[str]()
        """Nodes by instance type, as they were last counted."""

    def bought(self, alterations: Sequence[Alteration], within_s: float) -> dict[str, Any]:
        """What there is when all pods run and no node is empty, or when time is up."""
        self._stack.up(self._note, transforms(alterations))
        self._until(self._pools_are_ready, within_s)
        # The scheduler tells of 50 pods a second at most. Karpenter is to see all of them at once, however fast this
        # machine is, or it would buy for each part of them alone.
        with paused("karpenter"):
            self._note(f"{len(self._pods)} pods")
            self._until(self._pods_are_unschedulable, within_s)
        started = time.monotonic()
        reached = self._until(self._all_run, within_s)
        after_s = round(time.monotonic() - started, 1) if reached else None
        at_first = Counter(filter(None, self._claims.values()))
        self._until(self._idle_nodes_are_gone, within_s)
        return {
            "running": self._running,
            "not_running": self._waiting[:SHOWN],
            "nodes": dict(sorted(self._stay.items())),
            "hourly": self._hourly(self._stay),
            "nodes_at_first": dict(sorted(at_first.items())),
            "hourly_at_first": self._hourly(at_first),
            "after_s": after_s,
        }

    def end(self, within_s: float) -> None:
        """Takes the pods away, and with them what holds nodes."""
        self._until(self._pods_are_gone, within_s)

    def _hourly(self, nodes: Mapping[str, int]) -> float:
        prices = {name: on_demand_price(name, self._lab.region) for name in nodes}
        return round(sum(price.hourly * nodes[name] for name, price in prices.items() if price), 3)

    def _until(self, reached: Callable[[], bool], within_s: float) -> bool:
        """Returns when it is so, and when time is up all the same: what is missing shows in what is measured."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            try:
                if reached():
                    return True
            except OSError:  # the API server is busy: the next round asks again
                continue
            time.sleep(POLL_S)
        return False

    def _pools_are_ready(self) -> bool:
        pools = self._api.list(NODE_POOLS)
        return bool(pools) and all(_condition(pool, "Ready").get("status") == "True" for pool in pools)

    def _pods_are_unschedulable(self) -> bool:
        return all(_condition(each, "PodScheduled").get("reason") == "Unschedulable" for each in self._restored())

    def _all_run(self) -> bool:
        self._claims |= {claim["metadata"]["name"]: _instance_type(claim) for claim in self._api.list(NODE_CLAIMS)}
        pods = self._restored()
        self._waiting = [_why(each) for each in pods if each["status"].get("phase") != "Running"]
        self._running = len(pods) - len(self._waiting)
        self._note(f"{self._running} of {len(self._pods)} pods run, {len(self._claims)} nodes were bought")
        return self._running == len(self._pods) and all(self._claims.values())

    def _idle_nodes_are_gone(self) -> bool:
        claims, busy = self._api.list(NODE_CLAIMS), {each["spec"].get("nodeName") for each in self._found()}
        self._stay = Counter(filter(None, map(_instance_type, claims)))
        idle = sum(claim.get("status", {}).get("nodeName") not in busy for claim in claims)
        self._note(f"{len(claims)} nodes, of them {idle} without a pod")
        return not idle

    def _restored(self) -> list[dict[str, Any]]:
        """The pods, all of them: one that is missing is made, as its Deployment would.

        Kubernetes evicts a pod when it hears of its binding before it hears that the node lost its first taint.
        """
        found = self._found()
        there = {each["metadata"]["name"] for each in found}
        missing = [each.manifest() for each in self._pods if each.name not in there]
        if not missing:
            return found
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda manifest: self._api.ensure(PODS_PATH, manifest), missing))
        return self._found()

    def _pods_are_gone(self) -> bool:
        self._api.delete(f"{PODS_PATH}?{OURS}&gracePeriodSeconds=0")
        return not self._found("&limit=1")

    def _found(self, more: str = "") -> list[dict[str, Any]]:
        return self._api.list(f"{PODS_PATH}?{OURS}{more}")


def _instance_type(claim: Mapping[str, Any]) -> str:
    """Empty before it is launched."""
    return claim["metadata"].get("labels", {}).get(INSTANCE_TYPE_LABEL, "")


def _why(pod: Mapping[str, Any]) -> str:
    """Why a pod does not run, as far as its own status says."""
    metadata, status = pod["metadata"], pod["status"]
    node = pod["spec"].get("nodeName")
    where = f"on {node}" if node else _condition(pod, "PodScheduled").get("message", "not scheduled")
    going = ", being deleted" if "deletionTimestamp" in metadata else ""
    return f"{metadata['name']}: {status.get('phase', 'no phase')}{going}, {where}"


def _condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = thing.get("status", {}).get("conditions", ())
    return next((each for each in conditions if each["type"] == kind), {})


@contextmanager
def paused(name: str) -> Iterator[None]:
    """A process of the lab does nothing meanwhile, and then finds all that has happened at once.

    Raises LabProblem when it does not run.
    """
    known = recorded_lab()
    found = (
        [alive for each in known.processes if each.name == name and (alive := processes.running(each))] if known else []
    )
    if not found:
        raise LabProblem(f"{name} does not run")
    found[0].suspend()
    try:
        yield
    finally:
        found[0].resume()
