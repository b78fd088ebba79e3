"""A stack's settings: one object under `<project>:settings` in Pulumi.<stack>.yaml, checked whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pulumi

from .value import BadInput, check

T = TypeVar("T")

KEY = "settings"


def stack_settings(shape: type[T]) -> T:
    """The running stack's settings as a `shape`. Stops the program with every problem at once, file and key each."""
    given = pulumi.Config().get_object(KEY)
    try:
        return check(shape, {} if given is None else given, _root())
    except BadInput as bad:
        raise _stop([f"{_root()} is required"] if given is None else bad.problems) from None


class SettingsProblems:
    """What components find wrong with settings only when they see the account, told as places in the stack's file."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def at(self, path: str = "", *, go_on: bool = False) -> Iterator[None]:
        """Problems in this block are those of the settings at a path; they stop the program here, or at `stop`."""
        try:
            yield
        except BadInput as bad:
            place = f"{_root()}.{path}." if path else f"{_root()}."
            self._found += [f"{place}{problem}" for problem in bad.problems]
        if not go_on:
            self.stop()

    def stop(self) -> None:
        """Stops the program when anything was found, with all of it."""
        if self._found:
            raise _stop(self._found)


def pool_named(name: str, pools: Mapping[str, T]) -> T:
    """The pool that another section of the settings names. Raises BadInput with the names that there are."""
    if name not in pools:
        raise BadInput([f"pool must be one of {', '.join(pools) or 'the pools, and there are none'}, got {name!r}"])
    return pools[name]


def _root() -> str:
    return f"{pulumi.get_project()}:{KEY}"


def _stop(problems: list[str]) -> pulumi.RunError:
    return pulumi.RunError("\n".join(f"Pulumi.{pulumi.get_stack()}.yaml: {problem}" for problem in problems))
