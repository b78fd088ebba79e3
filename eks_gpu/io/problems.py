"""Wrong input: every problem at once, each with its place, the rule, the value given and the nearest valid one."""

from collections.abc import Iterable


class InputError(Exception):
    """What the user gave cannot be used. `problems` has one line each; the command line ends with exit code 2."""

    def __init__(self, problems: str | Iterable[str]):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))
