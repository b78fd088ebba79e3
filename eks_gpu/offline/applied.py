"""A program's `apply` callbacks, watched: they run on stand-ins too, so nothing of them may reach the machine.

A value that comes from a resource is one that the plan assumes. What a callback makes of it is fit for the plan alone:
a file written from it would hold a cluster that is none. So what changes the machine is stopped, and the callback's
result is unknown, as in a first preview, which does not run it at all. An error in a callback learns where its value is
from.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pulumi
from pulumi import _types

from eks_gpu.graph.unread import Unread
from eks_gpu.offline.left_out import rows as left_out_rows
from eks_gpu.offline.questions import ANSWERS_FILE

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = frozenset(
    {
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod"),
        *("os.chown", "os.utime", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
        *("os.startfile", "subprocess.Popen", "socket.connect", "socket.getaddrinfo", "socket.sendto"),
        *("sqlite3.connect", "ftplib.connect", "smtplib.connect"),
        *("shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.rmtree", "shutil.make_archive", "pty.spawn"),
    }
)
"""Audit events of what outlives the process, besides `open`. Source: the Python manual, table of audit events."""


STACK_REFERENCE = "pulumi:pulumi:StackReference"


class Stopped(BaseException):
    """A callback was about to change the machine. No `except Exception` of a program takes it."""


class _Callback:
    """One call of a callback, and what its value is."""

    def __init__(self, applied: "Applied", place: str, value: str):
        self.applied, self.place, self.value = applied, place, value
        self.runs = True
        """False once it has returned: what it has started inherits its context."""


_CALLBACK: ContextVar[_Callback | None] = ContextVar("callback", default=None)


@cache
def _listen() -> None:
    """Python takes no audit hook back, so there is one, which is deaf outside of a callback."""
    sys.addaudithook(_heard)


def _heard(
    event: str,
    args: tuple[Any, ...],
    current: Callable[[], _Callback | None] = _CALLBACK.get,  # outlives the module
) -> None:
    callback = current()
    if callback is None or not callback.runs:
        return
    what = _opened(args) if event == "open" else _said(event, args) if event in _EVENTS else None
    if what is not None:
        callback.runs = False  # what it does to tidy up is its own
        raise callback.applied.stop(callback, what)


def _opened(args: tuple[Any, ...]) -> str | None:
    path, mode, flags = args
    writes = set(mode) & set("wax+") if isinstance(mode, str) else isinstance(flags, int) and flags & _WRITES
    if not writes or isinstance(path, int) or "__pycache__" in str(path) or str(path) == os.devnull:
        return None
    return f"open({os.fspath(path)!r}) for writing"


def _said(event: str, args: tuple[Any, ...]) -> str | None:
    if "__pycache__" in str(args[:1]):
        return None
    return f"{event}({', '.join(map(repr, args[:1]))})"


class Applied:
    """The callbacks of one run."""

    def __init__(self, root: Path = Path()):
        self.root = root
        """The project's folder: places are told from there."""
        self.guessed = False
        """Whether a look-up went on without an answer: from then on no value is to be trusted."""
        self.stopped: list[str] = []
        """What was stopped, a sentence each."""
        self.left_out: list[Unread] = []
        """What callbacks would have registered that did not run because nobody knows their value."""
        self._files: dict[str, str] = {}
        self.waited: dict[tuple[str, str], set[str]] = {}
        """Outputs that nobody knows and a callback waited for, by type and name of their resource."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, `Output.apply` is watched."""
        _listen()
        original = pulumi.Output.apply

        def apply(output: Any, func: Callable[[Any], Any], run_with_unknowns: bool = False) -> Any:
            place, called = self._place(sys._getframe(1)), list[bool]()
            made = original(output, self._watching(output, func, place, called), run_with_unknowns)
            made.__dict__["_applied_to"] = output
            made._data.add_done_callback(lambda done: self._note(output, done))
            made._data.add_done_callback(lambda done: called or self._note_left_out(output, done, func, place))
            return made

        pulumi.Output.apply = apply  # pyright: ignore[reportAttributeAccessIssue] - its own type has names of parameters
        try:
            yield
        finally:
            pulumi.Output.apply = original

    def _note(self, output: Any, done: Any) -> None:
        """Whether the callback was left out because the value is unknown."""
        if done.cancelled() or done.exception() or done.result().is_known or not output._data.done():
            return
        if (found := _output_of(output, output._data.result().resources)) and not output._data.result().is_known:
            resource, name = found
            self.waited.setdefault((str(resource._type), str(resource._name)), set()).add(name)

    def _note_left_out(self, output: Any, done: Any, func: Callable[[Any], Any], place: str) -> None:
        """What the callback that did not run would have registered."""
        if done.cancelled() or done.exception() or done.result().is_known or not output._data.done():
            return
        waits_for = _source(output, output._data.result().resources)
        for row in left_out_rows(place.removesuffix(": "), func, waits_for, self.own_file):
            if row not in self.left_out:
                self.left_out.append(row)

    def place_of(self, frame: FrameType) -> str:
        """`__main__.py:12` if the frame is of the program's own; else empty."""
        file = self.own_file(frame.f_code.co_filename)
        return f"{file}:{frame.f_lineno}" if file else ""

    def stop(self, callback: _Callback, what: str) -> Stopped:
        told = (
            f"{self._place(sys._getframe(2)) or callback.place}{what} inside an apply was stopped: a plan changes "
            f"nothing, and the value is a stand-in{callback.value}. What the callback returns is unknown here. "
            "To do it in an update only, ask `if not pulumi.runtime.is_dry_run():` first"
        )
        if told not in self.stopped:
            self.stopped.append(told)
        return Stopped(told)

    def _watching(self, output: Any, func: Callable[[Any], Any], place: str, told: list[bool]) -> Callable[[Any], Any]:
        """The callback, watched; once it is called `told` has an item."""

        def called(value: Any) -> Any:
            told.append(True)
            resources = output._data.result().resources
            if not resources and not self.guessed:
                return func(value)
            callback = _Callback(self, place, _source(output, resources))
            token = _CALLBACK.set(callback)
            try:
                made = func(value)
            except Stopped:
                return _nothing()
            except Exception as error:
                _explain(error, callback)
                raise
            finally:
                callback.runs = False
                _CALLBACK.reset(token)
            if isinstance(made, Awaitable) and not isinstance(made, pulumi.Output):
                return pulumi.Output.from_input(_awaited(made, callback)).apply(lambda found: found)
            return made

        return called

    def _place(self, frame: FrameType | None) -> str:
        """`__main__.py:12: `, the innermost line of the program's own."""
        while frame is not None:
            if file := self.own_file(frame.f_code.co_filename):
                return f"{file}:{frame.f_lineno}: "
            frame = frame.f_back
        return ""

    def own_file(self, name: str) -> str:
        """A file of the program's own, as it is told; empty for another."""
        if name not in self._files:
            file = Path(name)
            own = "site-packages" not in file.parts and file.is_absolute() and file.is_relative_to(self.root)
            self._files[name] = str(file.relative_to(self.root)) if own else ""
        return self._files[name]


