"""The arguments of components as their docstrings describe them: what each means, and its default."""

import ast
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from typing_extensions import is_typeddict

import eks_gpu_components
from eks_gpu_components.values.shapes import arms

_DEFAULT = re.compile(r"(?:(?P<says>.*) )?Default (?P<default>.+)\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Argument:
    """A key of a component's args."""

    name: str
    shape: Any
    """The type of its value."""
    required: bool
    says: str
    """The docstring without the sentence about the default."""
    default: str
    """What stands after `Default` in the docstring's last sentence; empty if the docstring has no such sentence."""

    @property
    def nested(self) -> type | None:
        """The args that the value, or each item of it, consists of."""
        return next((arm for arm in _parts(self.shape) if is_typeddict(arm)), None)


def all_args() -> dict[str, type]:
    """Every TypedDict of the library by name."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(eks_gpu_components.__path__, "eks_gpu_components."):
        members = vars(import_module(module.name)).values()
        found |= {made.__name__: made for made in members if is_typeddict(made) and made.__module__ == module.name}
    return found


def arguments(args: Any) -> list[Argument]:
    """The keys of a TypedDict, in its order."""
    described = docstrings(args)
    return [
        Argument(name, shape, name in args.__required_keys__, *split(described[name]))
        for name, shape in args.__annotations__.items()
    ]


def docstrings(made: type) -> dict[str, str]:
    """Field -> the string on the line below it, where Pulumi's schema tools look for it too."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(made))).body
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def split(text: str) -> tuple[str, str]:
    """What a docstring says, and the default that its last sentence names; empty if it names none."""
    found = _DEFAULT.fullmatch(text)
    return (found["says"] or "", found["default"]) if found else (text, "")


def _parts(shape: Any) -> Iterator[Any]:
    """The types that a value of a shape consists of, inside lists and maps too."""
    for arm in arms(shape):
        yield arm
        for part in getattr(arm, "__args__", ()):
            yield from _parts(part)
