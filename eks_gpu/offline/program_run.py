"""The run of a program with the recorder in the engine's place: from its first line to its end.

Each run has a `contextvars` context and an event loop of its own, so nothing leaks into the next.

This file, recorder.py, applied.py (`Output._data`) and source_lines.py lean on names of the SDK that are not public
(`MockSettings`, `settings.ROOT`, the manager of requests); pyproject.toml bounds pulumi's version because of it.
"""

# ruff: noqa: N802  # the protocol's own names

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockSettings
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.stack import run_in_stack

from eks_gpu.graph.graph import Graph
from eks_gpu.offline.questions import LookUp, Question, Unanswered
from eks_gpu.offline.recorder import Answers, Recorder
from eks_gpu.offline.source_lines import lines_alone
from eks_gpu.offline.stand_ins import handed_out
from eks_gpu.offline.wire import UNKNOWN


@dataclass
class Recording:
    """What a run registered, exported and said."""

    graph: Graph
    outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's exports, secrets masked."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """(severity, message), severity one of `info`, `warning`, `error`."""
    region: str = ""
    """Region of AWS; empty where the stack has none."""
    asked: tuple[Question, ...] = ()
    """Look-ups without an answer."""
    look_ups: tuple[LookUp, ...] = ()
    """Look-ups with one, the cloud's or an assumed one."""
    places: Mapping[str, str] = field(default_factory=dict)
    """`file:line` that registers a resource, by URN; the file is told from the folder that the program runs in."""


class _Log:
    """The engine's log service. What the SDK tells of its own work, severity debug, is left out."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def Log(self, request):
        if request.severity != engine_pb2.DEBUG:
            self.lines.append((engine_pb2.LogSeverity.Name(request.severity).lower(), request.message))


class ReadKeys(dict[str, str]):
    """Configuration that remembers which of its keys were asked for, `namespace:key`."""

    def __init__(self, values: Mapping[str, str]):
        super().__init__(values)
        self.read: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def run(
    program: Callable[[], Any],
    answers: Answers,
    *,
    config: Mapping[str, str] | None = None,
    secret_keys: Iterable[str] = (),
    project: str = "project",
    stack: str = "dev",
    preview: bool = False,
    root_directory: str = ".",
    timeout_s: float = 300,
) -> Recording:
    """Run a program as `pulumi preview` would, with outputs that are certain or answered; with `preview` none is.

    The program sees a preview (`pulumi.runtime.is_dry_run()`), in which an `apply` waits for what is not known.
    Raises what the program raises, an error inside an `apply` too, and TimeoutError; Unanswered with all questions if
    it had no answer to some of them before.
    """
    recorder = Recorder(answers, project, stack, preview)
    recorder.applied.root = Path(root_directory).resolve()
    log = _Log()
    keys = config if isinstance(config, ReadKeys) else ReadKeys(config or {})

    def in_own_context() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            settings.ROOT.set(None)
            settings.configure(
                MockSettings(
                    monitor=recorder,
                    monitor_features=set(),
                    engine=log,
                    project=project,
                    stack=stack,
                    organization="organization",
                    root_directory=root_directory,
                    dry_run=True,
                    parallel=None,
                    legacy_apply_enabled=False,
                    callbacks=None,
                    package_refs={},
                    base_providers_by_ref={},
                    outputs=set(),
                    lock=threading.Lock(),
                )
            )
            pulumi.runtime.set_all_config({}, list(secret_keys))
            runtime_config.CONFIG.set(keys)
            stand_ins = handed_out(recorder.decide, recorder.applied.place_of, recorder.look_up)
            with recorder.applied.watched(), stand_ins, lines_alone():
                loop.run_until_complete(_ended(run_in_stack(program), timeout_s))
        finally:
            _close(loop)

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the first error is raised; the rest is its echo
    try:
        contextvars.Context().run(in_own_context)
    except (Exception, SystemExit) as error:
        if recorder.asked:  # what came of going on without an answer is told after that
            raise unanswered(recorder) from error
        raise
    graph = recorder.graph()
    logged = [(severity, told.replace(UNKNOWN, "unknown")) for severity, told in log.lines]
    said = [*logged, *(("warning", told) for told in recorder.applied.stopped)]
    asked, look_ups = tuple(recorder.questions), tuple(recorder.look_ups)
    return Recording(graph, recorder.exports, said, asked=asked, look_ups=look_ups, places=recorder.places)


def unanswered(recorder: Recorder) -> Unanswered:
    """All that a program had no answer to, as one error."""
    found = [recorder.asked[key] for key in sorted(recorder.asked)]
    return Unanswered("\n".join(map(str, found)), *(question for each in found for question in each.asked))


async def _ended(main: Awaitable[Any], timeout_s: float) -> None:
    """Waits for the run. It ends with an error of a request too: what that would have given, the SDK waits for."""
    task = asyncio.ensure_future(main)
    end = time.monotonic() + timeout_s
    while not task.done():
        failed = settings._get_rpc_manager().unhandled_exception
        await asyncio.wait({task}, timeout=1)
        if task.done():
            break
        if failed is not None:
            raise failed
        if time.monotonic() > end:
            raise TimeoutError
    task.result()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_exception_handler(lambda *_: None)
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()
