"""Changes to a program's resources, so that a replay can show the effect of each part."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import pulumi
from pydantic import Field

from eks_gpu_components.values.value import Value

ANYBODY_S = "sts:GetCallerIdentity"
"""Allowed without being asked for: what is left of a statement that has nothing left, for AWS takes no empty policy."""


class Alteration(Value):
    """What differs from the program in the resources that are meant; everything else stays as the program has it."""

    type: str
    """Type token: `kubernetes:helm.sh/v3:Release`."""
    name: str = "*"
    """Pattern of their logical names: `karpenter-*`."""
    set: Mapping[str, Any] = Field(default_factory=dict)
    """Values by path: `values.settings.interruptionQueue`. None takes the property away."""
    without_actions: tuple[str, ...] = ()
    """Taken out of every statement of the IAM policy."""

    def transform(self) -> pulumi.ResourceTransform:
        """For the engine to apply to every resource that a program registers."""

        def altered(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
            if args.type_ != self.type or not fnmatchcase(args.name, self.name):
                return None
            return pulumi.ResourceTransformResult(props=self.applied(args.props), opts=args.opts)

        return altered

    def applied(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """The properties as altered; a policy may be an Output."""
        changed = dict(props)
        for path, value in self.set.items():
            changed = _with(changed, path.split("."), value)
        if self.without_actions:
            policy = changed["policy"]
            changed["policy"] = (
                policy.apply(self._narrowed) if isinstance(policy, pulumi.Output) else self._narrowed(policy)
            )
        return changed

    def _narrowed(self, policy: str) -> str:
        document = json.loads(policy)
        narrowed = [{**each, "Action": self._left(each["Action"])} for each in document["Statement"]]
        return json.dumps({**document, "Statement": narrowed})

    def _left(self, actions: str | list[str]) -> list[str]:
        listed = [actions] if isinstance(actions, str) else actions
        return [action for action in listed if action not in self.without_actions] or [ANYBODY_S]


def _with(props: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    changed = dict(props)
    if rest:
        changed[name] = _with(changed.get(name) or {}, rest, value)
    elif value is None:
        changed.pop(name, None)
    else:
        changed[name] = copy.deepcopy(value)
    return changed


def transforms(alterations: Sequence[Alteration]) -> list[Callable[..., Any]]:
    """In the order in which they are given."""
    return [each.transform() for each in alterations]
