"""JavaScript and TypeScript: the runner of the program's own SDK, started as a language host starts it."""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eks_gpu.graph.unread import Unread, What
from eks_gpu.io.problems import InputError
from eks_gpu.offline.languages.started import ORGANIZATION, PARALLEL, Ended, Start, environment, run, without_color
from eks_gpu.offline.left_out import HOW, what_a_class_holds

_RUNNER = Path("node_modules/@pulumi/pulumi/cmd/run")
_WATCH = Path(__file__).with_name("watch.js")
_LOGGED = 32
"""Exit code of a program whose error is in the engine's log already."""
_LOCKS = {"yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "bun", "bun.lockb": "bun"}
_CHECK_TYPES = "PULUMI_NODEJS_TRANSPILE_ONLY"
_TYPE_ERROR = re.compile(r"^(?P<file>.+?)\((?P<line>\d+),\d+\): error (?P<told>TS\d+: .*)$")
_FRAME = re.compile(r"^\s+at (?:.*\()?(?:file://)?(?P<file>/[^()]*?):(?P<line>\d+):\d+\)?$")
_NO_MODULE = re.compile(r"Cannot find (?:module|package) '([^']+)'")
_HEAD = re.compile(r"^Running program '[^']*' failed with an unhandled exception:$")


def runner(folder: Path) -> Path:
    """The SDK's runner, found as Node.js finds a package. Raises InputError with the command that installs it."""
    for place in (folder, *folder.parents):
        if (found := place / _RUNNER).exists():
            return found
    home = next((place for place in (folder, *folder.parents) if (place / "package.json").exists()), None)
    if home is None:
        raise InputError("package.json: no such file; a nodejs project needs one: npm init, then npm install")
    needed = _wanted(home)
    install = f"{_manager(home)} install" if needed else f"{_manager(home)} install @pulumi/pulumi"
    why = "" if needed else ", and package.json does not name it"
    raise InputError(f"node_modules: @pulumi/pulumi is not installed{why}: run `{install}` in {home}")


def _wanted(home: Path) -> bool:
    try:
        read = json.loads((home / "package.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"package.json: is not JSON: {error}") from None
    return any("@pulumi/pulumi" in read.get(key, {}) for key in ("dependencies", "devDependencies"))


def _manager(home: Path) -> str:
    return next((name for lock, name in _LOCKS.items() if (home / lock).exists()), "npm")


def started(start: Start, log: list[tuple[str, str]]) -> Ended:
    """Runs the program. Raises InputError where Node.js or the SDK is missing, and TimeoutError."""
    if (node := shutil.which("node")) is None:
        raise InputError("node: not found on PATH; a nodejs project needs Node.js 20 or newer to run offline")
    typescript = start.options.get("typescript") is not False
    transpile_only = os.environ.get(_CHECK_TYPES) != "false"
    env = environment(start) | {
        "PULUMI_NODEJS_TYPESCRIPT": json.dumps(typescript),
        _CHECK_TYPES: json.dumps(transpile_only),
    }
    if tsconfig := start.options.get("tsconfig"):
        env["PULUMI_NODEJS_TSCONFIG_PATH"] = str(tsconfig)
    with tempfile.TemporaryDirectory(prefix="eks-gpu-") as scratch:
        told = Path(scratch) / "told.json"
        env |= {
            "EKS_GPU_TOLD": str(told),
            "EKS_GPU_ROOT": str(start.root),
            "EKS_GPU_OFFLINE": json.dumps(start.offline),
        }
        env["NODE_OPTIONS"] = f'{os.environ.get("NODE_OPTIONS", "")} --require="{_escaped(_WATCH)}"'.strip()
        command = [
            *(node, *str(start.options.get("nodeargs") or "").split(), str(runner(start.folder))),
            *("--monitor", start.address, "--engine", start.address, "--project", start.project),
            *("--stack", start.stack, "--organization", ORGANIZATION, "--root-directory", str(start.root)),
            *(
                "--pwd",
                str(start.folder),
                "--parallel",
                str(PARALLEL),
                *(["--dry-run"] if start.dry_run else []),
                start.entry,
            ),
        ]
        code, said = run(command, start, env)
        watched = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    read = frozenset(watched.get("read", ()))
    sys.stderr.write(said if code in (0, _LOGGED) or not _is_error(said) else "")
    errors = [told for severity, told in log if severity == "error"]
    if code == 0 and not errors:
        return Ended(
            read=read,
            notes=_notes(start, typescript and transpile_only),
            warnings=tuple(_stopped(*each) for each in watched["stopped"]),
            left_out=tuple(row for each in watched["left"] for row in _left_out(*each)),
            waited=tuple((each["type"], each["name"], each["output"]) for each in watched["waited"]),
        )
    why = problems(errors[0], start) if errors else [*_of_stderr(said, start)] if _is_error(said) else []
    return Ended(tuple(why) or (f"the program ended itself with exit code {code}",), read)


def _stopped(place: str, what: str, value: str | None) -> str:
    of = f" ({value})" if value else ""
    return (
        f"{place}: {what} inside an apply was stopped: a plan changes nothing, and the value is a stand-in{of}. What "
        "the callback returns is unknown here. To do it in an update only, ask `if (!pulumi.runtime.isDryRun())` first"
    )


def _left_out(place: str, value: str, function: str) -> Iterator[Unread]:
    """What a callback would have registered, by the classes that its text names."""
    held: dict[What, list[str]] = {}
    for name in re.findall(r"\bnew\s+(?:\w+\.)*([A-Z]\w*)\s*\(", function):
        if what := what_a_class_holds(name):
            held.setdefault(what, []).append(name)
    waits_for = f" ({value})" if value else ""
    for what, names in held.items():
        why = f"it registers {' and '.join(sorted(set(names)))}, and does not run: nobody knows what it waits for"
        yield Unread(f"{place}: apply{waits_for}", what, why, HOW)


def _is_error(said: str) -> bool:
    """Whether stderr has an end of Node.js or of the SDK, and not the program's words alone."""
    return bool(re.search(r"^\s+at |^Here's what we think went wrong:", without_color(said), re.MULTILINE))


def _escaped(file: Path) -> str:
    return str(file).replace("\\", "\\\\").replace('"', '\\"')


def _notes(start: Start, unchecked: bool) -> tuple[str, ...]:
    if not unchecked or not _is_typescript(start):
        return ()
    return (
        "types were not checked, for speed: TypeScript passes a misspelt property on, and the SDK drops it; "
        f"{_CHECK_TYPES}=false checks them, as pulumi up does",
    )


def _is_typescript(start: Start) -> bool:
    """Whether the program is read as TypeScript without its types."""
    if start.entry != ".":
        return start.entry.endswith((".ts", ".mts", ".cts"))
    try:
        package: Any = json.loads((start.folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        package = {}
    if package.get("type") == "module":  # the loader of ES modules checks types whatever the SDK says
        return False
    main = package.get("main")
    if isinstance(main, str) and (start.folder / main).is_file():
        return main.endswith((".ts", ".mts", ".cts"))
    return not (start.folder / "index.js").exists()


def problems(told: str, start: Start) -> list[str]:
    """An error of the program as lines for its user, each with the place of the program's own."""
    lines = [line for line in without_color(told).strip().splitlines() if not _HEAD.match(line)]
    if types := [*_type_errors(lines)]:
        return types
    first = next((number for number, line in enumerate(lines) if re.match(r"^\s+at ", line)), len(lines))
    place = next((place for line in lines[first:] if (place := _own(line, start))), "")
    message = [line.strip() for line in lines[:first] if line.strip()]
    if message and "Missing required configuration variable" in message[0]:
        message = message[:1]
    if missing := _NO_MODULE.search(" ".join(message)):
        own = missing[1].startswith((".", "/"))
        how = "" if own else f"; `{_manager(start.folder)} install` gets what package.json names"
        return [f"{place}Cannot find module '{missing[1]}'{how}"]
    if message and 'Unknown file extension ".ts"' in message[0]:
        how = f"`{_manager(start.folder)} install --save-dev ts-node`"
        return [f"{place}an ES module in TypeScript needs ts-node 10 in the project: {how}"]
    return [f"{place}{'; '.join(message)}"] if message else []


def _type_errors(lines: list[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if wrong := _TYPE_ERROR.match(line):
            found.append(f"{wrong['file']}:{wrong['line']}: {wrong['told']}")
        elif found and line.startswith("  ") and not re.match(r"^\s+(at |diagnostic)", line):
            found[-1] += f" {line.strip()}"
    return found


def _own(line: str, start: Start) -> str:
    frame = _FRAME.match(line)
    if not frame:
        return ""
    file = Path(frame["file"])
    own = file.is_relative_to(start.root) and "node_modules" not in file.parts
    return f"{file.relative_to(start.root)}:{frame['line']}: " if own else ""


def _of_stderr(said: str, start: Start) -> list[str]:
    """What Node.js itself says, or the SDK before the program runs."""
    lines = [line for line in without_color(said).splitlines() if line.strip() and not line.startswith("Node.js v")]
    if any(re.match(r"^\s+at ", line) for line in lines):
        from_error = next((n for n, line in enumerate(lines) if re.match(r"^\w*Error\b", line)), 0)
        return problems("\n".join(lines[from_error:]), start)
    return ["; ".join(line.strip().removeprefix("* ") for line in lines)]
