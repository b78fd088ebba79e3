"""The existing scenarios, and the kind of each."""

from pathlib import Path

from eks_gpu.io.documents import read_map
from eks_gpu.io.problems import InputError
from eks_gpu.lab.replays.admission import Admission
from eks_gpu.lab.replays.four_backs import FourBacks
from eks_gpu.lab.replays.gangs import Gangs
from eks_gpu.lab.replays.packing import Packing
from eks_gpu.lab.replays.scenario import Scenario
from eks_gpu.lab.replays.steps import Steps
from eks_gpu_components.catalog.nearest import hint, hint_or_all
from eks_gpu_components.values.value import BadInput, check

SCENARIOS = Path(__file__).parent.parent / "scenarios"
KINDS: dict[str, type[Scenario]] = {
    "admission": Admission,
    "four-backs": FourBacks,
    "gangs": Gangs,
    "packing": Packing,
    "steps": Steps,
}


def scenarios() -> list[str]:
    """The names of all."""
    return sorted(file.stem for file in SCENARIOS.glob("*.yaml"))


def load(name: str) -> Scenario:
    """Raises InputError for a name without a file, and for a file with mistakes."""
    file = SCENARIOS / f"{name}.yaml"
    if name not in scenarios():
        raise InputError(f"SCENARIO: no scenario is named {name}{hint_or_all(name, scenarios())}")
    given = read_map(file)
    kind = given.get("kind", "")
    if kind not in KINDS:
        raise InputError(f"{file.name}: kind must be one of {', '.join(KINDS)}, got {kind}{hint(kind, KINDS)}")
    try:
        return check(KINDS[kind], given)
    except BadInput as problem:
        raise InputError(f"{file.name}: {problem}") from None
