"""EKS Auto Mode's words in Karpenter's: labels, the reference to a node class, and the node class itself.

Auto Mode's own controller is AWS's alone, so that the lab runs its NodePools with Karpenter. Source of the words: EKS
User Guide, "Create a Node Pool for EKS Auto Mode", "Create a Node Class for Amazon EKS"; Karpenter 1.15, labels.go and
EC2NodeClass v1.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi

from eks_gpu.lab.problem import LabProblem
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    AUTO_MODE_NODE_CLASS_TYPE,
    COMPUTE_TYPE_LABEL,
    KARPENTER_GROUP,
    ROOT_DEVICE,
    data_device,
)
from eks_gpu_components.catalog.labels import INSTANCE_LABELS, MANAGED_GROUP_LABELS, UNJUDGED_INSTANCE_LABELS
from eks_gpu_components.catalog.nearest import hint_or_all

NODE_CLASS, EC2_NODE_CLASS = "NodeClass", "EC2NodeClass"

LABELS: Mapping[str, str] = {
    f"{AUTO_MODE_GROUP}/{name}": f"{KARPENTER_GROUP}/{name}"
    for name in sorted(INSTANCE_LABELS | UNJUDGED_INSTANCE_LABELS)
}
"""Auto Mode's labels of an instance type, which Karpenter must know before there is a node."""
KEPT_LABELS = frozenset({COMPUTE_TYPE_LABEL, *MANAGED_GROUP_LABELS})
"""Under the same prefix: one that the lab's NodePools give to their nodes, and those of managed node groups."""

NODE_CLASS_FIELDS: Mapping[str, str | None] = {
    "role": "role",
    "instanceProfile": "instanceProfile",
    "subnetSelectorTerms": "subnetSelectorTerms",
    "securityGroupSelectorTerms": "securityGroupSelectorTerms",
    "capacityReservationSelectorTerms": "capacityReservationSelectorTerms",
    "tags": "tags",
    "ephemeralStorage": "blockDeviceMappings",
    "podSubnetSelectorTerms": None,
    "podSecurityGroupSelectorTerms": None,
    "snatPolicy": None,
    "networkPolicy": None,
    "networkPolicyEventLogs": None,
    "advancedNetworking": None,
    "advancedSecurity": None,
    "certificateBundles": None,
}
"""Fields of a NodeClass's `spec`. None: of a node's inside, which nobody plays in the lab, so that it is dropped."""

IMAGE = "bottlerocket"
"""Auto Mode's nodes run a Bottlerocket of AWS's own."""
ROOT_GIB = 4
STORAGE: Mapping[str, Any] = {"size": "80Gi", "iops": 3000, "throughput": 125}
"""What a NodeClass has without `ephemeralStorage`."""
EBS: Mapping[str, Any] = {"volumeType": "gp3", "encrypted": True, "deleteOnTermination": True}

Word = tuple[str, str]
"""One of Auto Mode's, and Karpenter's for it, which is empty for none."""


def refuse(problem: str) -> None:
    """Raises LabProblem."""
    raise LabProblem(problem)


