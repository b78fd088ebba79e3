"""What goes wrong in a lab that was asked for correctly."""


class LabProblem(Exception):
    """The lab cannot do what it was asked. The message says what happened and what to do; exit code 1."""
