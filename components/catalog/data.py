"""The data files beside this module, parsed at their first use. tools/refresh_catalog.py makes them, and dra.json
tools/dra_devices.py.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@cache
def ec2() -> dict[str, Any]:
    """`{"source", "types": {name: row}, "zones": {region: {zone name: zone id}}}`; a row has instance_types.COLUMNS."""
    return json.loads((HERE / "ec2.json").read_bytes())


@cache
def prices() -> dict[str, dict[str, list[Any]]]:
    """`{region: {type: [USD per hour, date]}}`, on-demand Linux."""
    return json.loads((HERE / "prices.json").read_bytes())


@cache
def dra() -> dict[str, Any]:
    """`{"source", "devices": {type: row}}`; a row has product, architecture, compute capability, brand, memory and the
    PCIe root of each device.
    """
    return json.loads((HERE / "dra.json").read_bytes())


@cache
def spot_shares() -> dict[str, list[float]]:
    """`{type: [share, lowest, highest]}`: Spot's part of the on-demand price, the median of regions and their range."""
    return json.loads((HERE / "spot.json").read_bytes())
