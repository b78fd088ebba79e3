"""The library: Pulumi components for GPU and Spot nodes on Amazon EKS, the description of pools, and the catalog.

The public names stand in `__init__.pyi`. A name loads its module on first use, so that `eks_gpu_components.catalog`
can be read without importing Pulumi.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

# lazy_loader.attach_stub does the same; seven lines are no reason for one more dependency of every consumer.
_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOMES = {
    alias.name: f".{statement.module}"
    for statement in _STUB.body
    if isinstance(statement, ast.ImportFrom)
    for alias in statement.names
}


def _is_component(name: str) -> bool:
    """Whether it is a component: its module, on the top floor, has its name."""
    return _HOMES[name].replace("_", "") == f".{name.lower()}"


_CALLED = [*filter(_is_component, sorted(_HOMES)), *(name for name in sorted(_HOMES) if name.islower())]
__all__ = [*_CALLED, *sorted(_HOMES.keys() - {*_CALLED})]  # pyright: ignore[reportUnsupportedDunderAll] - read from the stub, which a checker reads itself
"""Every public name: components first, then functions, then types of arguments and checked values."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    """What programs call, for completion; `__all__` has the types as well."""
    return _CALLED
