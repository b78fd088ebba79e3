"""The lab's tools, found on this machine or built from Go modules into a cache outside the checkout.

python -m eks_gpu.lab.toolchain                  # every tool that the lab needs; prints where each is
python -m eks_gpu.lab.toolchain etcd kwok
python -m eks_gpu.lab.toolchain --further        # controllers too that only further replays need
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from rich.console import Console

from eks_gpu.io.problems import InputError
from eks_gpu.lab import go
from eks_gpu.lab.go import ToolProblem
from eks_gpu.lab.progress import Display, Durations
from eks_gpu.lab.toolset import GROUPS, TOOLS, Group, Tool, fingerprint, go_version, parse_version
from eks_gpu_components.catalog.nearest import hint_or_all


def toolchain(names: Iterable[str] = (), console: Console | None = None) -> dict[str, Path]:
    """Where each tool is, all that the lab needs without names; what is missing is built first.

    Raises InputError for an unknown name, ToolProblem when a tool can neither be found nor built.
    """
    tools = _known(names or [tool.name for tool in TOOLS.values() if not tool.further])
    places = {tool.name: place for tool in tools if (place := _in_cache(tool) or _installed(tool))}
    missing = [tool for tool in tools if tool.name not in places]
    if packaged := [tool for tool in missing if tool.program is None]:
        raise ToolProblem(
            f"{tool.name} near {tool.version} is neither beside {sys.executable} nor on PATH: "
            "pip install 'eks-gpu-components[lab]'"
            for tool in packaged
        )
    if missing:
        _build(missing, console or Console(stderr=True))
        places |= {tool.name: built_path(tool) for tool in missing}
    return {tool.name: places[tool.name] for tool in tools}


def is_built(*names: str) -> bool:
    """Whether all of these tools are there without a build."""
    return all(_in_cache(tool) or _installed(tool) for tool in _known(names))


def module_folder(group: str, module: str) -> Path:
    """The source of a module, as the group's go.mod has it: stage files, CRDs and schemas are read there."""
    return go.module_folder(GROUPS[group].folder, module)


def cache_folder() -> Path:
    """Where built tools stay: $XDG_CACHE_HOME/eks-gpu/lab."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eks-gpu" / "lab"


def group_folder(group: Group) -> Path:
    """Changes with whatever the group is built from, so that an old program is never taken for a new one."""
    return cache_folder() / f"{group.name}-{fingerprint(group)}"


def built_path(tool: Tool) -> Path:
    """Where the tool is, or will be once it is built."""
    assert tool.program
    return group_folder(GROUPS[tool.program.group]) / "bin" / tool.name


def _known(names: Iterable[str]) -> list[Tool]:
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in TOOLS]:
        raise InputError(f"{name} is no tool of the lab{hint_or_all(name, TOOLS)}" for name in unknown)
    return [TOOLS[name] for name in names]


def _in_cache(tool: Tool) -> Path | None:
    return place if tool.program and (place := built_path(tool)).exists() else None


def _installed(tool: Tool) -> Path | None:
    """The program beside this Python or on PATH, when its version will do."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    place = shutil.which(tool.name, path=path)
    if place is None or not tool.ask:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run([place, *tool.ask], capture_output=True, text=True, timeout=30)
        found, wanted = parse_version(answer.stdout), parse_version(tool.version)
        if found and wanted and tool.accepts(wanted, found):
            return Path(place)
    return None


