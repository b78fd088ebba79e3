"""Resolve requirements.txt and requirements/*.txt anew from pyproject.toml: pins with hashes and without an index.

    python tools/lock.py [--upgrade]

Needs `uv` (`pip install uv`), which resolves for every platform at once.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = {
    "requirements.txt": [],  # what `pulumi up` needs
    "requirements/plan.txt": ["--extra", "plan", "--extra", "report"],  # what `eks-gpu plan` needs, its page too
    "requirements/prices.txt": ["--extra", "plan", "--extra", "prices"],  # what `eks-gpu prices refresh` needs
    "requirements/live.txt": ["--extra", "live"],  # what reads a running cluster, and its account
    "requirements/policy.txt": ["--extra", "policy"],  # the policy pack, in an environment of its own
    "requirements/test.txt": ["--extra", "test"],
}
APART = {"requirements/policy.txt", "requirements/test.txt"}
"""Locks that decide their versions themselves; the others share the widest's."""
OPTIONS = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--no-annotate",
]


def main() -> int:
    for target, extras in reversed(LOCKS.items()):
        constraint = [] if target in APART else ["--constraint", "requirements/test.txt"]
        command = [
            "uv",
            "pip",
            "compile",
            "--quiet",
            "pyproject.toml",
            *extras,
            *OPTIONS,
            *constraint,
            *sys.argv[1:],
            "--output-file",
            target,
        ]
        try:
            subprocess.run(command, cwd=ROOT, check=True)
        except FileNotFoundError:
            print("uv is not on PATH: pip install uv", file=sys.stderr)
            return 1
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
