"""`python -m tools.licences`: the licence of each package that this one brings along. Exit code 1 for one not known.

A licence is read from what is installed, in the versions of the locks: the SPDX expression, else the classifiers, else
the text of the field License.
"""

import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parent.parent
LOCKS = {
    "the library": "requirements.txt",
    "`plan`, `report`": "requirements/plan.txt",
    "`prices`": "requirements/prices.txt",
    "`live`": "requirements/live.txt",
}
"""Extra -> the lock with what it brings: what users install. The lab and the tests have more, and stay here."""
KNOWN = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Unlicense"),
    *("0BSD", "BSD", "Python-2.0"),
}
"""Licences that let anybody use, change and pass on what is under them beside this project's own. MPL's terms are for
changes of its own files."""
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Trove classifier without its beginning -> SPDX. Of BSD it does not say which."""
TEXTS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "MIT License": "MIT",
}
"""Words that authors write into License -> SPDX."""


def rows() -> Iterator[tuple[str, str, str]]:
    """Package, licence and what brings it, by name; each package once, with the first lock that has it."""
    found: dict[str, tuple[str, str, str]] = {}
    for extra, lock in LOCKS.items():
        for name in names((ROOT / lock).read_text(encoding="utf-8")):
            package = _installed(name)
            if package and name not in found:
                found[name] = (name, licence(cast(Message, package.metadata)), extra)
    yield from (found[name] for name in sorted(found))


def names(lock: str) -> list[str]:
    """The packages of a lock."""
    return re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)


def licence(metadata: Message) -> str:
    """SPDX where it can be told, else what the package says; empty where it says nothing."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        str(text).rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if "License ::" in str(text)
    ]
    if spdx := [CLASSIFIERS.get(name, name) for name in classifiers if name != "OSI Approved"]:
        return " AND ".join(sorted(set(spdx)))
    first = str(metadata.get("License") or "").strip().partition("\n")[0]
    return TEXTS.get(first, first)


def unknown() -> list[str]:
    """A line for each package whose licence is not among those known."""
    found = []
    for name, text, _ in rows():
        parts = [part.strip("() ") for part in re.split(r" AND | OR ", text)]
        if not set(parts) <= KNOWN:
            found.append(f"{name}: {text or 'says none'}")
    return found


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:  # of another platform
        return None


def main() -> int:
    for row in rows():
        print(*row, sep="\t")
    problems = unknown()
    for problem in problems:
        print(f"not known: {problem}", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
