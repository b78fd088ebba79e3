"""`python -m mutants`: the score, that of each family of operators, and every survivor with its reason. Exit code 1
under the floor, or for one without.

`--list` prints every mutant with the checks that catch it.
"""

import sys
import time
from collections.abc import Sequence

from .accepted import ACCEPTED
from .judge import Outcome, judged, mutants
from .operators import FAMILIES, OPERATORS
from .programs import programs

FLOOR = 0.97
OPEN = {"api-address-is-given"}
"""Checks that the committed stacks leave to whoever brings them up."""


def main(arguments: Sequence[str]) -> int:
    """Breaks every program in every way."""
    start = time.perf_counter()
    broken = programs()
    for program in broken:
        if sick := [found.id for found in program.analysis.findings if found.failed and found.id not in OPEN]:
            print(f"{program} is not healthy to begin with: {', '.join(sick)}")
            return 1
    outcomes = [judged(mutant) for mutant in mutants(broken, OPERATORS)]
    if "--list" in arguments:
        for outcome in outcomes:
            print(f"{outcome.mutant}: {', '.join(outcome.caught_by) or 'survives'}")
    return 0 if report(outcomes, len(broken), time.perf_counter() - start) else 1


def report(outcomes: Sequence[Outcome], programs_broken: int, seconds: float) -> bool:
    """Prints the score; whether it is good enough."""
    survivors = [outcome.mutant for outcome in outcomes if not outcome.caught_by]
    score = 1 - len(survivors) / len(outcomes)
    checks = {id_ for outcome in outcomes for id_ in outcome.caught_by}
    print(
        f"{len(outcomes)} mutants by {len(OPERATORS)} operators over {programs_broken} programs, "
        f"{len(outcomes) - len(survivors)} caught by {len(checks)} checks: {score:.1%}, in {seconds:.0f} s"
    )
    for family, operators in FAMILIES.items():
        names = {operator.name for operator in operators}
        of_family = [outcome for outcome in outcomes if outcome.mutant.operator in names]
        if of_family:
            seen = sum(bool(outcome.caught_by) for outcome in of_family)
            print(f"  {family}: {seen} of {len(of_family)} caught, {seen / len(of_family):.1%}")
    for mutant in survivors:
        print(f"survives: {mutant}\n  {ACCEPTED.get(mutant.operator, 'NOBODY HAS SAID WHY')}")
    unexplained = {mutant.operator for mutant in survivors} - ACCEPTED.keys()
    return score >= FLOOR and not unexplained


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
