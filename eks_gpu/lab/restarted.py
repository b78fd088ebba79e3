"""A program that is started again whenever it ends, as kubelet does it with a container:
`python -m eks_gpu.lab.restarted PROGRAM ARGUMENT...`.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

FIRST_S, LONGEST_S = 10.0, 300.0
"""Wait before a restart: at first, and at most; each is twice the one before.

Source: Kubernetes documentation, Pod Lifecycle, "Container restarts".
"""
CALM_S = 600.0
"""A program that ran for so long is started again as if it had never failed."""


def main(
    command: Sequence[str], clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep
) -> None:
    """Goes on until it is ended, and its program with it: both are of one process group."""
    pause = FIRST_S
    while True:
        started = clock()
        code = subprocess.call(command)
        pause = FIRST_S if clock() - started >= CALM_S else pause
        print(f"{Path(command[0]).name} has ended with {code} and starts again in {pause:g} s", flush=True)
        wait(pause)
        pause = min(2 * pause, LONGEST_S)


if __name__ == "__main__":
    main(sys.argv[1:])
