"""What every args value has in common: frozen, closed to unknown keys, and clear about all its problems at once."""

import types
import typing
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Generic, NotRequired, Required, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import core_schema
from typing_extensions import is_typeddict


class Value(BaseModel):
    """A checked description of something, made of a component's args before anything is registered."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class BadInput(ValueError):
    """Args that break a rule. Its text has a line for each problem: the key's path, the rule, the value given."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class CheckedAs:
    """`Annotated[PoolArgs, CheckedAs(Pool)]`: args that are checked as the Value they become, and stay args."""

    def __init__(self, value: type[Value]):
        self._value = value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def keep(given: Any, checked: core_schema.ValidatorFunctionWrapHandler) -> Any:
            checked(given)
            return given

        return core_schema.no_info_wrap_validator_function(keep, handler.generate_schema(self._value))


T = TypeVar("T")


class _Given(Value, Generic[T]):
    """Lends its config to what it holds: a TypedDict has none of its own and would take any key."""

    given: T


def check(shape: type[T], given: Any, at: str = "") -> T:
    """`given` as a `shape` (a Value or a TypedDict). Raises BadInput with every problem, paths starting with `at`."""
    try:
        return _Given[shape](given=given).given
    except ValidationError as error:
        found = [problem for problem in error.errors(include_url=False) if not _follows_from_others(problem)]
        told = [_problem({**problem, "loc": problem["loc"][1:]}, shape, at) for problem in found]
        raise BadInput([line for lines in told for line in lines]) from None


def _follows_from_others(problem: Mapping[str, Any]) -> bool:
    """Whether a list is called too short because pydantic counts no item that is wrong itself."""
    return problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]


def _problem(problem: Mapping[str, Any], shape: Any, at: str) -> list[str]:
    """Lines for one of pydantic's errors: one, but where a rule between fields found several problems itself."""
    keys = [str(key) for key in problem["loc"]]
    path = ".".join([part for part in (at, *keys) if part])
    where = path or "the settings"
    match problem["type"]:
        case "extra_forbidden":
            known = sorted(_keys_at(shape, keys[:-1]))
            return [f"{where} is not a known key{_nearest(keys[-1], known)}"]
        case "missing":
            return [f"{where} is required"]
        case "too_short":
            return [f"{where} must have {problem['ctx']['min_length']} or more, got {_shown(problem)}"]
        case "value_error":
            lines = str(problem["ctx"]["error"]).splitlines()
            return [f"{path}: {line}" for line in lines] if path else lines
        case "enum" | "literal_error":
            expected = [word.strip("' ") for word in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
            close = get_close_matches(str(problem["input"]), expected, n=1, cutoff=0.5)
            nearest = f"; nearest: {close[0]}" if close else ""
            return [f"{where} must be one of {', '.join(expected)}, got {_shown(problem)}{nearest}"]
        case "string_type" if isinstance(problem["input"], int | float):  # YAML's own reading of 1.35
            return [f"{where} must be a text, got {_shown(problem)}; nearest: '{problem['input']}', in quotes"]
        case _:
            rule = problem["msg"]
            for pydantics, ours in _WORDS.items():
                rule = rule.replace(pydantics, ours)
            return [f"{where} {rule[0].lower()}{rule[1:]}, got {_shown(problem)}"]


# What pydantic says, in the words of someone who writes YAML.
_WORDS = {
    "Input should ": "must ",
    "Input is ": "is ",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid dictionary": "a map",
    "a valid mapping": "a map",
    "a valid string": "a text",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    ", unable to parse string as an integer": "",
    ", unable to interpret input": "",
}


def _shown(problem: Mapping[str, Any]) -> str:
    text = repr(problem["input"])
    return text if len(text) <= 80 else f"{text[:77]}..."


def _nearest(key: str, known: list[str]) -> str:
    """The key that was probably meant; every known one when none is close."""
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"; nearest: {close[0]}"
    return f"; known: {', '.join(known)}" if known else ""


def _keys_at(shape: Any, path: list[str]) -> set[str]:
    """The keys that a value of `shape` may have at a path; a path goes through models, TypedDicts, maps and lists."""
    for arm in arms(shape):
        known = fields(arm)
        if not path:
            if known:
                return set(known)
            continue
        inner = known.get(path[0]) if known else next(reversed(typing.get_args(arm)), None)
        if inner is not None and (found := _keys_at(inner, path[1:])):
            return found
    return set()


def arms(shape: Any) -> Iterator[Any]:
    """The alternatives of a type, wrappers such as NotRequired and Annotated taken off."""
    origin = typing.get_origin(shape)
    if origin in (typing.Union, types.UnionType):
        for arm in typing.get_args(shape):
            yield from arms(arm)
    elif origin in (Annotated, Required, NotRequired):
        yield from arms(typing.get_args(shape)[0])
    elif origin is tuple:
        yield from arms(list[typing.get_args(shape)[0]])
    else:
        yield shape


def fields(shape: Any) -> dict[str, Any]:
    """Key -> type of its value; empty if the shape has no keys of its own."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return {name: field.annotation for name, field in shape.model_fields.items()}
    if is_typeddict(shape):
        return typing.get_type_hints(shape, include_extras=True)
    return {}
