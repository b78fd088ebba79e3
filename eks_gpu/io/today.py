"""The day that plans are made as of."""

import os
from datetime import date

from eks_gpu.io.problems import InputError

TODAY = "EKS_GPU_TODAY"
"""Environment variable: a day such as 2026-11-28, with which a plan says what it said, or will say, on that day."""


def today() -> date:
    """The day of the environment variable, else today. Raises InputError for what is no day."""
    text = os.environ.get(TODAY, "")
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise InputError(f"{TODAY}: must be a day such as 2026-11-28, got {text!r}") from None
