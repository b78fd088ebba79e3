"""Whether a check sees what an operator broke."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eks_gpu.io.problems import InputError

from .edits import Mutant, Operator
from .programs import Program

REFUSED = "wrong input"


@dataclass(frozen=True)
class Outcome:
    """One mutant, and the checks that fail of it and not of the healthy plan; empty for a survivor."""

    mutant: Mutant
    caught_by: tuple[str, ...]


def judged(mutant: Mutant) -> Outcome:
    """Analyse a broken graph. A plan that is refused is caught too."""
    before = {(found.id, found.subject) for found in mutant.program.analysis.findings if found.failed}
    try:
        found = mutant.program.analysed(mutant.graph).findings
    except InputError:
        return Outcome(mutant, (REFUSED,))
    failing = [one.id for one in found if one.failed and (one.id, one.subject) not in before]
    return Outcome(mutant, tuple(dict.fromkeys(failing)))


def mutants(programs: Iterable[Program], operators: Sequence[Operator]) -> Iterator[Mutant]:
    """Every operator at every place of every program."""
    for program in programs:
        for operator in operators:
            yield from operator.mutants(program)
