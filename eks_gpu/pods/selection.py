"""Selection: which nodes a pod's node selector and required node affinity match, by the nodes' labels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from eks_gpu.pods.pod import Expression, Pod, Term
from eks_gpu.pods.reasons import NOTHING, Reason, Rule
from eks_gpu_components.catalog import requirement_holds


def unselected(pod: Pod, labels: Mapping[str, str]) -> Reason:
    """Why the pod's selector or required node affinity does not match; empty when both do."""
    for key, value in pod.node_selector.items():
        if labels.get(key) != value:
            return Reason(f"pod selects {key}={value}, nodes have {_shown(key, labels)}", Rule.LABEL, key)
    if pod.node_affinity is None or any(_holds(term, labels) for term in pod.node_affinity):
        return NOTHING
    failing = [_first_failing(term, labels) for term in pod.node_affinity]
    shown = dict.fromkeys(
        _shown(expression.key, labels) for term in pod.node_affinity for expression in term.expressions
    )
    wanted = " or ".join(map(str, failing)) or "a node affinity term"
    subject = next((found.key for found in failing if isinstance(found, Expression)), "")
    return Reason(f"pod requires {wanted}, nodes have {', '.join(shown) or 'none'}", Rule.LABEL, subject)


def _holds(term: Term, labels: Mapping[str, str]) -> bool:
    return _first_failing(term, labels) is None


def _first_failing(term: Term, labels: Mapping[str, str]) -> Expression | str | None:
    """The part of a term that does not hold; an empty term never does."""
    if not term.expressions and not term.fields:
        return "an empty term"
    for expression in term.expressions:
        if not matches(expression, labels):
            return expression
    # A new node's name is not known beforehand: nobody can ask for it, but anybody can rule out another.
    return next((field for field in term.fields if field.operator != "NotIn"), None)


def matches(expression: Expression, labels: Mapping[str, str]) -> bool:
    """Whether these labels meet it."""
    return requirement_holds(expression.operator, expression.values, labels.get(expression.key))


def _shown(key: str, labels: Mapping[str, str]) -> str:
    return f"{key}={labels[key]}" if key in labels else f"no label {key}"


def granted(requirements: Sequence[Expression], pod: Pod) -> Iterator[dict[str, str]]:
    """Labels that a node pool may give a node for this pod: one set for every combination of values."""
    by_key: dict[str, list[Expression]] = {}
    for expression in requirements:
        by_key.setdefault(expression.key, []).append(expression)
    options = []
    for key, expressions in by_key.items():
        named = [value for found in expressions if found.operator == "In" for value in found.values]
        allowed = [value for value in named or _asked(pod, key) if all(matches(e, {key: value}) for e in expressions)]
        options.append([(key, value) for value in allowed] or [None])
    for combination in product(*options):
        yield dict(pair for pair in combination if pair)


def _asked(pod: Pod, key: str) -> list[str]:
    """Values of a label that the pod would take."""
    selected = [value for name, value in pod.node_selector.items() if name == key]
    terms = (expression for term in pod.node_affinity or () for expression in term.expressions)
    return selected + [value for found in terms if (found.key, found.operator) == (key, "In") for value in found.values]