async def _awaited(made: Awaitable[Any], callback: _Callback) -> Any:
    """A callback that is a coroutine runs on after it has returned."""
    callback.runs = True
    _CALLBACK.set(callback)  # of this task alone
    try:
        return await made
    except Stopped:
        return _nothing()
    except Exception as error:
        _explain(error, callback)
        raise
    finally:
        callback.runs = False


def _nothing() -> pulumi.Output[Any]:
    """An output that is unknown."""

    async def said(value: Any) -> Any:
        return value

    return pulumi.Output(set(), said(None), said(False), said(False))


def _source(output: Any, resources: set[pulumi.Resource]) -> str:
    """` (data of kubernetes:core/v1:Secret token)`, empty where it comes from no resource, or from several."""
    if found := _output_of(output, resources):
        resource, name = found
        return f" ({name} of {_called(resource)})"
    return f" (of {_called(*resources)})" if len(resources) == 1 else ""


def _output_of(output: Any, resources: set[pulumi.Resource]) -> tuple[Any, str] | None:
    """The resource and its property, by wire name, that a value began as."""
    while (inner := output.__dict__.get("_applied_to")) is not None:
        output = inner
    for resource in resources:
        names = {python: wire for wire, python in _types.resource_pulumi_to_py_names(type(resource)).items()}
        for name, value in vars(resource).items():
            if value is output:
                return resource, names.get(name, name)
    return None


def _called(resource: Any) -> str:
    return f"{getattr(resource, '_type', None) or type(resource).__name__} {getattr(resource, '_name', '')}".strip()


def _explain(error: Exception, callback: _Callback) -> None:
    """Once, where it is thrown: outer callbacks that it passes know less."""
    if hasattr(error, PLACE) or not callback.value:
        return
    setattr(error, PLACE, callback.place)
    where = "under the stack's name" if STACK_REFERENCE in callback.value else "under resources, by type and name"
    error.add_note(
        f"the value is a stand-in{callback.value}; another can be given in {ANSWERS_FILE} beside Pulumi.yaml, {where}"
    )


PLACE = "_applied_at"
"""Attribute of an error in a callback: the line that made the apply."""
