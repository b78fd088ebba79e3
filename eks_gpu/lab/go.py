"""The Go command: is it there, what it builds, where a module lies. Checksums are always verified."""

import os
import re
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


def environment(folder: Path) -> dict[str, str]:
    """The environment of `go` in a folder: modules exactly as go.sum has them, and the Go that is installed.

    A newer Go takes its place only where the folder's go.mod has a `toolchain` line: Go fetches that one as a module,
    which the checksum database must know.
    """
    kept = {name: value for name, value in os.environ.items() if name not in UNVERIFIED}
    toolchain = "auto" if named_toolchain(folder) else "local"
    return kept | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": toolchain, "GOWORK": "off"}


def named_toolchain(folder: Path) -> str | None:
    """The Go, as go1.26.11, that a folder's programs are built with if the installed one is older; None without a line
    `toolchain` in its go.mod.
    """
    go_mod = folder / "go.mod"
    text = go_mod.read_text(encoding="utf-8") if go_mod.exists() else ""
    found = re.search(r"^toolchain (\S+)$", text, re.MULTILINE)
    return found[1] if found else None


def require_go(wanted: Version, folder: Path) -> None:
    """Raises ToolProblem when Go is missing or older than `wanted`, and no newer one that the go.mod in `folder` names
    can be fetched.
    """
    need = ".".join(map(str, wanted))
    if shutil.which("go") is None:
        raise ToolProblem(f"the lab's tools are built with Go {need} or newer, and there is no `go` on PATH")
    answer = subprocess.run(
        ["go", "env", "GOVERSION"], capture_output=True, text=True, env=environment(folder), cwd=folder
    )
    found = parse_version(answer.stdout) or parse_version(f"{answer.stdout.strip()}.0")
    if found is None or found < wanted:
        told = answer.stdout.strip() or _told(answer.stderr)
        if named := named_toolchain(folder):
            raise ToolProblem(
                f"{folder.name} is built with Go {need} or newer, {shutil.which('go')} is older, and {named} could not "
                f"be fetched in its place: install Go {need} or newer, or let `go` reach the module proxy and the "
                f"checksum database; it said: {told}"
            )
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
            ["go", *arguments], cwd=folder, env=environment(folder), stdout=output, stderr=subprocess.STDOUT
        )


def failure(what: str, log: Path) -> ToolProblem:
    """The end of what a failed build printed, and where the rest is."""
    told = _told(log.read_text(encoding="utf-8", errors="replace")).splitlines()[-LAST_LINES:]
    return ToolProblem("\n".join([f"{what} could not be built; {log} ends with:", *(f"  {line}" for line in told)]))


def _told(output: str) -> str:
    """What `go` printed, without the list of what it downloaded."""
    return "\n".join(line for line in output.strip().splitlines() if not line.startswith("go: downloading "))


def _ask(arguments: list[str], folder: Path) -> str:
    answer = subprocess.run(["go", *arguments], cwd=folder, env=environment(folder), capture_output=True, text=True)
    if answer.returncode:
        raise ToolProblem(f"go {' '.join(arguments)} failed in {folder}: {answer.stderr.strip()}")
    return answer.stdout
