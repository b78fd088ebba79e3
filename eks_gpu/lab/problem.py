"""An error of the lab for a correct request."""


class LabProblem(Exception):
    """The lab cannot do what it was asked. The message says what happened and what to do; exit code 1."""