def _build(missing: list[Tool], console: Console) -> None:
    """Builds group by group, as many at once as memory and cores allow. The first failure ends the others."""
    groups = {group: [] for group in GROUPS.values()}
    for tool in missing:
        assert tool.program
        groups[GROUPS[tool.program.group]].append(tool)
    groups = {group: tools for group, tools in groups.items() if tools}
    for group in sorted(groups, key=go_version, reverse=True):
        go.require_go(go_version(group), group.folder)
    _require_disk(list(groups))

    budget_gib, slots = available_memory_gib(), max(2, (os.cpu_count() or 2) // 2)
    waiting = sorted(groups, key=lambda group: -group.memory_gib)
    running: dict[Future[None], Group] = {}
    building = _Building(Durations(cache_folder() / "times.json"))
    with Display(console) as display, ThreadPoolExecutor(len(groups)) as workers:
        try:
            while waiting or running:
                for group in startable(waiting, list(running.values()), budget_gib, slots):
                    waiting.remove(group)
                    running[workers.submit(building.group, group, groups[group], display)] = group
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    del running[future]
                    future.result()
        finally:
            building.stop()  # on an error, and on Ctrl-C; otherwise nothing is left to stop


def startable(waiting: list[Group], running: list[Group], budget_gib: float, slots: int) -> list[Group]:
    """Those to start now: the biggest first, while their peaks fit; one always runs, however little there is."""
    chosen: list[Group] = []
    for group in waiting:
        at_work = running + chosen
        used_gib = sum(each.memory_gib for each in at_work)
        if not at_work or (len(at_work) < slots and used_gib + group.memory_gib <= budget_gib):
            chosen.append(group)
    return chosen


def available_memory_gib() -> float:
    """What can be used without swapping; half of all memory where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 2**20
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**31


def _require_disk(groups: list[Group]) -> None:
    need_gib = sum(group.disk_gib for group in groups)
    for folder in [cache_folder(), *go.caches()]:
        existing = next(each for each in [folder, *folder.parents] if each.exists())
        free_gib = shutil.disk_usage(existing).free / 2**30
        if free_gib < need_gib:
            raise ToolProblem(
                f"building {', '.join(sorted(group.name for group in groups))} takes up to {need_gib:g} GiB and "
                f"{folder} has {free_gib:.1f} GiB free: make room, or set GOCACHE, GOMODCACHE and XDG_CACHE_HOME "
                "to folders on a larger disk"
            )


class _Building:
    """Builds in progress, which can all be stopped."""

    def __init__(self, durations: Durations):
        self._durations = durations
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._stopped = False

    def group(self, group: Group, tools: list[Tool], display: Display) -> None:
        folder = group_folder(group)
        _make(folder / "bin")
        _make(folder / "logs")
        row = display.row(group.name)
        with locked(folder / "lock", lambda: row.show("waiting for another process that builds it")):
            for tool in tools:
                if not built_path(tool).exists():  # the other process may have made it
                    row.show(tool.name, self._durations.last(tool.name))
                    seconds = self._tool(group, tool)
                    self._durations.record(tool.name, seconds)
                    row.built(f"{tool.name} {tool.version}", seconds)
        row.end()

    def _tool(self, group: Group, tool: Tool) -> float:
        """Seconds that it took. The program appears under its name only when it is complete."""
        assert tool.program
        place, started = built_path(tool), time.monotonic()
        for module, file in tool.program.beside:
            shutil.copyfile(go.module_folder(group.folder, module) / file, place.parent / Path(file).name)
        folder = group.folder
        if tool.program.copied:
            module_of = partial(go.module_folder, group.folder)
            try:
                folder = tool.program.copied.write(group_folder(group) / "source", group.folder / "go.mod", module_of)
            except LookupError as other:
                raise ToolProblem(
                    f"{tool.name} {tool.version} is not what eks_gpu/lab/go_patches.py changes: {other}"
                ) from None
        unfinished, log = place.with_name(f".{tool.name}"), place.parent.parent / "logs" / f"{tool.name}.log"
        with self._guard:
            if self._stopped:
                raise ToolProblem(f"{tool.name} was not built: another build failed")
            process = go.start(tool.program.command(unfinished), folder, log)
            self._processes.add(process)
        code = process.wait()
        with self._guard:
            self._processes.remove(process)
        if code:
            raise go.failure(f"{tool.name} {tool.version}", log)
        unfinished.replace(place)
        return time.monotonic() - started

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            for process in self._processes:
                process.terminate()


@contextlib.contextmanager
def locked(file: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Alone among all processes that name this file; the system lets go of it when one dies."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolProblem(f"{folder} cannot be made: {error.strerror}; set XDG_CACHE_HOME to another folder") from None


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m eks_gpu.lab.toolchain", description="Finds or builds the lab's tools; prints where each is."
    )
    arguments.add_argument(
        "tools", nargs="*", metavar="TOOL", help=f"by default all that the lab needs, of {', '.join(TOOLS)}"
    )
    arguments.add_argument("--further", action="store_true", help="those too that only further replays need")
    given = arguments.parse_args()
    try:
        for name, place in toolchain(TOOLS if given.further else given.tools).items():
            print(f"{name}\t{place}")
    except InputError as error:
        sys.exit("\n".join(f"error: {problem}" for problem in error.problems))


if __name__ == "__main__":
    main()
