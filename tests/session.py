"""One test session: a folder that all its processes share, and what only the first of them makes."""

import atexit
import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
FOLDER = "EKS_GPU_TEST_SESSION"
"""Environment variable with the folder, for the processes that the first one starts."""


def begin() -> None:
    """The next call of `session` makes a folder, whatever session has started this process."""
    os.environ.pop(FOLDER, None)


def session(furnish: Callable[[Path], None]) -> Path:
    """The session's folder. The first process that asks makes and furnishes it, and takes it away when it ends."""
    if FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="eks-gpu-tests-")).resolve()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        furnish(folder)
        os.environ[FOLDER] = str(folder)
    return Path(os.environ[FOLDER])


def once(name: str, make: Callable[[], T]) -> T:
    """What the first process of the session that asks for this name makes; the others get a copy."""
    file = Path(os.environ[FOLDER]) / f"{name.replace('/', '-')}.pickle"
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            made = make()
            unfinished = file.with_suffix(".unfinished")
            unfinished.write_bytes(pickle.dumps(made))
            unfinished.replace(file)
            return made
    return pickle.loads(file.read_bytes())
