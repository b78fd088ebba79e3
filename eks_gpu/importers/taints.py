"""Taints in the forms that they are written in."""

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import NodeTaint
from eks_gpu.karpenter.schema import TOLERATION_FIELDS
from eks_gpu_components.catalog import TAINT_EFFECTS


def read_taints(fields: Fields, key: str, findings: Findings) -> list[NodeTaint]:
    """Kubernetes' list, or eksctl's map of a key to `value:Effect`."""
    found = _of_map(fields, key, findings) if fields.is_map(key) else _of_list(fields, key, findings)
    for taint in found:
        if not taint.value:
            message = (
                f"taint {taint.key} has no value, and the cluster autoscaler skips such a taint of a managed node "
                "group: its value is true, which a toleration tolerates by operator Exists"
            )
            findings.tell("taints-have-a-value", taint.place, message)
    return found


def _of_list(fields: Fields, key: str, findings: Findings) -> list[NodeTaint]:
    found = []
    for item in fields.parts(key):
        name, effect = item.text("key", required=True), item.text("effect", required=True, of=TAINT_EFFECTS)
        value = item.text("value")
        item.replaced("timeAdded")
        for field in TOLERATION_FIELDS:
            if field in item:
                item.replaced(field)
                message = f"{field} is no field of a taint: a toleration has it, and the API server refuses it here"
                findings.tell("node-pool-fields-fit-the-chart", item.place(field), message)
        if name and effect:
            found.append(NodeTaint(name, value, effect, item.place("key")))
    return found


def _of_map(fields: Fields, key: str, findings: Findings) -> list[NodeTaint]:
    found = []
    for name, text in fields.strings(key).items():
        value, colon, effect = text.rpartition(":")
        place = fields.below(key, name)
        if effect in TAINT_EFFECTS:
            found.append(NodeTaint(name, value if colon else None, effect, place))
        else:
            message = f"must be value:Effect, as true:NoSchedule, got {text!r}; nearest: {value or effect}:NoSchedule"
            findings.tell("gpu-nodes-are-tainted", place, message)
            found.append(NodeTaint(name, value or effect, "NoSchedule", place))
    return found
