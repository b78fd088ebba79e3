"""`--watch`: a cluster as it changes, by Kubernetes' own watch: pools, pending pods, nodes, USD an hour."""

import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from eks_gpu.cost.money import usd
from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError
from eks_gpu.io.tables import table
from eks_gpu.io.terminal import Terminal, complain
from eks_gpu.live.account import AccountReader
from eks_gpu.live.cluster import DELETED, LISTED, ClusterReader, Happened, Kind, Manifest, Refused
from eks_gpu.live.kinds import NODE, POD
from eks_gpu.live.nodes.causes import until
from eks_gpu.live.nodes.machines import machines
from eks_gpu.live.nodes.running_autoscaler import running_autoscaler
from eks_gpu.live.nodes.seen_nodes import SeenNode
from eks_gpu.live.nodes.why_node import KINDS, Answer, Facts, answers_of
from eks_gpu.live.observed import Observed, kept
from eks_gpu.live.spending import by_pool, marks_of_nodes
from eks_gpu_components.catalog.nearest import hint_or_all

ACCOUNT_S = 60.0
"""Seconds after which the account is asked again; sooner when a node comes or goes."""
_SOONEST_S = 5.0
_TURN_S = 1.0
"""Seconds between two pictures, in which what happens is gathered."""
_CLOCK_S = 10.0
"""Seconds after which a picture is drawn anew though nothing happened, for the times in it."""
_NAMED = 8
"""Pending pods that are named."""


@dataclass(frozen=True)
class Picture:
    """A cluster at one moment."""

    cluster: str
    at: datetime
    answers: tuple[Answer, ...]
    pending: tuple[str, ...]

    @property
    def nodes(self) -> list[SeenNode]:
        """All of them."""
        return [answer.node for answer in self.answers]

    @property
    def rate(self) -> str:
        """`1.204 USD an hour`, of the nodes."""
        return f"{usd(sum(node.hourly or 0 for node in self.nodes), 3, marks_of_nodes(self.nodes))} USD an hour"

    @property
    def summary(self) -> str:
        """`5 nodes, 2 pending pods, 1.204 USD an hour`."""
        return f"{_count(len(self.nodes), 'node')}, {_count(len(self.pending), 'pending pod')}, {self.rate}"


class Watched:
    """The objects of some kinds, kept as the API server has them."""

    def __init__(self, cluster: ClusterReader):
        self._cluster = cluster
        self._objects: dict[Kind, dict[str, Manifest]] = {}
        self._queue: SimpleQueue[tuple[Kind, Happened | BaseException]] = SimpleQueue()
        self.unread: dict[Kind, Unread] = {}
        self._waits_for = {kind for kind in KINDS if kind in cluster.served}
        for kind in self._waits_for.copy():
            threading.Thread(target=self._follow, args=(kind,), daemon=True).start()

    def _follow(self, kind: Kind) -> None:
        try:
            for happened in self._cluster.watch(kind, kept):
                self._queue.put((kind, happened))
        except BaseException as problem:  # for the thread that shows it
            self._queue.put((kind, problem))

    def gather(self, wait_s: float) -> bool:
        """Takes in what has happened, after at most so many seconds. Whether anything has. Raises InputError."""
        changed, end = False, time.monotonic() + wait_s
        while True:
            try:
                kind, happened = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                return changed
            changed = True
            self._waits_for.discard(kind)
            if isinstance(happened, Refused):
                self._refused(kind, happened)
            elif isinstance(happened, BaseException):
                raise happened
            else:
                self._take(kind, *happened)

    def is_complete(self) -> bool:
        """Whether every kind has been listed once."""
        return not self._waits_for

    def observed(self) -> Observed:
        """What there is now."""
        objects = {kind: list(found.values()) for kind, found in self._objects.items()}
        absent = {kind: [] for kind in KINDS if kind not in self._cluster.served}
        return Observed(datetime.now(UTC), self._cluster.server, {**absent, **objects}, tuple(self.unread.values()))

    def _take(self, kind: Kind, what: str, found: list[Manifest]) -> None:
        known = self._objects.setdefault(kind, {})
        if what == LISTED:
            known.clear()
        for each in found:
            if what == DELETED:
                known.pop(each["metadata"]["uid"], None)
            else:
                known[each["metadata"]["uid"]] = each

    def _refused(self, kind: Kind, refused: Refused) -> None:
        plural = self._cluster.served[kind].plural
        how = f"allow `list` and `watch` of {plural} in API group {kind.group!r}"
        self.unread[kind] = Unread(f"{kind} objects", "nodes", f"the API server refuses it: {refused}", how)
        self._objects.pop(kind, None)
        complain(f"not watched: {plural}: {refused}; {how}")


def watch_cluster(cluster: ClusterReader, account: AccountReader, name: str, wanted: str = "") -> None:
    """Shows the cluster until Ctrl-C: a table that is drawn anew, or without a terminal a line for each change.

    `wanted` is the node that alone is shown. Raises InputError where nobody answers, or for an unknown node.
    """
    try:
        _show(pictures(cluster, account, name, wanted))
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one finds it at its end
    except Refused as refused:
        raise InputError(f"context {cluster.context}: the API server refuses it: {refused}") from None


