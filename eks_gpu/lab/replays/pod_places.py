"""What pods say of the nodes that they want: tolerations, selectors, affinity; right, and as people get them wrong."""

from random import Random
from typing import Any

from eks_gpu.lab.replays.pod_draft import Draft, Feature
from eks_gpu_components.catalog import ARCH_LABEL, CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL
from eks_gpu_components.catalog.requirements import WORD_OPERATORS

# --- taints ----------------------------------------------------------------------------------------------------------


def tolerates_the_value(draft: Draft, right: bool) -> None:
    taint, its = draft.taint, draft.taint.get("value", "")
    wrong = draft.random.choice([{"value": f"{its}x"}, {"value": ""}, {}] if its else [{"value": "x"}])
    value = {"value": its} if right else wrong
    operator = draft.random.choice([{"operator": "Equal"}, {}])
    draft.spec["tolerations"] = [{"key": taint["key"], **operator, **value, "effect": taint["effect"]}]


def tolerates_nothing(draft: Draft, right: bool) -> None:
    if not right:
        draft.spec.pop("tolerations", None)


def tolerates_the_effect(draft: Draft, right: bool) -> None:
    wrong = draft.random.choice(["NoExecute", "PreferNoSchedule"])
    effect = {"effect": draft.taint["effect"] if right else wrong}
    draft.spec["tolerations"] = [{"key": draft.taint["key"], "operator": "Exists", **effect}]


def tolerates_every_key(draft: Draft, right: bool) -> None:
    effect = draft.random.choice([{}, {"effect": draft.taint["effect"]}]) if right else {"effect": "NoExecute"}
    draft.spec["tolerations"] = [{"operator": "Exists", **effect}]


def tolerates_the_key(draft: Draft, right: bool) -> None:
    key = draft.taint["key"] if right else draft.random.choice([f"{draft.taint['key']}s", "dedicated"])
    others = [{"key": "dedicated", "operator": "Equal", "value": "batch"}]
    draft.spec["tolerations"] = [*others, {"key": key, "operator": "Exists"}]


# --- labels ----------------------------------------------------------------------------------------------------------


def selects(draft: Draft, right: bool) -> None:
    """By some of the machine's labels, of which one may have another value or be missing there."""
    chosen = dict(draft.label() for _ in range(draft.random.randint(1, 3)))
    if not right:
        key = draft.random.choice(sorted(chosen))
        chosen |= draft.random.choice([{key: "other"}, {"disktype": "ssd"}, {key: ""}])
    draft.spec["nodeSelector"] = chosen


def selects_the_zone(draft: Draft, right: bool) -> None:
    here = draft.machine.labels[ZONE_LABEL]
    draft.spec["nodeSelector"] = {ZONE_LABEL: here if right else f"{here[:-1]}{'b' if here[-1] != 'b' else 'a'}"}


def selects_the_architecture(draft: Draft, right: bool) -> None:
    here = draft.machine.labels[ARCH_LABEL]
    draft.spec["nodeSelector"] = {ARCH_LABEL: here if right else {"amd64": "arm64", "arm64": "amd64"}[here]}


def selects_the_capacity_type(draft: Draft, right: bool) -> None:
    here = draft.machine.labels.get(CAPACITY_TYPE_LABEL, "")
    wrong = "on-demand" if here == "spot" else "spot"
    if here or not right:
        draft.spec["nodeSelector"] = {CAPACITY_TYPE_LABEL: here if right else wrong}


def names_instance_types(draft: Draft, right: bool) -> None:
    names = ["p4d.24xlarge", "t3.nano", *([draft.machine.labels[INSTANCE_TYPE_LABEL]] if right else [])]
    draft.require({"matchExpressions": [{"key": INSTANCE_TYPE_LABEL, "operator": "In", "values": names}]})


def expression(draft: Draft, operator: str, right: bool) -> dict[str, Any]:
    """One requirement that holds on the machine, or does not."""
    key, value = draft.label(numeric=operator in ("Gt", "Lt"))
    match operator:
        case "In":
            return {"key": key, "operator": "In", "values": ["other", value] if right else ["other", "else"]}
        case "NotIn":
            absent = draft.random.random() < 0.3
            values = ["other"] if right else ["other", value]
            return {"key": "disktype" if absent and right else key, "operator": "NotIn", "values": values}
        case "Exists":
            return {"key": key if right else "disktype", "operator": "Exists"}
        case "DoesNotExist":
            return {"key": "disktype" if right else key, "operator": "DoesNotExist"}
        case _:
            return {"key": key, "operator": operator, "values": [_bound(draft.random, operator, value, right)]}


def _bound(random: Random, operator: str, value: str, right: bool) -> str:
    """A number that the value is above or below, or not; without a number there is no way to be right."""
    number = int(value) if value.isdigit() else 0
    if right:
        beyond = number - 1 if operator == "Gt" else number + 1
        return random.choice([str(beyond), f"0{beyond}" if beyond >= 0 else str(beyond)])
    if random.random() < 0.3:  # no numbers, which the API takes all the same
        return (
            "1_0"
            if operator == "Lt" and number > 10
            else random.choice(["x", "", "9" * 20 if operator == "Lt" else "1.5"])
        )
    return str(number)


def requires(operator: str) -> Feature:
    def put(draft: Draft, right: bool) -> None:
        draft.require({"matchExpressions": [expression(draft, operator, right)]})

    return put


def requires_one_of_several(draft: Draft, right: bool) -> None:
    terms = [{"matchExpressions": [expression(draft, "In", False)]} for _ in range(2)]
    if right:
        terms.insert(draft.random.randint(0, 2), {"matchExpressions": [expression(draft, "In", True)]})
    draft.require(*terms)


def requires_all_of_a_term(draft: Draft, right: bool) -> None:
    expressions = [expression(draft, operator, True) for operator in WORD_OPERATORS]
    if not right:
        expressions.append(expression(draft, draft.random.choice(["In", "Exists"]), False))
        draft.random.shuffle(expressions)
    draft.require({"matchExpressions": expressions})


def requires_an_empty_term(draft: Draft, right: bool) -> None:
    """Which holds nowhere, and so is no harm beside another."""
    draft.require({}, *([{"matchExpressions": [expression(draft, "Exists", True)]}] if right else []))


def requires_a_node(draft: Draft, right: bool) -> None:
    """By name: one can be ruled out before it is there, and none asked for."""
    field = {"key": "metadata.name", "operator": "NotIn" if right else "In", "values": ["ip-10-0-0-1.ec2.internal"]}
    more = {"matchExpressions": [expression(draft, "In", True)]} if draft.random.random() < 0.5 else {}
    draft.require({"matchFields": [field], **more})


def prefers(draft: Draft, right: bool) -> None:
    """What is preferred decides nothing."""
    term = {"matchExpressions": [{"key": "disktype", "operator": "In", "values": ["ssd"]}]}
    draft.affinity["preferredDuringSchedulingIgnoredDuringExecution"] = [{"weight": 100, "preference": term}]


def selects_and_requires(draft: Draft, right: bool) -> None:
    """Both must hold."""
    selector = draft.random.random() < 0.5
    draft.spec["nodeSelector"] = dict([draft.label()]) if right or selector else {"disktype": "ssd"}
    draft.require({"matchExpressions": [expression(draft, "In", right or not selector)]})
