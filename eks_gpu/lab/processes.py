"""Processes that outlive the command that starts them, and are ended exactly."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from eks_gpu.lab.isolation import isolated
from eks_gpu.lab.ports import LOOPBACK
from eks_gpu.lab.problem import LabProblem

LAST_LINES, LINE_LENGTH = 10, 200
"""How much of a log an error shows."""
_CLOCK_S = 1.0
"""How far two readings of one process' start may differ: the system's clock can be set between them."""
_END_S = 10
"""How long a killed process may take to go."""


@dataclass(frozen=True)
class Process:
    """One process of the lab. A pid is used again, a pid with its start time is not."""

    name: str
    pid: int
    started: float
    """Seconds since the epoch, as the system tells it."""
    log: str
    """File that has all of its output."""


def start(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts it in a session of its own, so that no Ctrl-C of ours reaches it. Raises LabProblem."""
    # Nothing in the lab may reach a person's account, nor look for loopback behind a proxy.
    given = {**isolated(os.environ), "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, **(environment or {})}
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), output, (os.POSIX_SPAWN_DUP2, 1, 2)]
    try:
        pid = os.posix_spawn(command[0], tuple(command), given, file_actions=files, setsid=True)
    except OSError as error:
        raise LabProblem(f"{name} cannot be started: {command[0]}: {error.strerror}") from None
    return Process(name, pid, psutil.Process(pid).create_time(), str(log))


def running(process: Process) -> psutil.Process | None:
    """The system's process when it is this very one and still at work."""
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < _CLOCK_S
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def end(processes: Sequence[Process]) -> list[str]:
    """Kills those that still run, each with its process group; names them. What they hold is worth nothing afterwards.

    Raises LabProblem for one that stays.
    """
    found = {process.name: alive for process in processes if (alive := running(process))}
    for alive in found.values():
        try:
            os.killpg(alive.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # ended by itself in this moment
    psutil.wait_procs(list(found.values()), timeout=_END_S)
    # One whose parent has not asked for its end yet is still listed, and does nothing any more.
    stayed = [process for process in processes if process.name in found and running(process)]
    if stayed:
        left = ", ".join(f"{process.name} (pid {process.pid})" for process in stayed)
        raise LabProblem(f"still running {_END_S} s after they were killed: {left}")
    return list(found)


def ending(process: Process) -> str:
    """The end of its log, to stand under a sentence that says why it is shown; of a Go panic its beginning."""
    log = Path(process.log)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    if not lines:
        return f"its log {log} is empty"
    panics = [number for number, line in enumerate(lines) if line.startswith("panic: ")]
    shown = lines[panics[-1] :][:LAST_LINES] if panics else lines[-LAST_LINES:]
    return "\n".join([f"its log {log} ends with:", *(f"  {line[:LINE_LENGTH]}" for line in shown)])
