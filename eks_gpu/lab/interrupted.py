"""What a killed Pulumi engine leaves behind: its lock, its providers, and resources that it was creating."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from eks_gpu.lab.aws.table import TABLE
from eks_gpu.lab.processes import Process

ENGINE = "pulumi"
_CLOCK_S = 1.0
"""How far the engine's clock and the system's word on its start may differ."""


@dataclass(frozen=True)
class Lock:
    """Who changes a stack, or did. Source: Pulumi 3.259, file backend."""

    pid: int
    since: datetime

    @property
    def held(self) -> bool:
        """Whether that engine is at work still. A process that got its pid later is another."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and process.name() == ENGINE
            return alive and process.create_time() <= self.since.timestamp() + _CLOCK_S
        except psutil.NoSuchProcess:
            return False


def has_stack(backend: Path, project: str, stack: str) -> bool:
    """Whether a file backend has it."""
    return (backend / ".pulumi" / "stacks" / project / f"{stack}.json").exists()


def mend(backend: Path, project: str, stack: str) -> None:
    """Takes away what a killed engine has half written beside a stack's files: they are whole, and enough.

    Each has another one, `.attrs`, which tells its kind and is not written in one go; of half of one the engine says
    `EOF`.
    """
    kept = backend / ".pulumi"
    for folder in (kept / "stacks" / project, kept / "locks" / "organization" / project / stack):
        for file in folder.glob("*.attrs"):
            try:
                json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                file.unlink(missing_ok=True)
            except FileNotFoundError:  # given back in this moment
                continue


def locks(backend: Path, project: str, stack: str) -> list[Lock]:
    """Those on a stack of a file backend."""
    found = list[Lock]()
    for file in (backend / ".pulumi" / "locks" / "organization" / project / stack).glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # given back in this moment
            told = json.loads(file.read_text(encoding="utf-8"))
            found.append(Lock(told["pid"], datetime.fromisoformat(told["timestamp"])))
    return found


def orphans(lab: Path, project: str = "") -> list[Process]:
    """Providers whose engine was killed, of one project or of all in the lab: they never end of themselves."""
    return [
        Process(f"{process.name()} {process.pid}", process.pid, process.create_time(), "")
        for process in psutil.process_iter()
        if _is_orphan(process, lab, project)
    ]


def _is_orphan(process: psutil.Process, lab: Path, project: str) -> bool:
    try:
        told = process.environ()
        home, of = told.get("PULUMI_HOME", ""), told.get("PULUMI_PROJECT")  # which the engine says to providers alone
        ours = Path(home).is_relative_to(lab) and bool(of) and project in ("", of)
        return ours and all(each.name() != ENGINE for each in (process, *process.parents()))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


@dataclass(frozen=True)
class Settled:
    """A state without operations that nobody ended."""

    deployment: dict[str, Any]
    """For `import_stack`."""
    asked: tuple[str, ...]
    """URNs of what was being made and has an id that its inputs tell: counted as made, for a refresh to find out."""
    unknown: tuple[str, ...]
    """URNs of what was being made and gets its id from AWS: if it is there, nobody can say which it is."""


def settled(deployment: Mapping[str, Any]) -> Settled:
    """Changes and deletions need nothing: their resources are in the state, and a refresh asks for them."""
    resources = list(deployment.get("resources") or [])
    there = {resource["urn"] for resource in resources}
    asked, unknown = list[str](), list[str]()
    for operation in deployment.get("pending_operations") or []:
        resource = operation["resource"]
        if operation["type"] != "creating":
            continue
        id_ = known_id(resource["type"], resource.get("inputs") or {})
        if id_ is None or resource["urn"] in there:  # the one that it replaces
            unknown.append(resource["urn"])
        else:
            asked.append(resource["urn"])
            resources.append({**resource, "id": id_})
    without = {key: value for key, value in deployment.items() if key != "pending_operations"}
    return Settled({**without, "resources": resources}, tuple(asked), tuple(unknown))


def known_id(token: str, inputs: Mapping[str, Any]) -> str | None:
    """The id that a resource with these inputs has, once it is made; None where AWS chooses it."""
    if token in TABLE:
        template = TABLE[token].id
        return template.format_map(defaultdict(str, inputs)) if "{" in template else None
    if not token.startswith("kubernetes:"):
        return None
    metadata = inputs.get("metadata") or inputs  # a Helm release has no metadata
    parts = [metadata.get("namespace"), metadata.get("name")]
    return "/".join(filter(None, parts)) if parts[1] else None


def names(urns: Iterable[str]) -> Iterator[str]:
    """`aws:iam/role:Role node` of a URN."""
    for urn in urns:
        kind, name = urn.split("::", 3)[2:]
        yield f"{kind.rpartition('$')[2]} {name}"
