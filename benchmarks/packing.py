"""`python -m benchmarks.packing [SEEDS]`: what Karpenter buys for so many mixes of a thousand pods, by default ten.

Each mix is replayed in a lab of its own, which takes 7 minutes; nothing else may use the lab meanwhile.
"""

import sys
from statistics import mean, stdev

from eks_gpu.lab import control_plane
from eks_gpu.lab.replays.kinds import load
from eks_gpu.lab.replays.packing import AS_IT_IS, NAIVE, Packing
from eks_gpu.lab.replays.result import Result

SEEDS = 10
RATIOS = ("cost_by_bound", "at_first_by_bound")


def replayed(seed: int) -> Result:
    """The scenario `packing` with another mix."""
    scenario = load("packing")
    assert isinstance(scenario, Packing)
    try:
        return scenario.model_copy(update={"seed": seed}).replay(control_plane.up(), "packing")
    finally:
        control_plane.down()


def distribution(values: list[float]) -> str:
    """`1.05 1.08 1.11, mean 1.08, deviation 0.02`: least, middle and most first."""
    ordered = sorted(values)
    spread = f", deviation {stdev(ordered):.3f}" if len(ordered) > 1 else ""
    return f"{ordered[0]:.3f} {ordered[len(ordered) // 2]:.3f} {ordered[-1]:.3f}, mean {mean(ordered):.3f}{spread}"


def main(seeds: int = SEEDS) -> int:
    """Prints a line a mix, then the distributions. Returns how many mixes had pods that did not run."""
    found: dict[tuple[str, str], list[float]] = {
        (program, ratio): [] for program in (AS_IT_IS, NAIVE) for ratio in RATIOS
    }
    waiting = 0
    for seed in range(1, seeds + 1):
        result = replayed(seed)
        for (program, ratio), values in found.items():
            values.append(result.measured[program][ratio])
        left = sum(len(result.measured[program]["not_running"]) for program in (AS_IT_IS, NAIVE))
        waiting += bool(left)
        shown = "  ".join(f"{values[-1]:.3f}" for values in found.values())
        print(f"seed {seed:2}: {shown}" + f"  {left} pods did not run" * bool(left), flush=True)
    for (program, ratio), values in found.items():
        print(f"{program}, {ratio}: {distribution(values)}")
    return waiting


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)))
