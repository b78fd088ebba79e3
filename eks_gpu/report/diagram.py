"""The diagram: network, cluster, controllers, pools and workloads from left to right, drawn by Vega."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean

import altair

from eks_gpu.graph.graph import Graph
from eks_gpu.plan.analysis import Analysis
from eks_gpu.pools.clusters import Cluster, clusters
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import ADDON, Software
from eks_gpu.report.charts import svg
from eks_gpu.report.palette import LIGHT
from eks_gpu.report.words import count, nodes, pool_names, replicas

RANKS = ("network", "cluster", "controllers", "pools", "workloads")
WIDTHS = (130, 150, 212, 262, 180)
GAP, ROW, LINE, PAD, TOP = 40, 12, 15, 9, 26
_TEXT = 0.88  # of its room a text may take as Vega measures it: a reader's font may be wider
_LOWER = 150
"""Pixels that a short rank is below the top of a long one: what there is less of stays where a reader begins."""
_LANE = 8
"""Height of what only passes a rank on its way to a later one."""


@dataclass(frozen=True)
class Box:
    """Something that is built. `key` is its own among all."""

    key: str
    rank: int
    title: str
    lines: tuple[str, ...] = ()
    gpu: bool = False

    @property
    def height(self) -> float:
        """Pixels."""
        return 2 * PAD + LINE * (1 + len(self.lines))


@dataclass
class Slot:
    """A place in a rank: a box, or an edge on its way past it."""

    rank: int
    height: float
    box: Box | None = None
    before: list["Slot"] = field(default_factory=list)
    after: list["Slot"] = field(default_factory=list)
    order: float = 0.0
    top: float = 0.0

    @property
    def middle(self) -> float:
        """Pixels from the top."""
        return self.top + self.height / 2


# --- what there is ---------------------------------------------------------------------------------------------------


def boxes_and_edges(graph: Graph, found: Analysis) -> tuple[list[Box], list[tuple[str, str]]]:
    """An edge ends at a pool where what adds and removes its nodes starts, and at a workload where a pool takes it."""
    owners = clusters(graph)
    networks = list(_networks(graph))
    names = pool_names(found.pools)
    boxes = [
        *networks,
        *(_cluster(owner, len(graph.of(ADDON)) if len(owners) == 1 else 0) for owner in owners),
        *(Box(release.urn, 2, release.name, _release(release)) for release in found.software),
        *(Box(pool.urn, 3, names[pool.urn], tuple(_pool(pool)), bool(pool.accelerator)) for pool in found.pools),
        *(
            Box(work.urn, 4, work.name, (f"{work.kind}, {replicas(work)}", *_devices(work.requests)))
            for work in found.workloads
        ),
    ]
    edges = [(network.key, owner.urn) for network in networks for owner in owners]
    edges += [(owner.urn, release.urn) for owner in owners for release in found.software]
    edges += [(source, pool.urn) for pool in found.pools for source in _scalers(pool, owners, found.software)]
    edges += [
        (room.pool.urn, work.urn)
        for work in found.workloads
        for room, verdict in zip(found.rooms, found.verdicts[work.urn], strict=True)
        if verdict.admits
    ]
    return boxes, edges


def _networks(graph: Graph) -> Iterator[Box]:
    vpcs = graph.of("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")
    subnets = graph.of("aws:ec2/subnet:Subnet")
    gateways = graph.of("aws:ec2/natGateway:NatGateway")
    for vpc in vpcs:
        lines = [str(vpc["cidrBlock"] or "")]
        if len(vpcs) == 1:
            zones = {str(subnet["availabilityZone"] or subnet["availabilityZoneId"]) for subnet in subnets}
            lines.append(f"{count(len(subnets), 'subnet')}, {count(len(zones), 'zone')}" if subnets else "")
            lines.append(count(len(gateways), "NAT gateway") if gateways else "no NAT gateway")
        yield Box(vpc.urn, 0, f"VPC {vpc.name}", tuple(filter(None, lines)))


def _cluster(cluster: Cluster, addons: int) -> Box:
    lines = [f"Kubernetes {cluster.version}" if cluster.version else "", "EKS Auto Mode" if cluster.auto_mode else ""]
    return Box(cluster.urn, 1, cluster.name, tuple(filter(None, (*lines, count(addons, "add-on") if addons else ""))))


def _release(release: Software) -> tuple[str, ...]:
    chart = "chart" if release.chart == release.name else release.chart
    return (f"{chart} {release.version}".rstrip(),)


def _pool(pool: Pool) -> Iterator[str]:
    yield f"{pool.made_by.title}, {nodes(pool)}"
    more = len(pool.instance_types) - 2
    if pool.instance_types:
        yield ", ".join(pool.instance_types[:2]) + (f" and {more} more" if more > 0 else "")


def _devices(requests: Iterable[str]) -> Iterator[str]:
    yield from (f"wants {resource}" for resource in requests if "/" in resource)


def _scalers(pool: Pool, owners: Sequence[Cluster], releases: Sequence[Software]) -> list[str]:
    """What adds and removes its nodes, else the cluster that they join."""
    found = [release.urn for release in releases if release.chart == pool.made_by.scaled_by]
    if found and pool.autoscaled:
        return found
    return [owner.urn for owner in owners if pool.cluster in ("", owner.name)] or [owner.urn for owner in owners]


# --- where it stands -------------------------------------------------------------------------------------------------


def laid_out(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> tuple[list[list[Slot]], list[list[Slot]]]:
    """Ranks of slots, ordered so that few edges cross, and each edge as the slots it goes through."""
    slots = {box.key: Slot(box.rank, box.height, box) for box in boxes}
    ranks: list[list[Slot]] = [[slot for slot in slots.values() if slot.rank == rank] for rank in range(len(RANKS))]
    paths = []
    for start, end in edges:
        path = [slots[start], *(Slot(rank, _LANE) for rank in range(slots[start].rank + 1, slots[end].rank))]
        for lane in path[1:]:
            ranks[lane.rank].append(lane)
        path.append(slots[end])
        paths.append(path)
        for one, other in pairwise(path):
            one.after.append(other)
            other.before.append(one)
    _ordered(ranks)
    height = max((_height(rank) for rank in ranks), default=0.0)
    for rank in ranks:
        top = TOP + min((height - _height(rank)) / 2, _LOWER)
        for slot in rank:
            slot.top = top
            top += slot.height + ROW
    return [rank for rank in ranks if rank], paths


def _ordered(ranks: list[list[Slot]]) -> None:
    """From the pools, which keep the stack's order, outwards: each slot at the mean of its neighbours."""
    middle = RANKS.index("pools")
    for number in (middle, *range(middle - 1, -1, -1), *range(middle + 1, len(ranks))):
        if number != middle:
            for slot in ranks[number]:
                there = slot.after if number < middle else slot.before
                slot.order = mean(other.order for other in there) if there else float("inf")
            ranks[number].sort(key=lambda slot: slot.order)
        for position, slot in enumerate(ranks[number]):
            slot.order = position / max(1, len(ranks[number]) - 1)