def pictures(cluster: ClusterReader, account: AccountReader, name: str, wanted: str = "") -> Iterator[Picture]:
    """The cluster now, and whenever it has changed; every 10 s without a change."""
    watched = Watched(cluster)
    while not watched.is_complete():
        watched.gather(0.1)
    found, asked_at, known = machines(account, name), time.monotonic(), _node_names(watched.observed())
    autoscaler, left = running_autoscaler(cluster, watched.observed())
    drawn_at = 0.0
    while True:
        changed = watched.gather(_TURN_S if drawn_at else 0.0)
        if drawn_at and not changed and time.monotonic() - drawn_at < _CLOCK_S:
            continue
        observed = watched.observed()
        age = time.monotonic() - asked_at
        if age > ACCOUNT_S or (age > _SOONEST_S and _node_names(observed) != known):
            found, asked_at, known = machines(account, name), time.monotonic(), _node_names(observed)
            autoscaler, left = running_autoscaler(cluster, observed)
        unread = (*observed.unread, *found.unread, *left)
        read = Facts(name, account.region, observed, found, autoscaler, unread)
        yield _picture(read, wanted, first=not drawn_at)
        drawn_at = time.monotonic()


def _picture(read: Facts, wanted: str, first: bool) -> Picture:
    nodes = read.nodes
    chosen = [each for each in nodes if wanted in (each.name, _key(each))] if wanted else nodes
    if wanted and not chosen and first:
        known = [each.name for each in nodes]
        raise InputError(f"node {wanted!r}: cluster {read.cluster} has none{hint_or_all(wanted, known)}")
    pending = [
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in read.observed.of(POD)
        if each.get("status", {}).get("phase") == "Pending" and not each["spec"].get("nodeName")
    ]
    return Picture(read.cluster, read.observed.at, tuple(answers_of(read, chosen, nodes)), tuple(sorted(pending)))


def _node_names(observed: Observed) -> frozenset[str]:
    return frozenset(each["metadata"]["name"] for each in observed.of(NODE))


def _key(node: SeenNode) -> str:
    """The same before and after a NodeClaim has become a Node."""
    return str(node.claim["metadata"]["name"]) if node.claim else node.name


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# --- without a terminal ----------------------------------------------------------------------------------------------


def changes(before: Picture | None, now: Picture) -> Iterator[str]:
    """A line for each change: nodes that came, went or are kept by something else, and pods that wait."""
    clock = f"{now.at.astimezone(UTC):%H:%M:%S}"
    if before is None:
        yield f"{clock} cluster {now.cluster}: {now.summary}"
        yield from (f"{clock} {_told(answer)}" for answer in now.answers)
        return
    old: Mapping[str, Answer] = {_key(answer.node): answer for answer in before.answers}
    new: Mapping[str, Answer] = {_key(answer.node): answer for answer in now.answers}
    for key, answer in new.items():
        if key not in old:
            yield f"{clock} node {answer.node.name} came: {_kind(answer.node)}; now {now.summary}"
            yield f"{clock} {_told(answer)}"
        elif old[key].cause.id != answer.cause.id or old[key].node.name != answer.node.name:
            yield f"{clock} {_told(answer)}"
    for key, answer in old.items():
        if key not in new:
            yield f"{clock} node {answer.node.name} went: {_kind(answer.node)}; now {now.summary}"
    if len(before.pending) != len(now.pending):
        yield f"{clock} {_count(len(now.pending), 'pending pod')}{_some(now.pending)}"


def _told(answer: Answer) -> str:
    return f"node {answer.node.name}: {answer.cause.id}: {answer.cause.message}"


def _kind(node: SeenNode) -> str:
    price = "price unknown" if node.hourly is None else f"{usd(node.hourly, 3, marks_of_nodes([node]))} USD an hour"
    return f"pool {node.pool or 'none'}, {node.instance_type} {node.capacity_type}, {price}"


def _some(pending: tuple[str, ...]) -> str:
    more = f" and {len(pending) - _NAMED} more" if len(pending) > _NAMED else ""
    return f": {', '.join(pending[:_NAMED])}{more}" if pending else ""


# --- in a terminal ---------------------------------------------------------------------------------------------------


def _show(found: Iterator[Picture]) -> None:
    console = Terminal()
    if not console.is_terminal:
        before = None
        for picture in found:
            for line in changes(before, picture):
                console.print(line, soft_wrap=True)
            sys.stdout.flush()
            before = picture
        return
    with Live(console=console, auto_refresh=False, screen=False) as live:
        for picture in found:
            live.update(render(picture), refresh=True)


def render(found: Picture) -> RenderableType:
    """Pools, pods that wait, and each node with what keeps it."""
    pools = table("pool", "nodes", "GPUs", "used", "idle", "USD/h", right=("nodes", "GPUs", "used", "idle", "USD/h"))
    for pool in by_pool(found.nodes):
        pools.add_row(
            pool.name or "in no pool",
            str(len(pool.nodes)),
            str(sum(node.gpus for node in pool.nodes)),
            str(sum(node.gpus_used for node in pool.nodes)),
            str(len(pool.idle)),
            usd(pool.hourly, 3, pool.marks),
        )
    nodes = table("node", "type", "why it is there", "goes in", right=("goes in",))
    for answer in found.answers:
        style = "red" if answer.fails else "green"
        goes_at = answer.cause.goes_at
        kind = " ".join(filter(None, (answer.node.instance_type, answer.node.capacity_type)))
        nodes.add_row(answer.node.name, kind, Text(answer.cause.id, style), until(goes_at, found.at) if goes_at else "")
    head = Text.assemble((f"cluster {found.cluster}", "bold"), f"  {found.at.astimezone(UTC):%H:%M:%S} UTC")
    waiting = f"{_count(len(found.pending), 'pending pod')}{_some(found.pending)}"
    return Group(head, "", pools, "", nodes, "", waiting, Text(found.rate, "bold"), Text("Ctrl-C ends it", "dim"))
