"""Taints in the forms that they are written in."""

from collections.abc import Iterable

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import MANAGED, NodeTaint, Pool
from eks_gpu_components.catalog import TAINT_EFFECTS

_FIELDS = ("key", "value", "effect", "timeAdded")


def read_taints(fields: Fields, key: str, findings: Findings) -> list[NodeTaint]:
    """Kubernetes' list, or eksctl's map of a key to `value:Effect`."""
    return _of_map(fields, key, findings) if fields.is_map(key) else _of_list(fields, key, findings)


def tell_of_missing_values(pool: Pool, taints: Iterable[NodeTaint]) -> None:
    """Tells of the taints of a pool without a value: those of the settings all have one."""
    for taint in taints:
        if taint.value:
            continue
        why = "the settings' taints all have one"
        if pool.backend == MANAGED:
            why = "the cluster autoscaler skips such a taint of a managed node group"
        message = f"taint {taint.key} has no value, and {why}: its value is true, which operator Exists tolerates"
        pool.findings.tell("taints-have-a-value", taint.place, message)


def _of_list(fields: Fields, key: str, findings: Findings) -> list[NodeTaint]:
    found = []
    for item in fields.parts(key):
        name, effect = item.text("key", required=True), item.text("effect", required=True, of=TAINT_EFFECTS)
        value = item.text("value")
        item.replaced("timeAdded")
        for other in item:
            if other not in _FIELDS:
                item.replaced(other)
                whose = ", but of a toleration" if other in ("operator", "tolerationSeconds") else ""
                message = f"{other[:100]} is no field of a taint{whose}: leave it out"
                findings.tell("node-pool-fields-fit-the-chart", item.place(other), message)
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
            findings.tell("taints-have-an-effect", place, message)
            found.append(NodeTaint(name, value or effect, "NoSchedule", place))
    return found
