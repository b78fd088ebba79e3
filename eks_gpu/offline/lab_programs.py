"""Programs that a plan asks for: of PATH, or as the lab's toolchain has built them."""

import os
import shutil
from pathlib import Path


def program(name: str, group: str) -> str | None:
    """The program of PATH, else the newest that the toolchain built in that group; None where there is neither."""
    if found := shutil.which(name):
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eks-gpu" / "lab"
    built = sorted(cache.glob(f"{group}-*/bin/{name}"), key=lambda file: file.stat().st_mtime)
    return str(built[-1]) if built else None
