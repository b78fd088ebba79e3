"""Events of AWS, put on moto's default event bus; the program's own rules decide where they go."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import Status
from eks_gpu_components.catalog import CapacityType


def spot_interruption(lab: Lab, status: Status) -> None:
    """The notice of two minutes for the first Spot node with accelerators. Raises LabProblem when there is none.

    Source: EC2, Spot Instance interruption notices.
    """
    spot = [node for node in status.nodes if node.gpus and node.capacity_type is CapacityType.SPOT]
    if not spot:
        raise LabProblem("no Spot node with accelerators is there to be taken back")
    instance = spot[0].instance_id
    entry = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Spot Instance Interruption Warning",
        "Detail": json.dumps({"instance-id": instance, "instance-action": "terminate"}),
        "Resources": [f"arn:aws:ec2:{spot[0].zone}:instance/{instance}"],
        "Time": datetime.now(UTC),
    }
    aws_client(lab, "events").put_events(Entries=[entry])


EVENTS: dict[str, Callable[[Lab, Status], None]] = {"spot-interruption": spot_interruption}
"""By the name that a step uses; each hears of the cluster as it is."""
