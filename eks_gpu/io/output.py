"""The destination of an answer: a file, which is written whole or not at all, or stdout for `-`."""

import json
import math
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eks_gpu.io.problems import InputError

STDOUT = Path("-")


def write_json(file: Path | None, answer: Any) -> None:
    """Nowhere for None. Raises InputError for a file that cannot be written, and for a number that JSON has no word
    for.
    """
    if not file:
        return
    try:
        text = json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        found = _no_numbers(answer)
        raise InputError(f"{where}: must be a finite number, got {value}" for where, value in found) from None
    write(file, text + "\n")


def _no_numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _no_numbers(item, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _no_numbers(item, f"{path}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value


def write(file: Path, text: str) -> None:
    """Raises InputError for a file that cannot be written; what was there before is then still there."""
    data = text.encode("utf-8", "backslashreplace")  # a lone half of a pair: as JSON writes it
    try:
        if file == STDOUT:
            _to_stdout(data)
        elif file.exists() and not stat.S_ISREG(file.stat().st_mode):  # a device or a pipe has nothing to lose
            file.write_bytes(data)
        else:
            _replace(file.resolve(), data)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def _to_stdout(data: bytes) -> None:
    if sys.stdout is None:
        raise InputError(f"{STDOUT}: cannot be written: stdout is closed")
    sys.stdout.write(data.decode("utf-8"))
    sys.stdout.flush()


def _replace(file: Path, data: bytes) -> None:
    """Beside the file first: a full disk or a kill leaves the old one."""
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.", suffix=".unfinished")
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(number)
        unfinished.chmod(stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o666 & ~_umask())
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """There is no way to ask for it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def stdout_kept() -> Iterator[None]:
    """While it is open, what Python and the programs that it starts write to stdout goes to stderr."""
    before = sys.stdout
    kept = _to_stderr()
    try:
        yield
    finally:
        _flush()
        sys.stdout = before
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def end_stdout() -> None:
    """Everything that is still to come goes to stderr: what a program does at its exit is no part of the answer.

    Raises OSError where stdout does not take what was written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    kept = _to_stderr()
    if kept is not None:
        os.close(kept)


def _to_stderr() -> int | None:
    """The old stdout; None where it is closed, so that nothing can go there."""
    _flush()
    sys.stdout = sys.stderr
    try:
        kept = os.dup(1)
    except OSError:
        return None
    with suppress(OSError):  # stderr is closed: what is printed is lost with it
        os.dup2(2, 1)
    return kept


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
