"""A stack's settings: one object under `<project>:settings` in Pulumi.<stack>.yaml, checked whole."""

from typing import TypeVar

import pulumi

from .value import BadInput, check

T = TypeVar("T")

KEY = "settings"


def stack_settings(shape: type[T]) -> T:
    """The running stack's settings as a `shape`. Stops the program with every problem at once, file and key each."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    given = pulumi.Config().get_object(KEY)
    if given is None:
        raise pulumi.RunError(f"Pulumi.{stack}.yaml: {project}:{KEY} is required")
    try:
        return check(shape, given, f"{project}:{KEY}")
    except BadInput as bad:
        raise pulumi.RunError("\n".join(f"Pulumi.{stack}.yaml: {problem}" for problem in bad.problems)) from None
