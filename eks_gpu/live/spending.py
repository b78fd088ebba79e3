"""What a cluster costs now: `eks-gpu cost --cluster`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eks_gpu.cost.bill import Bill, Item
from eks_gpu.cost.cost import fixed_items
from eks_gpu.cost.money import Marks
from eks_gpu.cost.node_cost import disks_price
from eks_gpu.graph.unread import Unread
from eks_gpu.io.today import today
from eks_gpu.live.judged import Running
from eks_gpu.live.nodes.machines import Machines
from eks_gpu.live.nodes.seen_nodes import SeenNode, seen_nodes
from eks_gpu.plan.analysis import Analysis
from eks_gpu.plan.saved_plans import SavedBill
from eks_gpu_components.catalog import HOURS_PER_MONTH

_SECONDS = 3600


@dataclass(frozen=True)
class PoolSpending:
    """What the nodes of one pool cost now."""

    name: str | None
    """None for nodes that are in no pool, or of which nothing tells."""
    backend: str | None
    nodes: tuple[SeenNode, ...] = ()

    @property
    def hourly(self) -> float:
        """USD of all nodes that have a price."""
        return sum(each.hourly or 0 for each in self.nodes)

    @property
    def marks(self) -> Marks:
        """What that must be read with."""
        return marks_of_nodes(self.nodes)

    @property
    def idle(self) -> tuple[SeenNode, ...]:
        """Nodes whose accelerators, or, without any, which themselves no pod uses."""
        return tuple(each for each in self.nodes if each.idle)

    @property
    def idle_hourly(self) -> float:
        """USD of these."""
        return sum(each.hourly or 0 for each in self.idle)

    @property
    def idle_since(self) -> datetime | None:
        """Since when the first of them is idle, as far as the API tells."""
        return min((each.idle_since for each in self.idle if each.idle_since), default=None)

    def idle_cost(self, now: datetime) -> float | None:
        """USD that idle nodes have cost since then; None where the API tells of none of them since when."""
        known = [each for each in self.idle if each.idle_since and each.hourly is not None]
        if not known:
            return None
        return sum(
            (each.hourly or 0) * (now - each.idle_since).total_seconds() / _SECONDS for each in known if each.idle_since
        )

    def types(self) -> Mapping[str, int]:
        """Nodes by type and capacity type, as `g4dn.xlarge on-demand`."""
        return Counter(f"{each.instance_type or 'unknown type'} {each.capacity_type}".strip() for each in self.nodes)

    def as_json(self, now: datetime) -> dict[str, Any]:
        """A row of `pools`."""
        cost = self.idle_cost(now)
        return {
            "name": self.name,
            "backend": self.backend,
            "nodes": len(self.nodes),
            "types": dict(sorted(self.types().items())),
            "gpus": sum(each.gpus for each in self.nodes),
            "gpus_used": sum(each.gpus_used for each in self.nodes),
            "hourly": round(self.hourly, 6),
            "estimate": self.marks.estimate,
            "unpriced_nodes": sum(each.hourly is None for each in self.nodes),
            "idle_nodes": len(self.idle),
            "idle_hourly": round(self.idle_hourly, 6),
            "idle_since": self.idle_since and self.idle_since.isoformat(),
            "idle_cost": None if cost is None else round(cost, 4),
        }


@dataclass(frozen=True)
class Level:
    """What a plan says of one level of use, USD."""

    hourly: float
    monthly: float
    marks: Marks

    def as_json(self) -> dict[str, Any]:
        """`idle`, `steady` or `max` of `plan`."""
        return {"hourly": round(self.hourly, 6), "monthly": round(self.monthly, 2)}


@dataclass(frozen=True)
class Levels:
    """What a plan says the cluster costs."""

    of: str
    """Whose plan it is, as it stands in a sentence."""
    idle: Level | None
    steady: Level | None
    max: Level | None
    budget: float | None = None
    """USD a month, where the plan has one."""

    def as_json(self) -> dict[str, Any]:
        """`plan` of the answer."""
        levels = {"idle": self.idle, "steady": self.steady, "max": self.max}
        return {
            "of": self.of,
            **{name: level and level.as_json() for name, level in levels.items()},
            "monthly_budget": self.budget,
        }


def levels(of: str, idle: Bill, steady: Bill, most: Bill, budget: float | None = None) -> Levels:
    """Of an analysis."""
    return Levels(of, _level(idle), _level(steady), _level(most), budget)


def _level(bill: Bill) -> Level:
    return Level(bill.hourly, bill.monthly, bill.marks)


def saved_levels(of: str, idle: SavedBill, steady: SavedBill, most: SavedBill, region: str) -> Levels:
    """Of a plan that was saved."""
    return Levels(of, _saved_level(idle, region), _saved_level(steady, region), _saved_level(most, region))


def _saved_level(bill: SavedBill, region: str) -> Level | None:
    if bill.hourly is None:
        return None
    return Level(bill.hourly, bill.monthly or bill.hourly * HOURS_PER_MONTH, bill.marks(region))


@dataclass(frozen=True)
class Spending:
    """The answer of one run."""

    cluster: str
    at: datetime
    region: str
    pools: tuple[PoolSpending, ...]
    standing: tuple[Item, ...]
    """What costs money beside the nodes: control plane, gateways, load balancers, disks."""
    plan: Levels
    unread: tuple[Unread, ...] = field(default=())

    @property
    def nodes(self) -> list[SeenNode]:
        """All of them."""
        return [node for pool in self.pools for node in pool.nodes]

    @property
    def nodes_hourly(self) -> float:
        """USD of all nodes that have a price."""
        return sum(pool.hourly for pool in self.pools)

    @property
    def hourly(self) -> float:
        """USD of all that has a price."""
        return self.nodes_hourly + sum(item.hourly for item in self.standing)

    @property
    def marks(self) -> Marks:
        """What that must be read with."""
        found = marks_of_nodes(self.nodes) | Marks(
            at_least=any(row.what in ("nodes", "network") for row in self.unread)
        )
        for item in self.standing:
            found |= item.marks(self.region)
        return found

    @property
    def over(self) -> str:
        """What the rate is over, as a clause; empty where it is over nothing that is certain."""
        most, monthly = self.plan.max, self.hourly * HOURS_PER_MONTH
        if most and not (most.marks.missing or most.marks.at_least) and self.hourly > most.hourly + 0.005:
            return f"over the maximum of {self.plan.of}"
        if self.plan.budget is not None and monthly > self.plan.budget:
            return f"over the budget of {self.plan.of}"
        return ""

    def as_json(self) -> dict[str, Any]:
        """The answer of `cost --cluster --json`."""
        return {
            "cluster": self.cluster,
            "at": self.at.isoformat(),
            "region": self.region,
            "hourly": round(self.hourly, 6),
            "monthly": round(self.hourly * HOURS_PER_MONTH, 2),
            "nodes_hourly": round(self.nodes_hourly, 6),
            "pools": [pool.as_json(self.at) for pool in self.pools],
            "standing": [item.as_json() for item in self.standing],
            "plan": self.plan.as_json(),
            "over": self.over or None,
            "unread": [row.as_json() for row in self.unread],
        }


def marks_of_nodes(nodes: Iterable[SeenNode]) -> Marks:
    """What the sum of their prices must be read with."""
    found = Marks()
    for each in nodes:
        found |= Marks(estimate=each.estimate, missing=each.hourly is None)
    return found


def spending(running: Running, found: Machines, plan: Levels | None = None) -> Spending:
    """What the cluster costs now, against a plan, by default that of its own analysis."""
    region, analysis = running.account.region, running.judged.analysis
    nodes = seen_nodes(running.observed, found, region)
    own = analysis.cost
    rows = dict.fromkeys((*running.judged.analysis.unread, *found.unread, *running.observed.unread))
    return Spending(
        cluster=running.name,
        at=running.observed.at,
        region=region,
        pools=tuple(by_pool(nodes, analysis)),
        standing=tuple(item for item in _standing(nodes, analysis, region) if item.quantity),
        plan=plan or levels("its own pools", own.idle, own.steady, own.max),
        unread=tuple(rows),
    )


def by_pool(nodes: Sequence[SeenNode], analysis: Analysis | None = None) -> list[PoolSpending]:
    """The nodes by pool, and pools of the analysis that have none now; dear ones first."""
    rows: dict[tuple[str | None, str | None], list[SeenNode]] = {}
    for node in nodes:
        rows.setdefault((node.pool, node.backend), []).append(node)
    made = [PoolSpending(name, backend, tuple(found)) for (name, backend), found in rows.items()]
    there = {pool.name for pool in made}
    if analysis:
        made += [PoolSpending(pool.name, pool.backend) for pool in analysis.pools if pool.name not in there]
    return sorted(made, key=lambda pool: (-pool.hourly, pool.name or ""))


def _standing(nodes: Sequence[SeenNode], analysis: Analysis, region: str) -> list[Item]:
    rows = list(fixed_items(analysis.graph, today(), region))
    count = Counter(node.pool for node in nodes)
    for pool in analysis.pools:
        price = disks_price(pool.disks or (), pool.region)
        if price.hourly:
            rows.append(Item(f"disks of pool {pool.name}", count[pool.name], price, region=pool.region))
    return rows
