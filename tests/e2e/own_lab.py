"""Labs of the tests: each has its state in a folder of its own, and is gone when the test is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eks_gpu.lab import control_plane
from eks_gpu.lab.state import Lab


@contextmanager
def own_lab(folder: Path, account: str = "used") -> Iterator[Lab]:
    """A lab that nobody else uses, in an account that is `new` or `used`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        try:
            yield control_plane.up(account=account)
        finally:
            control_plane.down()
