"""What a plan leaves out because a value is unknown: resources of callbacks that do not run, and of branches not taken.

A callback that waits for an unknown value does not run, and neither a preview nor a plan sees what it would register.
Its code says which classes of resources it names, in the functions of the program that it calls too.
"""

import ast
import dis
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import pulumi

from eks_gpu.graph.unread import Unread, What
from eks_gpu.offline.questions import ANSWERS_FILE

HOW = f"answer it in {ANSWERS_FILE} beside Pulumi.yaml, which plan --record-answers FILE begins"
LENGTH = "the length of "
"""How a decision begins that is about how long a list is."""
_NODES = {
    "pulumi_aws.eks": ("Cluster", "FargateProfile", "NodeGroup"),
    "pulumi_aws.autoscaling": ("Group",),
    "pulumi_aws.ec2": ("Fleet", "SpotFleetRequest"),
    "pulumi_aws.cloudformation": ("Stack", "StackSet"),
}
_OF_PULUMI_EKS = ("ManagedNodeGroup", "NodeGroupV2")
_NODES_OR_PODS = ("ConfigFile", "ConfigGroup", "CustomResource", "Directory")
_PODS = ("CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "ReplicationController", "StatefulSet")
_SOFTWARE = ("Chart", "Release")


def what_it_holds(kind: type[pulumi.Resource]) -> What | None:
    """What a plan misses that does not have a resource of an SDK's class; None if it is neither nodes nor pods."""
    package, _, rest = kind.__module__.partition(".")
    home, name = f"{package}.{rest.partition('.')[0]}", kind.__name__
    if package == "pulumi_eks" or name in _NODES.get(home, ()):
        return "nodes"
    if package != "pulumi_kubernetes":
        return None
    return "nodes" if name in _NODES_OR_PODS else "pods" if name in _PODS else "software" if name in _SOFTWARE else None


def what_a_class_holds(name: str) -> What | None:
    """The same by a class's name alone, as the text of a program in another language has it."""
    if name in _NODES_OR_PODS or any(name in names for names in (*_NODES.values(), _OF_PULUMI_EKS)):
        return "nodes"
    return "pods" if name in _PODS else "software" if name in _SOFTWARE else None


def rows(place: str, function: Callable[..., Any], waits_for: str, own: Callable[[str], str]) -> Iterator[Unread]:
    """What a callback would have registered; `own` is empty for a file that is none of the program's."""
    held: dict[What, list[str]] = {}
    for kind in resource_classes(function, own):
        if what := what_it_holds(kind):
            held.setdefault(what, []).append(kind.__name__)
    for what, names in held.items():
        why = f"it registers {' and '.join(sorted(set(names)))}, and does not run: nobody knows what it waits for"
        yield Unread(f"{place}: apply{waits_for}".strip(), what, why, HOW)


def resource_classes(function: Callable[..., Any], own: Callable[[str], str]) -> Iterator[type[pulumi.Resource]]:
    """Classes of SDKs' resources that a function of the program names, and those that it calls."""
    seen: set[CodeType] = set()
    waiting: list[Any] = [function]
    while waiting:
        found = waiting.pop()
        bound: Mapping[str, Any] = {}
        if isinstance(found, MethodType):
            bound, found = {found.__func__.__code__.co_varnames[0]: found.__self__}, found.__func__
        if isinstance(found, type):
            if not issubclass(found, pulumi.Resource):
                continue
            if found.__module__.partition(".")[0].startswith("pulumi_"):
                yield found
                continue
            found = found.__init__  # a component of the program: what it is made of counts
        if isinstance(found, FunctionType) and found.__code__ not in seen and own(found.__code__.co_filename):
            seen.add(found.__code__)
            waiting += _named(found.__code__, {**found.__globals__, **_closure(found), **bound})


def _closure(function: FunctionType) -> dict[str, Any]:
    """Names that a function has from around it, with their values."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    return found


def _named(code: CodeType, scope: Mapping[str, Any]) -> Iterator[Any]:
    """Values that code names: `Group`, or `aws.eks.NodeGroup` through modules; functions inside of it too."""
    value: Any = None
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST", "LOAD_CLASSDEREF"):
            yield value
            value = scope.get(str(step.argval))
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and value is not None:
            inner = getattr(value, str(step.argval), None) if _opens(value) else None
            value = inner
        elif step.opname not in ("PUSH_NULL", "PRECALL", "CACHE", "RESUME"):
            yield value
            value = None
    yield value
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _named(inner, scope)


def _opens(value: Any) -> bool:
    """Whether a name in it can be looked up without running code of somebody: a module, or a component."""
    return isinstance(value, ModuleType | pulumi.ComponentResource | type)


@cache
def _tree(file: str) -> ast.Module:
    try:
        return ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])


def counts(frame: FrameType) -> bool:
    """Whether a line asks for a length itself: Python asks for one too, as a hint, when it copies a list."""
    calls = (node for node in ast.walk(_tree(frame.f_code.co_filename)) if isinstance(node, ast.Call))
    named = (node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "len")
    return any(_has(node, frame.f_lineno) for node in named)


def decides_on(frame: FrameType, own: Callable[[str], str]) -> What:
    """What a plan may miss because of a line that is a condition, or the range of a loop: values, if nothing else."""
    scope = {**frame.f_globals, **frame.f_locals}
    tests = _decisions(_tree(frame.f_code.co_filename))
    parts = [part for test, found in tests if _has(test, frame.f_lineno) for part in found]
    calls = [inner.func for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Call)]
    named = [value for call in calls if (value := _value(call, scope)) is not None]
    held = {what_it_holds(kind) for value in named for kind in resource_classes(value, own)}
    found: What | None = next((what for what in _BY_WEIGHT if what in held), None)
    return found or "values"


_BY_WEIGHT: tuple[What, ...] = ("nodes", "pods", "software")


def _value(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    """What a name, or a name in modules, stands for."""
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute) and _opens(holder := _value(node.value, scope)):
        return getattr(holder, node.attr, None)
    return None


def _decisions(tree: ast.Module) -> Iterator[tuple[ast.expr, list[Any]]]:
    """Each condition or range, and what it decides on."""
    for node in ast.walk(tree):
        match node:
            case ast.If() | ast.While():
                yield node.test, [*node.body, *node.orelse]
            case ast.IfExp():
                yield node.test, [node.body, node.orelse]
            case ast.For():
                yield node.iter, node.body
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt) | ast.DictComp(value=elt):
                yield from ((test, [elt]) for each in node.generators for test in (each.iter, *each.ifs))
            case _:
                pass


def _has(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def decision_rows(decided: Iterable[tuple[str, str, What]]) -> Iterator[Unread]:
    """A row for each line that decided by a stand-in: place, what it is, and what the plan may miss because of it."""
    for place, of, what in decided:
        then = "with a length of 1" if of.startswith(LENGTH) else "as if the condition did not hold"
        why = f"the program decides by {of}, which nobody knows, and went on {then}"
        yield Unread(place, what, why, HOW)
