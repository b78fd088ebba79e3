"""The running lab, as a file: its addresses and folders, and the processes that belong to it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from eks_gpu.lab import processes
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.processes import Process


def lab_folder() -> Path:
    """Where the lab that is up has its data: $XDG_STATE_HOME/eks-gpu/lab."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "eks-gpu" / "lab"


@dataclass(frozen=True)
class Lab:
    """A lab that is up, or coming up."""

    folder: Path
    region: str
    token: str
    """Lets its bearer do everything in the cluster; another one each time."""
    server: str
    """URL of the API server."""
    aws_endpoint: str
    """URL of moto: for AWS_ENDPOINT_URL."""
    ports: Mapping[str, int]
    """By the name of who listens, or will."""
    account: str = "used"
    """Whose quotas count: `new` or `used`."""
    ready: bool = False
    processes: tuple[Process, ...] = ()
    """In the order of their start."""

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def outages(self) -> Path:
        """A list of [type, zone]: what EC2 is out of."""
        return self.folder / "outages.json"

    @property
    def reservations(self) -> Path:
        """The capacity reservations that EC2 has."""
        return self.folder / "reservations.json"

    @property
    def quotas(self) -> Path:
        """vCPUs by quota's code, which count in place of the account's."""
        return self.folder / "quotas.json"

    @property
    def refused(self) -> Path:
        """Codes of quotas that refused a launch, a line for each launch."""
        return self.folder / "refused-launches"

    @property
    def closed(self) -> Path:
        """Names of the clusters whose API is reached from inside their VPC alone, a line each."""
        return self.folder / "closed-endpoints"

    @property
    def certificate(self) -> Path:
        """What the API server, scheduler and controller manager show, with the authority that signed it."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def key(self) -> Path:
        return self.certificate.with_suffix(".key")

    @property
    def front_proxy(self) -> Path:
        """Folder of the certificate by which aggregated APIs know the API server."""
        return self.folder / "front-proxy"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def now(self) -> "Lab | None":
        """This lab as its file says by now; None once it is down."""
        return _read(self.folder)

    def ended(self) -> list[Process]:
        """Those that should be at work and are not."""
        return [process for process in self.processes if not processes.running(process)]

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Self:
        """Starts a process that belongs to the lab; the lab with it. Raises LabProblem.

        One of this name that runs already is ended: a command was killed before it noted what it had started.
        """
        self.log(name).parent.mkdir(exist_ok=True)
        with alone(self.folder):  # another command may have added one since this lab was read
            known = self.now()
            found = known.processes if known else self.processes
            processes.end([process for process in found if process.name == name])
            others = [process for process in found if process.name != name]
            started = processes.start(name, command, self.log(name), environment)
            lab = replace(self, processes=(*others, started))
            lab.save()
        return lab

    def save(self) -> None:
        """Writes the file whole or not at all, for nobody else to read."""
        unfinished = self.folder / ".state.json"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**asdict(self), "folder": str(self.folder)}, file, indent=2)
        unfinished.replace(self.folder / "state.json")


def find_lab() -> Lab:
    """The lab that is up. Raises LabProblem when none is, and for one that never came up or lost a process."""
    lab = _read(lab_folder())
    if lab is None or not lab.ready:
        raise LabProblem("no lab is up: eks-gpu lab up")
    if lost := lost_processes(lab):
        raise LabProblem(f"{lost}\n`eks-gpu lab down`, then `eks-gpu lab up`, gives a new one")
    return lab


def recorded_lab() -> Lab | None:
    """Whatever lab has left a file, in whichever state it is."""
    return _read(lab_folder())


def lost_processes(lab: Lab) -> str:
    """What ended of itself, each with the end of its log; empty when all are at work."""
    return "\n".join(
        f"{process.name} (pid {process.pid}) has ended; {processes.ending(process)}" for process in lab.ended()
    )


@contextlib.contextmanager
def alone(folder: Path, otherwise: str = "") -> Iterator[None]:
    """Alone among all who name this folder. Waits, or raises LabProblem with the text `otherwise`."""
    handle = os.open(folder, os.O_RDONLY)  # a folder can be locked itself, and no file is left over
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if otherwise else 0))
        yield
    except BlockingIOError:
        raise LabProblem(otherwise) from None
    finally:
        os.close(handle)


def _read(folder: Path) -> Lab | None:
    try:
        known = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return Lab(
            **{
                **known,
                "folder": Path(known["folder"]),
                "processes": tuple(Process(**process) for process in known["processes"]),
            }
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise LabProblem(f"{folder / 'state.json'} cannot be read ({error}): end its processes and remove it") from None
