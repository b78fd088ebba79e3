"""Lifecycle hooks of auto scaling groups: an instance that its group ends waits until somebody lets go of it.

moto keeps hooks, and ends instances all the same. Source: EC2 Auto Scaling User Guide, "How lifecycle hooks work in
Auto Scaling groups" and "Complete a lifecycle action"; EventBridge event reference, "EC2 Instance-terminate Lifecycle
Action".
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, TerminateInstanceActivity
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.events.models import events_backends

from eks_gpu.lab.aws import calls
from eks_gpu_components.catalog.interruptions import HELD, LIFECYCLE_ACTION, TERMINATING


@dataclass
class Action:
    """One hook that holds one instance."""

    hook: Any
    token: str
    until: float
    """On the monotonic clock."""


@contextmanager
def holding() -> Iterator[None]:
    """While it lasts, groups of moto in this process hold instances as their hooks say."""
    resize, describe = FakeAutoScalingGroup.set_desired_capacity, AutoScalingBackend.describe_auto_scaling_groups
    terminate, delete = AutoScalingBackend.terminate_instance, AutoScalingBackend.delete_auto_scaling_group
    delete_hook = AutoScalingBackend.delete_lifecycle_hook

    def resize_and_hold(group: Any, wanted: int | None) -> None:
        """A group that gets smaller ends the instances that moto would have ended, those that wait left aside."""
        size = group.min_size if wanted is None else wanted
        free = [state for state in group.active_instances() if not state.protected_from_scale_in]
        surplus = len(group.active_instances()) - size
        if surplus > 0:
            group.desired_capacity = size
            _end(group, free[:surplus])
        else:
            resize(group, wanted)

    def terminate_and_hold(backend: Any, instance_id: str, should_decrement: bool) -> Any:
        """Where nothing holds it moto's own, which tells of an instance that there is not too."""
        found = [(group, state) for group, state in _states(backend) if state.instance.id == instance_id]
        if not found or not _hooks(found[0][0]):
            return terminate(backend, instance_id, should_decrement)
        (group, state), size = found[0], found[0][0].desired_capacity
        if state.lifecycle_state != HELD:
            group.desired_capacity -= should_decrement
            _end(group, [state])
            group.set_desired_capacity(group.desired_capacity)
        return TerminateInstanceActivity(state.instance, size)

    def describe_and_let_go(backend: Any, *given: Any, **named: Any) -> Any:
        _let_go(backend, lambda action: time.monotonic() >= action.until)
        return describe(backend, *given, **named)

    def delete_and_let_go(backend: Any, as_name: str, name: str) -> None:
        delete_hook(backend, as_name, name)
        _let_go(backend, lambda action: (action.hook.auto_scaling_group_name, action.hook.name) == (as_name, name))

    def delete_at_once(backend: Any, group_name: str) -> None:
        """A group that is deleted by force waits for nobody, and its hooks go with it."""
        for hook in backend.describe_lifecycle_hooks(group_name):
            delete_and_let_go(backend, group_name, hook.name)
        delete(backend, group_name)

    with ExitStack() as patches:
        for owner, name, ours in (
            (FakeAutoScalingGroup, "set_desired_capacity", resize_and_hold),
            (AutoScalingBackend, "terminate_instance", terminate_and_hold),
            (AutoScalingBackend, "describe_auto_scaling_groups", describe_and_let_go),
            (AutoScalingBackend, "delete_lifecycle_hook", delete_and_let_go),
            (AutoScalingBackend, "delete_auto_scaling_group", delete_at_once),
            (AutoScalingResponse, "complete_lifecycle_action", _complete),
            (AutoScalingResponse, "record_lifecycle_action_heartbeat", _heartbeat),
        ):
            patches.enter_context(patch.object(owner, name, ours, create=True))
        yield


def _states(backend: Any) -> list[tuple[Any, Any]]:
    """Each group's instances."""
    return [(group, state) for group in backend.autoscaling_groups.values() for state in group.instance_states]


def _hooks(group: Any) -> list[Any]:
    hooks = group.autoscaling_backend.describe_lifecycle_hooks(group.name)
    return [hook for hook in hooks if hook.lifecycle_transition == TERMINATING]


def _end(group: Any, states: Iterable[Any]) -> None:
    """Holds instances, and says so on EventBridge; without a hook they go at once."""
    hooks = _hooks(group)
    if not hooks:
        _go(group, list(states))
        return
    for state in states:
        state.lifecycle_state = HELD
        state.actions = [
            Action(hook, str(uuid.uuid4()), time.monotonic() + float(hook.heartbeat_timeout)) for hook in hooks
        ]
        for action in state.actions:
            _tell(group, state, action)


def _go(group: Any, states: list[Any]) -> None:
    if states:
        group.autoscaling_backend.ec2_backend.terminate_instances([state.instance.id for state in states])
        group.instance_states = [state for state in group.instance_states if state not in states]


def _tell(group: Any, state: Any, action: Action) -> None:
    entry = {
        "Source": LIFECYCLE_ACTION.source,
        "DetailType": LIFECYCLE_ACTION.kind,
        "Resources": [group.arn],
        "Detail": json.dumps(
            {
                "LifecycleActionToken": action.token,
                "AutoScalingGroupName": group.name,
                "LifecycleHookName": action.hook.name,
                "EC2InstanceId": state.instance.id,
                "LifecycleTransition": TERMINATING,
                "Origin": "AutoScalingGroup",
                "Destination": "EC2",
            }
        ),
    }
    events_backends[group.account_id][group.region].put_events([entry])


def _let_go(backend: Any, over: Callable[[Action], bool]) -> None:
    """Ends the actions that are over, and every instance that no other one holds."""
    for group, state in _states(backend):
        if state.lifecycle_state == HELD:
            state.actions = [action for action in state.actions if not over(action)]
            if not state.actions:
                _go(group, [state])


def _complete(response: Any) -> ActionResult:
    """CONTINUE and ABANDON are one for an instance that goes: it goes."""
    named = _named(response)
    _let_go(response.autoscaling_backend, lambda action: action is named)
    return EmptyResult()


def _heartbeat(response: Any) -> ActionResult:
    action = _named(response)
    action.until = time.monotonic() + float(action.hook.heartbeat_timeout)
    return EmptyResult()


def _named(response: Any) -> Action:
    """The action that a call is about. Refuses where nothing is held."""
    given = calls.parameters(response)
    token, id_ = given.get("LifecycleActionToken"), given.get("InstanceId")
    of_hook = given["AutoScalingGroupName"], given["LifecycleHookName"]
    found = [
        action
        for group, state in _states(response.autoscaling_backend)
        for action in getattr(state, "actions", ())
        if (group.name, action.hook.name) == of_hook
        and token in (None, action.token)
        and id_ in (None, state.instance.id)
    ]
    if not found:
        what = f"token {token}" if token else f"instance ID {id_}"
        calls.refuse(response, "ValidationError", f"No active Lifecycle Action found with {what}", 400)
    return found[0]
