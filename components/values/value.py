"""What every args value has in common: frozen, closed to unknown keys, and clear about all its problems at once."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import core_schema

from .validation_messages import Problem, problems_of


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

    def __init__(self, value: Any):
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
        raise BadInput([problem.at(at) for problem in _problems(error, shape)]) from None


def problems(shape: Any, given: Any) -> list[Problem]:
    """What is wrong with `given` as a `shape`."""
    try:
        _Given[shape](given=given)
    except ValidationError as error:
        return _problems(error, shape)
    return []


def one_of(words: Iterable[str]) -> dict[str, Any]:
    """The JSON schema of a word that a function checks, for `WithJsonSchema`."""
    return {"type": "string", "enum": list(words)}


def json_schema(shape: Any) -> dict[str, Any]:
    """The JSON schema of data that `check` takes for a `shape`, as far as a schema can say it."""
    whole = _Given[shape].model_json_schema()
    return {**whole["properties"]["given"], "$defs": whole.get("$defs", {})}


def _problems(error: ValidationError, shape: Any) -> list[Problem]:
    return [Problem(problem.path[1:], problem.rule) for problem in problems_of(error, _Given[shape])]
