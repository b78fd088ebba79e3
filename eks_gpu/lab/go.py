"""The Go command: is it there, what it builds, where a module lies. Checksums are always verified."""

import os
import shutil
import subprocess
from pathlib import Path

from eks_gpu.io.problems import InputError
from eks_gpu.lab.toolset import Version, parse_version

LAST_LINES = 15
"""How much of a failed build's output an error shows."""

# Each would take a module unseen that go.sum or the checksum database could have refused.
UNVERIFIED = ("GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "GOPRIVATE", "GOFLAGS", "GOSUMDB", "GOWORK")


class ToolProblem(InputError):
    """A tool cannot be had on this machine. The message says what is missing and what to do."""


def environment() -> dict[str, str]:
    """For every `go`: modules exactly as go.sum has them, and the Go that is installed."""
    kept = {name: value for name, value in os.environ.items() if name not in UNVERIFIED}
    return kept | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def require_go(wanted: Version) -> None:
    """Raises ToolProblem when Go is missing or older than `wanted`."""
    need = ".".join(map(str, wanted))
    if shutil.which("go") is None:
        raise ToolProblem(f"the lab's tools are built with Go {need} or newer, and there is no `go` on PATH")
    answer = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, env=environment(), cwd="/")
    found = parse_version(answer.stdout) or parse_version(f"{answer.stdout.strip()}.0")
    if found is None or found < wanted:
        told = answer.stdout.strip() or answer.stderr.strip()
        raise ToolProblem(f"the lab's tools are built with Go {need} or newer, and {shutil.which('go')} is {told}")


def caches() -> list[Path]:
    """The folders that a build fills: compiled packages and modules."""
    answer = _ask(["env", "GOCACHE", "GOMODCACHE"], Path("/"))
    return [Path(line) for line in answer.splitlines()]


def module_folder(folder: Path, module: str) -> Path:
    """Where the module's source lies, downloaded if need be, in the version of the go.mod in `folder`."""
    _ask(["mod", "download", module], folder)
    return Path(_ask(["list", "-m", "-f", "{{.Dir}}", module], folder).strip())


def start(arguments: list[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """`go` at work, its output going to `log`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            ["go", *arguments], cwd=folder, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )


def failure(what: str, log: Path) -> ToolProblem:
    """The end of what a failed build printed, and where the rest is."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if not line.startswith("go: downloading ")][-LAST_LINES:]
    return ToolProblem("\n".join([f"{what} could not be built; {log} ends with:", *(f"  {line}" for line in told)]))


def _ask(arguments: list[str], folder: Path) -> str:
    answer = subprocess.run(["go", *arguments], cwd=folder, env=environment(), capture_output=True, text=True)
    if answer.returncode:
        raise ToolProblem(f"go {' '.join(arguments)} failed in {folder}: {answer.stderr.strip()}")
    return answer.stdout
