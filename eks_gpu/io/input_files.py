"""The text of a file, of stdin or of a device, up to a limit, and without waiting for a pipe that has no writer."""

import os
import stat
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from eks_gpu.io.problems import InputError

STDIN = Path("-")
MAX_BYTES = 5 * 2**20
"""Size of a file that a person writes."""
MAX_DEPTH = 64
"""Maps and lists inside each other, in YAML and in JSON."""

_CHUNK = 2**20
_HANDED_OVER = ("/dev/stdin", "/dev/fd/")
"""Where the shell puts what it opened itself, such as `<(kubectl get pods -o yaml)`."""


def read_text(file: Path, name: str, *, most: int = MAX_BYTES, kind: str = "YAML") -> str:
    """The file's text without a byte order mark; `-` is stdin.

    Raises InputError, which calls the file `name`, for what cannot be read, is too large or is not UTF-8.
    """
    data = bytearray()
    try:
        with _opened(file, name) as opened:
            while chunk := opened.read(_CHUNK):
                data += chunk
                if len(data) > most:
                    raise InputError(f"{name}: must have at most {most // 2**20} MiB")
                if 0 in chunk:  # no text has it, and /dev/zero has nothing else
                    break
    except (OSError, ValueError) as error:  # ValueError: a NUL in the file's name
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        wrong = data.find(0)
        if wrong < 0:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = error.start
    line = data.count(b"\n", 0, wrong) + 1
    raise InputError(f"{name}:{line}: not valid {kind}: must be UTF-8, got byte {data[wrong]:#04x}")


def _opened(file: Path, name: str) -> AbstractContextManager[BinaryIO]:
    """A named pipe without a writer would be waited for without end, so no pipe is read but one that is handed over."""
    if file == STDIN:
        if sys.stdin is None:
            raise InputError(f"{name}: cannot be read: stdin is closed")
        return nullcontext(sys.stdin.buffer)
    opened = open(file, "rb", opener=_without_waiting)  # noqa: SIM115 - a Path takes no opener; the caller closes it
    if str(file).startswith(_HANDED_OVER):
        os.set_blocking(opened.fileno(), True)
    elif stat.S_ISFIFO(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise InputError(f"{name}: cannot be read: it is a pipe; give - and write into the command")
    return opened


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