def _height(rank: Sequence[Slot]) -> float:
    return sum(slot.height for slot in rank) + ROW * (len(rank) - 1)


# --- how it is drawn -------------------------------------------------------------------------------------------------


def diagram(graph: Graph, found: Analysis) -> str:
    """As SVG; empty for a stack without anything to show."""
    ranks, paths = laid_out(*boxes_and_edges(graph, found))
    if not ranks:
        return ""
    lefts: dict[int, float] = defaultdict(float)
    width = 0.0
    for rank in ranks:
        lefts[rank[0].rank] = width + 1
        width += WIDTHS[rank[0].rank] + GAP
    width -= GAP - 2
    slots = [slot for rank in ranks for slot in rank]
    height = max(slot.top + slot.height for slot in slots) + 2
    x = altair.X("x:Q").axis(None).scale(domain=[0, width], nice=False)
    y = altair.Y("y:Q").axis(None).scale(domain=[height, 0], nice=False)
    return svg(
        altair.layer(
            _edges(paths, lefts).encode(x=x, y=y),
            _frames(slots, lefts).encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
            *(layer.encode(x=x, y=y) for layer in _texts(slots, lefts)),
        ).properties(width=width, height=height)
    )


def _edges(paths: Iterable[Sequence[Slot]], lefts: dict[int, float]) -> altair.Chart:
    points = [
        {"edge": number, "at": at, "x": x, "y": y}
        for number, path in enumerate(paths)
        for at, (x, y) in enumerate(_points(path, lefts))
    ]
    line = altair.Chart(altair.Data(values=points)).mark_line(
        interpolate="basis", stroke=LIGHT["edge"], strokeWidth=1.25
    )
    return line.encode(detail="edge:N", order="at:Q")


def _points(path: Sequence[Slot], lefts: dict[int, float]) -> Iterator[tuple[float, float]]:
    """Level where it leaves and where it arrives, bent between the ranks."""
    for one, other in pairwise(path):
        right, left = lefts[one.rank] + WIDTHS[one.rank], lefts[other.rank]
        for share, y in ((0, one.middle), (0.3, one.middle), (0.7, other.middle), (1, other.middle)):
            yield right + share * (left - right), y


def _frames(slots: Iterable[Slot], lefts: dict[int, float]) -> altair.Chart:
    frames = [
        {
            "x": lefts[slot.rank],
            "x2": lefts[slot.rank] + WIDTHS[slot.rank],
            "y": slot.top,
            "y2": slot.top + slot.height,
            "fill": LIGHT["gpu" if slot.box.gpu else "card"],
            "stroke": LIGHT["ok" if slot.box.gpu else "line"],
        }
        for slot in slots
        if slot.box
    ]
    chart = altair.Chart(altair.Data(values=frames)).mark_rect(cornerRadius=5, strokeWidth=1)
    return chart.encode(
        fill=altair.Fill("fill:N").scale(None).legend(None), stroke=altair.Stroke("stroke:N").scale(None).legend(None)
    )


def _texts(slots: Iterable[Slot], lefts: dict[int, float]) -> Iterator[altair.Chart]:
    heads = [{"x": left, "y": 8, "text": RANKS[rank]} for rank, left in sorted(lefts.items())]
    yield _text(heads, WIDTHS[0], color=LIGHT["soft"], fontSize=11)
    for rank, width in enumerate(WIDTHS):
        boxes = [(slot, slot.box) for slot in slots if slot.box and slot.rank == rank]
        x = lefts[rank] + 10
        titles = [{"x": x, "y": slot.top + PAD + LINE / 2, "text": box.title} for slot, box in boxes]
        lines = [
            {"x": x, "y": slot.top + PAD + LINE * (number + 0.5), "text": line}
            for slot, box in boxes
            for number, line in enumerate(box.lines, 1)
        ]
        yield _text(titles, width - 20, color=LIGHT["ink"], fontSize=12, fontWeight=600)
        yield _text(lines, width - 20, color=LIGHT["soft"], fontSize=11)


def _text(rows: list[dict[str, object]], limit: float, **look: object) -> altair.Chart:
    mark = altair.MarkDef(type="text", align="left", baseline="middle", limit=_TEXT * limit, **look)  # pyright: ignore[reportArgumentType] - any of Vega's marks
    return altair.Chart(altair.Data(values=rows), mark=mark).encode(text="text:N")
