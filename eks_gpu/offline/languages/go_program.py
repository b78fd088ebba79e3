"""Go: a compiled program, or one that the Go on this machine compiles first. It needs no language host."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eks_gpu.io.problems import InputError
from eks_gpu.offline.languages.started import ORGANIZATION, PARALLEL, Ended, Start, environment, run, without_color
from eks_gpu.offline.project import BINARY

_BUILD_S = 1800
_FRAME = re.compile(r"^\s+(?P<file>/.*\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$")
_LAST_LINES = 15


def started(start: Start, log: list[tuple[str, str]]) -> Ended:
    """Runs the program, which is compiled first if nobody names a compiled one. Raises InputError where that fails or
    Go is missing, and TimeoutError.
    """
    env = environment(start) | {
        "PULUMI_PROJECT": start.project,
        "PULUMI_STACK": start.stack,
        "PULUMI_ORGANIZATION": ORGANIZATION,
        "PULUMI_ROOT_DIRECTORY": str(start.root),
        "PULUMI_DRY_RUN": json.dumps(start.dry_run),
        "PULUMI_PARALLEL": str(PARALLEL),
        "PULUMI_MONITOR": start.address,
        "PULUMI_ENGINE": start.address,
    }
    with tempfile.TemporaryDirectory(prefix="eks-gpu-") as scratch:
        named = start.options.get(BINARY)
        binary = start.root / str(named) if named else _built(start, Path(scratch) / "program")
        if not binary.is_file():
            raise InputError(f"{binary}: no such file; it is named as the compiled program")
        code, said = run([str(binary)], start, env)
    errors = [told for severity, told in log if severity == "error"]
    if code == 0 and not errors:
        sys.stderr.write(said)
        return Ended()
    problems = [*_problems("\n".join([*errors, said]), start)]
    return Ended(tuple(dict.fromkeys(problems)) or (f"the program ended itself with exit code {code}",))


def _built(start: Start, output: Path) -> Path:
    if shutil.which("go") is None:
        raise InputError(
            "go: not found on PATH; a project in Go is compiled to run offline: install Go, or name a compiled program "
            "with --program"
        )
    command = ["go", "build", "-o", str(output), "." if start.entry == "." else start.entry]
    try:
        made = subprocess.run(
            command, cwd=start.folder, env=dict(os.environ), capture_output=True, text=True, timeout=_BUILD_S
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"go build did not end within {_BUILD_S // 60} minutes") from None
    if made.returncode:
        told = [line for line in made.stderr.splitlines() if line.strip() and not line.startswith(("#", "go: down"))]
        raise InputError([line.removeprefix("./") for line in told[:_LAST_LINES]] or ["go build failed without a word"])
    return output


def _problems(said: str, start: Start) -> Iterator[str]:
    """Errors of the program, a line each; of a panic, what it says with the first line of the program's own."""
    lines = without_color(said).splitlines()
    if panic := next((line for line in lines if line.startswith("panic: ")), ""):
        frames = [found for line in lines if (found := _FRAME.match(line))]
        own = [found for found in frames if Path(found["file"]).is_relative_to(start.root)]
        place = f"{Path(own[0]['file']).relative_to(start.root)}:{own[0]['line']}: " if own else ""
        yield f"{place}{panic.removesuffix(' [recovered]')}"
        return
    for line in lines:
        told = line.strip().removeprefix("error: ").removeprefix("program failed: ").removeprefix("* ")
        if told and not re.match(r"^(an unhandled error occurred|\d+ errors? occurred:|exit status)", told):
            yield told
