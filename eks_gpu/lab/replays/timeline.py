"""Nodes, pods and cost of a replay, second by second."""

import threading
import time
from dataclasses import dataclass
from typing import Self

from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import NodeRow, Status, status

EVERY_S = 1.0


@dataclass(frozen=True)
class Moment:
    """The cluster at one second."""

    t_s: float
    nodes: int
    gpu_nodes: int
    pending_pods: int
    hourly: float
    """USD, all nodes."""


class Timeline:
    """Looks at a lab once a second while it is entered, and remembers."""

    def __init__(self, lab: Lab):
        self._lab, self._started = lab, time.monotonic()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, name="timeline", daemon=True)
        self.moments: list[Moment] = []
        self.seen: dict[str, NodeRow] = {}
        """Every node with accelerators that there ever was, by name."""
        self.peak_gpus = 0
        """Most accelerators at once since it was last set to 0."""

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def look(self) -> Status:
        """The cluster now; its nodes are remembered. Raises LabProblem, OSError when the API server does not answer."""
        found = status(self._lab)
        self.seen |= {node.name: node for node in found.nodes if node.gpus}
        self.peak_gpus = max(self.peak_gpus, sum(node.gpus for node in found.nodes))
        return found

    def _look(self) -> None:
        took = 0.0
        while not self._done.wait(max(EVERY_S, 4 * took)):  # a lab with a thousand pods is not kept busy by who watches
            started = time.monotonic()
            try:
                found = self.look()
            except (OSError, LabProblem):  # a busy moment; the next one counts
                continue
            took = time.monotonic() - started
            at = round(time.monotonic() - self._started, 1)
            moment = Moment(at, len(found.nodes), found.gpu_nodes, found.pending_pods, round(found.hourly, 4))
            self.moments.append(moment)
