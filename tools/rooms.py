"""The tree in README.md and the floors in docs/how_it_is_built.md, from docstrings and pyproject.toml.

python -m tools.rooms     writes both anew
"""

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSES = {"components": "The library's floors", "eks_gpu": "The tool's floors"}
"""Folder -> the contract in pyproject.toml that orders its rooms."""
TREE = {
    "__main__.py": "The program, which is the same for every environment.",
    "first_workloads.py": "The workloads that a stack runs to show that its pools work.",
    "settings.py": "The settings of a stack, as a checked model.",
    "Pulumi.*.yaml": "The values of each environment.",
    "components/": "",
    "eks_gpu/": "",
    "plugin/": "",
    "policy/": "",
    "mutants/": "",
    "benchmarks/": "",
    "workloads/": "What runs inside the inference pods, and its client.",
    "examples/": "Complete projects that use the library.",
    "templates/": "What `pulumi new` makes a project of.",
    "docs/": "A page for each component and command, and how it is built.",
    "tests/": "The tests, in folders of the same names: make test; slow tests are in tests/e2e: make e2e.",
    "tools/": "Scripts that regenerate the catalog, the lock files, the pages and the pictures.",
    "requirements/": "Pinned versions for the tool, the tests and the policy pack; requirements.txt has the program's.",
}
"""What stands at the top, in this order. Where a text is empty, the docstring of the file or folder has it."""
INDENT, WIDTH = 20, 100


def says(path: Path) -> str:
    """The first sentence of the docstring of a module, or of a folder of modules."""
    if path.is_dir():
        path = next(path / name for name in ("__init__.py", "__main__.py") if (path / name).exists())
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s", docstring.partition("\n\n")[0].replace("\n", " "))[0]


def floors(house: str) -> list[list[str]]:
    """Rooms and modules of each floor, the ground floor first, as the linter of imports holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == HOUSES[house])
    return [[room.strip() for room in layer.split("|")] for layer in reversed(layers)]


def rooms(house: str) -> list[str]:
    """The folders of a house, the ground floor first."""
    return [room for floor in floors(house) for room in floor if (ROOT / house / room).is_dir()]


def tree() -> str:
    """The tree as text."""
    lines: list[str] = []
    for name, text in TREE.items():
        lines += _line(name, text or says(ROOT / name))
        if name.rstrip("/") in HOUSES:
            house = name.rstrip("/")
            lines += [line for room in rooms(house) for line in _line(f"  {room}/", says(ROOT / house / room))]
    return "\n".join(["```text", *lines, "```"])


def _line(name: str, text: str) -> list[str]:
    first, *more = textwrap.wrap(text, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
    return [f"{name:<{INDENT}}{first}", *(" " * INDENT + line for line in more)]


def floor_rows(house: str) -> Iterator[tuple[str, str, str]]:
    """A row for each room with its floor, the ground floor first; modules beside the rooms are one row."""
    for number, floor in enumerate(floors(house)):
        level = str(number)
        modules = [f"`{room}.py`" for room in floor if not (ROOT / house / room).is_dir()]
        for room in [room for room in floor if (ROOT / house / room).is_dir()]:
            yield level, f"[{room}](../{house}/{room})", says(ROOT / house / room)
        if modules:
            yield level, f"{house} itself", f"One public component a file: {', '.join(modules)}"
