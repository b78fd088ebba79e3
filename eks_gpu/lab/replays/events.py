"""What AWS does to nodes, and says of them on the default event bus: the program's own rules decide who hears it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import NodeRow, Status
from eks_gpu_components.catalog import CapacityType


def spot_interruption(lab: Lab, status: Status) -> None:
    """The notice of two minutes for the first Spot node with accelerators. Raises LabProblem when there is none.

    Source: EC2, Spot Instance interruption notices.
    """
    node = _first_spot(status)
    entry = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Spot Instance Interruption Warning",
        "Detail": json.dumps({"instance-id": node.instance_id, "instance-action": "terminate"}),
        "Resources": [f"arn:aws:ec2:{node.zone}:instance/{node.instance_id}"],
        "Time": datetime.now(UTC),
    }
    aws_client(lab, "events").put_events(Entries=[entry])


def spot_end(lab: Lab, status: Status) -> None:
    """EC2 takes that node, as it does when the two minutes are over. It waits for no lifecycle hook."""
    aws_client(lab, "ec2").terminate_instances(InstanceIds=[_first_spot(status).instance_id])


def scale_in(lab: Lab, status: Status) -> None:
    """The group of the first node with accelerators that takes pods is made smaller by this node.

    Raises LabProblem when there is none.
    """
    there = [node for node in status.nodes if node.gpus and not node.cordoned]
    if not there:
        raise LabProblem("no node with accelerators is there to be given back")
    aws_client(lab, "autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=there[0].instance_id, ShouldDecrementDesiredCapacity=True
    )


def put_messages(lab: Lab, queue: str, number: int) -> None:
    """So many messages wait in the queue whose name begins so, and no other message.

    Raises LabProblem when there is no such queue.
    """
    sqs = aws_client(lab, "sqs")
    found = sqs.list_queues(QueueNamePrefix=queue).get("QueueUrls", [])
    if not found:
        raise LabProblem(f"the lab has no queue {queue}")
    sqs.purge_queue(QueueUrl=found[0])
    for each in range(number):
        sqs.send_message(QueueUrl=found[0], MessageBody=f"message {each + 1} of {number}")


def _first_spot(status: Status) -> NodeRow:
    spot = [node for node in status.nodes if node.gpus and node.capacity_type is CapacityType.SPOT]
    if not spot:
        raise LabProblem("no Spot node with accelerators is there to be taken back")
    return spot[0]


EVENTS: dict[str, Callable[[Lab, Status], None]] = {
    "scale-in": scale_in,
    "spot-end": spot_end,
    "spot-interruption": spot_interruption,
}
"""By the name that a step uses; each hears of the cluster as it is."""