@dataclass
class Translation:
    """Objects in Karpenter's words. What is an Output is translated when it is known."""

    refuse: Callable[[str], None] = refuse
    """Told of each word that Karpenter does not have."""
    words: list[Word] = field(default_factory=list)
    """Each that was changed or dropped, once."""

    def spec(self, given: Any) -> Any:
        """An object's `spec`, or a part of it, of whatever kind it is."""
        if isinstance(given, pulumi.Output):
            return given.apply(self.spec)
        if isinstance(given, list):
            return [self.spec(each) for each in given]
        if isinstance(given, Mapping):
            return {key: self._value(key, value) for key, value in given.items()}
        return given

    def _value(self, key: str, value: Any) -> Any:
        if key == "nodeSelector" and isinstance(value, Mapping):
            return {self._label(name): wanted for name, wanted in value.items()}
        if key in ("key", "topologyKey") and isinstance(value, str):
            return self._label(value)
        if key == "template" and _is_auto_mode(value):
            return self._nodes(self.spec(value))
        return self.spec(value)

    def _label(self, key: str) -> str:
        if not key.startswith(f"{AUTO_MODE_GROUP}/") or key in KEPT_LABELS:
            return key
        if key not in LABELS:
            self.refuse(f"label {key} has no counterpart in Karpenter{hint_or_all(key, LABELS)}")
            return key
        return self._say(key, LABELS[key])

    def _nodes(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """Of a NodePool: its node class, and the label that Auto Mode itself gives to every node."""
        metadata, spec = template.get("metadata") or {}, template["spec"]
        labels = {**(metadata.get("labels") or {}), COMPUTE_TYPE_LABEL: "auto"}
        kind = self._say(NODE_CLASS, EC2_NODE_CLASS)
        reference = {**spec["nodeClassRef"], "group": KARPENTER_GROUP, "kind": kind}
        return {
            **template,
            "metadata": {**metadata, "labels": labels},
            "spec": {**spec, "nodeClassRef": reference},
        }

    def node_class(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """An EC2NodeClass's `spec` of a NodeClass's."""
        made: dict[str, Any] = {
            "amiSelectorTerms": [{"alias": f"{IMAGE}@latest"}],
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        }
        made |= {counterpart: spec[name] for name, counterpart in self._fields(spec) if counterpart}
        if reservations := made.get("capacityReservationSelectorTerms"):
            made["capacityReservationSelectorTerms"] = [_reservation(term) for term in reservations]
        return made | {"blockDeviceMappings": list(_block_devices(spec.get("ephemeralStorage", {})))}

    def understood(self, spec: Any) -> Any:
        """A NodeClass's `spec` as it is, when each of its fields is known."""
        if isinstance(spec, pulumi.Output):
            return spec.apply(self.understood)
        for name, counterpart in self._fields(spec):
            if name != counterpart:
                self._say(f"{NODE_CLASS}.{name}", counterpart and f"{EC2_NODE_CLASS}.{counterpart}")
        return spec

    def _fields(self, spec: Mapping[str, Any]) -> Iterator[Word]:
        for name in spec:
            if name in NODE_CLASS_FIELDS:
                yield name, NODE_CLASS_FIELDS[name] or ""
            else:
                self.refuse(f"spec.{name} is no field of a {NODE_CLASS}{hint_or_all(name, NODE_CLASS_FIELDS)}")

    def _say(self, word: str, counterpart: str) -> str:
        if (word, counterpart) not in self.words:
            self.words.append((word, counterpart))
        return counterpart


def _is_auto_mode(template: Any) -> bool:
    spec = template.get("spec") if isinstance(template, Mapping) else None
    reference = spec.get("nodeClassRef") if isinstance(spec, Mapping) else None
    return isinstance(reference, Mapping) and reference.get("group") == AUTO_MODE_GROUP


def _reservation(term: Mapping[str, Any]) -> dict[str, Any]:
    return {"ownerID" if name == "owner" else name: value for name, value in term.items()}


def _block_devices(storage: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"deviceName": ROOT_DEVICE, "ebs": {**EBS, "volumeSize": f"{ROOT_GIB}Gi"}}
    given = {"volumeSize" if name == "size" else name: value for name, value in {**STORAGE, **storage}.items()}
    yield {"deviceName": data_device(IMAGE), "ebs": {**EBS, **given}}


@dataclass
class ProgramTranslation:
    """Puts what a program asks of a cluster with Auto Mode into Karpenter's words, and remembers which."""

    has_auto_mode: Callable[[], bool]
    """Whether the cluster has it, asked for each object: in one without it the words mean nothing."""
    on_problem: Callable[[], None]
    """Called at the first word that Karpenter does not have: the engine would wait for nodes that never come."""
    by_object: dict[str, Translation] = field(default_factory=dict)
    """By kind and logical name, as `NodePool gpu`."""
    problems: list[str] = field(default_factory=list)

    def transform(self, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        """For the engine to apply to every resource. A NodeClass stays: the lab's cluster knows the kind."""
        if not args.type_.startswith("kubernetes:") or "spec" not in args.props or not self.has_auto_mode():
            return None
        what = f"{args.type_.rpartition(':')[2]} {args.name}"
        translation = self.by_object.setdefault(what, Translation(partial(self._refuse, what)))
        understood = translation.understood if args.type_ == AUTO_MODE_NODE_CLASS_TYPE else translation.spec
        props = {**args.props, "spec": understood(args.props["spec"])}
        return pulumi.ResourceTransformResult(props=props, opts=args.opts)

    def _refuse(self, what: str, problem: str) -> None:
        self.problems.append(f"{what}: {problem}")
        if len(self.problems) == 1:
            self.on_problem()

    @contextmanager
    def complete(self) -> Iterator[None]:
        """Raises LabProblem at the end for what could not be said, in place of what the engine makes of it."""
        try:
            yield
        finally:
            if self.problems:
                raise LabProblem("\n".join(self.problems)) from None

    def told(self) -> tuple[str, ...]:
        """A line a word, with the objects that have it."""
        having: dict[Word, list[str]] = {}
        for what, translation in self.by_object.items():
            for word in translation.words:
                having.setdefault(word, []).append(what)
        return tuple(
            f"{word} -> {counterpart or 'dropped, nothing plays it'}: {', '.join(sorted(objects))}"
            for (word, counterpart), objects in sorted(having.items())
        )
