"""Reservations that the lab's EC2 has, until a replay sets others."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import Field

from eks_gpu.lab.state import Lab, alone
from eks_gpu_components.values.value import Value


class LabReservation(Value):
    """Instances that are held for the account from now on."""

    id: str
    type: str
    zone: str
    instances: int = Field(ge=1)
    ends_in_min: float | None = Field(default=None, gt=0)
    """Minutes until it ends: with it a Capacity Block, without it an on-demand reservation."""


def set_reservations(lab: Lab, wanted: Iterable[LabReservation]) -> None:
    """From now on there are these and no others; instances in one that is gone run on."""
    now = datetime.now(UTC)
    rows = [
        each.model_dump(exclude={"ends_in_min"})
        | ({"end": (now + timedelta(minutes=each.ends_in_min)).isoformat()} if each.ends_in_min else {})
        for each in wanted
    ]
    with alone(lab.folder):  # the file whole or not at all: EC2 reads it at each call
        unfinished = lab.reservations.with_suffix(".new")
        unfinished.write_text(json.dumps(rows), encoding="utf-8")
        unfinished.replace(lab.reservations)
