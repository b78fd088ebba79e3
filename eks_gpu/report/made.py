"""What a page was made from, and with: the commit of the project's checkout, and this tool."""

import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PLANNED = "Planned offline by `eks-gpu plan`: the program ran, and nothing was created."

READ = "Read by `eks-gpu {} --cluster`: nothing was changed."
TOLD = "Judged by `eks-gpu check` from what Pulumi told: the program did not run, and nothing was created."


@dataclass(frozen=True)
class Made:
    """Of one page."""

    how: str = PLANNED
    """A sentence for its foot; what stands between backticks is a command."""
    commit: str = ""
    """Commit of the program, `, modified` where a file that git tracks differs from it; empty where none is known."""
    seen: str = ""
    """Where and when a running cluster was read; empty for a program."""

    @property
    def tool(self) -> str:
        """`eks-gpu 0.1.0`."""
        return f"eks-gpu {version('eks-gpu-components')}"


def commit_of(folder: Path) -> str:
    """`1a2b3c4d5e6f`, or `1a2b3c4d5e6f, modified`; empty outside a checkout, without a commit, and without git."""
    # No lock is taken, and no watcher that the checkout's own configuration names is started.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "describe", "--always", "--dirty"]
    command += ["--abbrev=12", "--exclude", "*"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, env=quiet, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    commit, _, dirty = ran.stdout.strip().partition("-")
    return f"{commit}, modified" if dirty else commit
