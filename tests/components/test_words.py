"""Closed words of args: what type checkers show is what the values accept, and other languages get strings."""

import ast
import inspect
import pkgutil
import re
import textwrap
import typing
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

import eks_gpu_components
from eks_gpu_components.catalog import scheduling
from eks_gpu_components.values import arg_words, words
from eks_gpu_components.values.validation_messages import problems_of
from eks_gpu_components.values.value import Value
from tools.arguments import all_args

STUB = ast.parse(Path(arg_words.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
NONSENSE = "zzzzzz"


def words_of(shape: Any) -> set[str]:
    """The words of a Literal, an enum, or a union of them."""
    if typing.get_origin(shape) in (Union, UnionType):
        return {word for arm in typing.get_args(shape) for word in words_of(arm)}
    if typing.get_origin(shape) is Literal:
        return {*typing.get_args(shape)}
    return {member.value for member in shape} if isinstance(shape, type) and issubclass(shape, Enum) else set()


def stub() -> dict[str, set[str]]:
    """Type -> the words that a type checker reads; an enum's members do not count where its words stand beside it."""
    found: dict[str, set[str]] = {}
    for statement in STUB.body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            assert isinstance(target, ast.Name)
            literals = {str(each.value) for each in ast.walk(statement.value) if isinstance(each, ast.Constant)}
            found[target.id] = literals or words_of(getattr(*_home(statement.value)))
    return found


def _home(written: ast.expr) -> tuple[Any, str]:
    """The module and the name of `words.NodeImage`."""
    assert isinstance(written, ast.Attribute) and isinstance(written.value, ast.Name)
    return {"words": words, "scheduling": scheduling}[written.value.id], written.attr


def fields() -> Iterator[tuple[type, str, str]]:
    """Args, field, and the type of words in its annotation as it is written."""
    for args in all_args().values():
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(args))).body
        assert isinstance(body, ast.ClassDef)
        for field in body.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                for name in re.findall(r"\w+Arg\b", ast.unparse(field.annotation)):
                    yield args, field.target.id, name


def values() -> list[type[Value]]:
    modules = pkgutil.walk_packages(eks_gpu_components.__path__, "eks_gpu_components.")
    members = [member for module in modules for member in vars(import_module(module.name)).values()]
    made = {each: None for each in members if isinstance(each, type) and issubclass(each, Value) and each is not Value}
    return list(made)


def value_of(args: type) -> type[Value]:
    """`GpuPoolArgs` becomes a GpuPool, `GpuNodeGroupArgs` a GpuNodeGroupSpec, `TaintArgs` a NodeTaint."""
    base = args.__name__.removesuffix("Args")
    (found,) = [each for each in values() if each.__name__ in (base, f"{base}Spec", f"Node{base}")]
    return found


def accepted(value: type[Value], field: str) -> set[str]:
    """The words that a value lists when it refuses another."""
    lists = typing.get_origin(value.model_fields[field].annotation) is tuple
    with pytest.raises(ValidationError) as refusal:
        TypeAdapter(value).validate_python({field: [NONSENSE] if lists else NONSENSE})
    rules = [problem.rule for problem in problems_of(refusal.value) if field in problem.path]
    (listed,) = re.findall(r"must be one of (.+), got", "\n".join(rules))
    return set(listed.split(", "))


FIELDS = [(args, field, name) for args, field, name in fields() if name != "OperatorImageArg"]


@pytest.mark.parametrize(
    ("args", "field", "name"), FIELDS, ids=[f"{args.__name__}.{field}" for args, field, _ in FIELDS]
)
def test_a_type_checker_shows_the_words_that_the_value_accepts(args, field, name):
    assert accepted(value_of(args), field) == stub()[name]


def test_the_operator_s_images_are_those_that_it_serves():
    from eks_gpu_components.gpu_operator import DRIVER_IN_IMAGE

    assert stub()["OperatorImageArg"] == DRIVER_IN_IMAGE.keys()


def closed(value: type[Value]) -> dict[str, set[str]]:
    """Field -> the words that its type has, in a list too."""
    found = {}
    for name, field in value.model_fields.items():
        shapes = [arm for arm in (field.annotation, *typing.get_args(field.annotation)) if words_of(arm)]
        if shapes:
            found[name] = words_of(shapes[0])
    return found


def test_no_argument_with_a_closed_list_of_words_is_left_a_string():
    shown = {(value_of(args), field) for args, field, _ in fields()}
    of_args = {value_of(args) for args in all_args().values() if _has_a_value(args)}
    hidden = [(value.__name__, field) for value in of_args for field in closed(value) if (value, field) not in shown]
    assert hidden == []
    assert len(shown) > 18


def _has_a_value(args: type) -> bool:
    base = args.__name__.removesuffix("Args")
    return len([each for each in values() if each.__name__ in (base, f"{base}Spec", f"Node{base}")]) == 1


def test_to_python_and_other_languages_every_such_argument_is_a_string():
    names = {name: value for name, value in vars(arg_words).items() if name.endswith("Arg")}
    assert names.keys() == stub().keys()
    assert set(names.values()) == {str}


def test_every_list_of_words_is_one_of_an_argument():
    there = [words_of(value) for name, value in vars(words).items() if typing.get_origin(value) is Literal]
    assert there
    assert all(each in stub().values() for each in there)


def test_a_default_is_one_of_the_words():
    for args, field, name in FIELDS:
        default = value_of(args).model_fields[field].default
        given = default if isinstance(default, tuple) else [default]
        assert default in (PydanticUndefined, None) or {str(each) for each in given} <= stub()[name]
