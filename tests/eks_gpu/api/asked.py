"""Objects of every kind, and what is said of a change of one."""

import copy
from typing import Any

from eks_gpu.api.judged import judged
from tests.e2e.rich_objects import RICH


def of(kind: str, name: str = "") -> dict[str, Any]:
    """A copy of the rich object of a kind."""
    return copy.deepcopy(next(made for made in RICH if made["kind"] == kind and name in ("", made["metadata"]["name"])))


def said(made: dict[str, Any]) -> list[str]:
    found = judged(made)
    assert found
    assert found.unjudged == ()
    return [str(refused) for refused in found.refused]
