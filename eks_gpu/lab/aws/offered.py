"""The instance types that the lab's EC2 offers: those with a price in the catalog.

Karpenter buys no type without a price, and goes through all that there are for each node that it looks at.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.ec2.responses.instances import InstanceResponse

from eks_gpu_components.catalog import on_demand_price

LISTS = {"describe_instance_types": "InstanceTypes", "describe_instance_type_offerings": "InstanceTypeOfferings"}
"""EC2's operations that tell of instance types, and under which key each does."""


@contextmanager
def offered() -> Iterator[None]:
    """While it lasts, moto in this process tells of these alone, and of any other that is asked for by name."""
    with ExitStack() as patches:
        for operation, key in LISTS.items():
            answer = _offered(getattr(InstanceResponse, operation), key)
            patches.enter_context(patch.object(InstanceResponse, operation, answer))
        yield


def _offered(answer: Callable[[Any], ActionResult], key: str) -> Callable[[Any], ActionResult]:
    def priced(response: Any) -> ActionResult:
        told: Any = answer(response).result
        if response._get_param("InstanceTypes"):  # by name
            return ActionResult(told)
        rows = [row for row in told[key] if on_demand_price(row["InstanceType"], response.region)]
        return ActionResult({**told, key: rows})

    return priced
