"""Events by which AWS says that a node will go, and what each controller that drains nodes hears of them.

Sources: Karpenter 1.15, getting started, cloudformation.yaml; AWS Node Termination Handler 1.25, cfn-template.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event on EventBridge."""

    name: str
    """Its rule is named after it."""
    source: str
    kind: str
    """EventBridge's detail-type."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Pattern of the event's detail; empty takes every event of the kind."""

    def pattern(self) -> dict[str, Any]:
        """The rule's event pattern."""
        return {
            "source": [self.source],
            "detail-type": [self.kind],
            **({"detail": dict(self.detail)} if self.detail else {}),
        }


_HEALTH_KIND = "AWS Health Event"
SPOT_INTERRUPTION = Event("spot-interruption", "aws.ec2", "EC2 Spot Instance Interruption Warning")
REBALANCE_RECOMMENDATION = Event("rebalance", "aws.ec2", "EC2 Instance Rebalance Recommendation")
STATE_CHANGE = Event("state-change", "aws.ec2", "EC2 Instance State-change Notification")
LIFECYCLE_ACTION = Event("lifecycle-action", "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action")
"""What a group says of a node that a lifecycle hook holds."""

KARPENTER_EVENTS = (
    Event("health", "aws.health", _HEALTH_KIND),
    SPOT_INTERRUPTION,
    REBALANCE_RECOMMENDATION,
    STATE_CHANGE,
    Event("reservation-interruption", "aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
)
"""Events that Karpenter acts on or reports."""
HANDLER_EVENTS = (
    # It drains at a planned change alone, and refuses any other event of AWS Health.
    Event("health", "aws.health", _HEALTH_KIND, {"service": ["EC2"], "eventTypeCategory": ["scheduledChange"]}),
    SPOT_INTERRUPTION,
    STATE_CHANGE,
    LIFECYCLE_ACTION,
)
"""Events of nodes that go for sure, at which AWS Node Termination Handler drains.

It drains at a REBALANCE_RECOMMENDATION too, whose node may stay for days: whoever wants that adds the event.
"""

DRAIN_S = 120
"""Seconds between a Spot notice and the node's end. Source: EC2 User Guide, "Spot Instance interruption notices"."""
HOOK_MARGIN_S = 60
"""Seconds that a lifecycle hook holds a node beyond its drain, in which the news of it reaches the handler."""
MIN_DRAIN_S, MAX_DRAIN_S = 30, 7200 - HOOK_MARGIN_S
"""A lifecycle hook holds a node for 30 to 7200 seconds. Source: EC2 Auto Scaling API, PutLifecycleHook."""
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
"""Transition at which a lifecycle hook holds a node that is to go. Source: EC2 Auto Scaling API, PutLifecycleHook."""
HELD = "Terminating:Wait"
"""Lifecycle state of a node that such a hook holds. Source: EC2 Auto Scaling User Guide, "Instance lifecycle"."""
