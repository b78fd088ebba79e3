"""The instance types that the lab's EC2 offers: those with a price in the catalog.

Karpenter buys no type without a price, and goes through all that there are for each node that it looks at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.ec2.responses.instances import InstanceResponse

from eks_gpu_components.catalog import on_demand_price


@contextmanager
def offered() -> Iterator[None]:
    """While it lasts, moto in this process tells of these alone, and of any other that is asked for by name."""
    moto: Any = InstanceResponse
    types, offerings = moto.describe_instance_types, moto.describe_instance_type_offerings

    def describe_instance_types(response: Any) -> ActionResult:
        rows = types(response).result["InstanceTypes"]
        return ActionResult(
            {"InstanceTypes": rows if response._get_param("InstanceTypes") else _priced(response, rows)}
        )

    def describe_instance_type_offerings(response: Any) -> ActionResult:
        rows = offerings(response).result["InstanceTypeOfferings"]
        return ActionResult({"InstanceTypeOfferings": _priced(response, rows)})

    with (
        patch.object(InstanceResponse, "describe_instance_types", describe_instance_types),
        patch.object(InstanceResponse, "describe_instance_type_offerings", describe_instance_type_offerings),
    ):
        yield


def _priced(response: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if on_demand_price(row["InstanceType"], response.region)]
