"""A program in another language as a process: what it is started with, how it ended."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError

ORGANIZATION = "organization"
PARALLEL = 16
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Start:
    """One run of a program."""

    project: str
    stack: str
    root: Path
    """The project's folder."""
    folder: Path
    """The folder that the program runs in."""
    entry: str
    """The program's file in that folder, `.` where the language finds it."""
    config: Mapping[str, str]
    secret_keys: Sequence[str]
    address: str
    """Of the monitor and the engine."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`runtime.options` of Pulumi.yaml."""
    dry_run: bool = True
    timeout_s: float = 300
    offline: bool = True
    """Whether values are stand-ins, so that no callback may change the machine."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    problems: tuple[str, ...] = ()
    """Why it failed, a line each; none where it did not."""
    read: frozenset[str] | None = None
    """Keys of the configuration that it asked for; None where its language does not tell."""
    notes: tuple[str, ...] = ()
    """What the plan's reader has to know of the run."""
    warnings: tuple[str, ...] = ()
    """What of the program did not run because a plan changes nothing."""
    left_out: tuple[Unread, ...] = ()
    """What callbacks would have registered that did not run because nobody knows their value."""
    waited: tuple[tuple[str, str, str], ...] = ()
    """Type, name and output of a resource whose unknown value a callback waited for."""


def environment(start: Start) -> dict[str, str]:
    """What a language host would set, with nothing of another run of Pulumi."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    return kept | {
        "PULUMI_CONFIG": json.dumps(dict(start.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(start.secret_keys)),
    }


def without_color(text: str) -> str:
    return _COLOR.sub("", text)


def run(command: Sequence[str], start: Start, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and stderr. What the program prints goes to stderr: stdout is for answers.

    Raises TimeoutError; the program and what it started are gone afterwards in any case.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=start.folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be started: {error.strerror}") from None
    said: list[str] = []
    assert process.stdout and process.stderr
    with process, _read(process.stdout, _to_stderr), _read(process.stderr, said.append):
        try:
            code = process.wait(start.timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return code, "".join(said)


@contextlib.contextmanager
def _read(pipe: IO[bytes], take: Any) -> Iterator[None]:
    """Hands over each line; one who reads late must not stop the program."""

    def lines() -> None:
        for line in pipe:
            take(line.decode("utf-8", "replace"))

    thread = threading.Thread(target=lines, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=5)


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
