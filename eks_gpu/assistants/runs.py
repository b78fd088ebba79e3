"""A command in a process of its own: what a program prints, breaks or leaves running does not touch the server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio

from eks_gpu.io.problems import InputError
from eks_gpu.io.visible import visible

_COMMAND = [sys.executable, "-P", "-c", "from eks_gpu.commands.main import main; main()"]
LONGEST_ANSWER = 200_000_000
"""Bytes of JSON that a command may answer."""
_KEPT = 20_000
"""Bytes of stderr that are kept, the last."""
_SAID = 2_000
"""Letters of them that are told where the command says no problem of its own."""
_LEFT_S = 2.0
"""Seconds for what the program started, and that holds its stderr, to end."""
running: set[int] = set()
"""Process groups of commands that run, for whoever ends the server."""


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    stdout: bytes
    stderr: str

    def answer(self) -> tuple[Any, bool]:
        """Its JSON, and whether everything holds. Raises InputError with what it says is wrong."""
        if self.code in (0, 1) and self.stdout:
            try:
                return json.loads(self.stdout), self.code == 0
            except ValueError:
                pass
        raise InputError(self._problems())

    def _problems(self) -> list[str]:
        lines = visible(self.stderr).splitlines()
        told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        if self.code in (1, 2, 3) and told:
            return told
        how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        last = visible(self.stderr).strip()[-_SAID:] or "nothing"
        return [f"the program ended the command with {how}; the last that it printed: {last}"]


async def run(words: Sequence[str], stdin: str, timeout_s: float) -> Ran:
    """Runs `eks-gpu` with these words, from the root folder. Raises InputError after the timeout.

    It ends with all that it started, also where nobody waits for it any longer.
    """
    process = await anyio.open_process(
        [*_COMMAND, *words], stdin=subprocess.PIPE, cwd="/", start_new_session=True, env={**os.environ, "NO_COLOR": "1"}
    )
    running.add(process.pid)
    stdout, stderr = bytearray(), bytearray()
    try:
        with anyio.move_on_after(timeout_s) as waited:
            async with anyio.create_task_group() as tasks:
                ends = anyio.Event(), anyio.Event()
                tasks.start_soon(_feed, process.stdin, stdin.encode())
                tasks.start_soon(_read, process.stdout, stdout, LONGEST_ANSWER + 1, False, ends[0])
                tasks.start_soon(_read, process.stderr, stderr, _KEPT, True, ends[1])
                await process.wait()
                _end(process.pid)  # what the program left running would keep the pipes open
                with anyio.move_on_after(_LEFT_S):
                    for end in ends:
                        await end.wait()
                tasks.cancel_scope.cancel()
    finally:
        _end(process.pid)
        running.discard(process.pid)
        with anyio.CancelScope(shield=True):
            await process.aclose()
    if waited.cancelled_caught:
        raise InputError(f"the command did not end within {timeout_s:g} s, and was ended")
    if len(stdout) > LONGEST_ANSWER:
        raise InputError(
            f"the answer has more than {LONGEST_ANSWER:,} bytes: save it with eks-gpu {words[0]} --json FILE"
        )
    return Ran(process.returncode or 0, bytes(stdout), stderr.decode("utf-8", "replace"))


async def _feed(pipe: Any, text: bytes) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, BrokenPipeError):
        await pipe.send(text)
    await pipe.aclose()


async def _read(pipe: AsyncIterable[bytes] | None, kept: bytearray, most: int, last: bool, end: anyio.Event) -> None:
    """Reads to the end, so that the writer never waits; keeps the first or the last bytes."""
    assert pipe is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for part in pipe:
            kept += part
            if len(kept) > most:
                del kept[slice(len(kept) - most) if last else slice(most, None)]
    end.set()


def _end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_all() -> None:
    """Ends every command that runs."""
    for group in tuple(running):
        _end(group)
