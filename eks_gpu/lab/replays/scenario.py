"""Scenarios: what is replayed in the lab, and the result that is expected. Each is a YAML file."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from eks_gpu.io.problems import InputError
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from eks_gpu_components.values.value import Value

CHECKOUT = Path(__file__).resolve().parents[3]


class Scenario(Value):
    """What every scenario says. Each kind has fields of its own, and its own way to be replayed."""

    about: str
    """One sentence for the reader of the result."""
    minutes: float = Field(gt=0)
    """About how long it takes on two cores that do nothing else."""
    further: tuple[str, ...] = ()
    """Programs that it needs beyond those that every lab has, and that are built at its first replay."""
    long: bool = False
    """Whether `make e2e` leaves it out and `make replays` runs it: it waits for clocks that nothing makes faster."""

    @abstractmethod
    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        """In a lab that is empty, and is afterwards. Raises LabProblem when a program does not come up, or not go."""

    def differs_from_program(self) -> Mapping[str, str]:
        """What is not as the program has it, for one reason: nobody waits that long."""
        return {}


def project_folder(project: str) -> Path:
    """Of a project in the checkout. Raises InputError where it is not to be had."""
    folder = CHECKOUT / project
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; scenarios replay projects of a checkout")
    return folder


def refuse_a_lab_in_use(lab: Lab) -> None:
    """Raises InputError."""
    if status(lab).nodes:
        raise InputError("the lab has nodes already, which a replay would count: `eks-gpu lab destroy` first")
