"""A stack as a graph, from a preview or a state. Values unknown in a preview are filled in if certain."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eks_gpu.foreign.component import with_inputs
from eks_gpu.foreign.documents import Document, Registered
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.regions import region_of
from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import HIDDEN, Path, Unknown, decoded, known, replaced, shown, unknowns, written
from eks_gpu.io.problems import InputError
from eks_gpu.offline.account import Account
from eks_gpu.offline.kubernetes_children import RELEASE, KubernetesChildren
from eks_gpu.offline.provider_outputs import outputs_of
from eks_gpu.plan.shapes import read
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint_or_all

_PROVIDER = "pulumi:providers:aws"
_OUTPUTS = {
    **dict.fromkeys(("arn", "arns"), "arn"),
    **dict.fromkeys(("name", "names"), "name"),
    **dict.fromkeys(("url", "urls"), "url"),
    **dict.fromkeys(("id", "ids", "identifiers", "role"), "id"),
    "version": "latestVersion",
}
"""End of a property's name -> the output that it takes; of other properties nothing is said."""
_MEANS = {"vpczoneidentifiers": "subnet"}
"""A property that is not named after the kind whose ids it holds."""

SOME_ID = "known-later"
"""For an id of something that the stack does not make, as an image's: which one is not known, but there is one."""


@dataclass(frozen=True)
class Foreign:
    """What one document tells of a stack."""

    project: str
    stack: str
    region: str
    """Region of AWS; empty where the stack has none."""
    graph: Graph
    assumed: list[str]
    """What it does not tell, a sentence each."""
    unknown: Mapping[str, tuple[str, ...]]
    """Properties that only `pulumi up` will tell, by URN."""
    places: Mapping[str, str]
    """`file:line` of the program, by URN, where the engine tells it."""


def foreign(document: Document, region: str = "", *, whole: bool = False) -> Foreign:
    """`region` for a stack that does not say where it is; a `whole` one of Kubernetes objects alone needs none.

    Raises InputError.
    """
    found = region or _region(document)
    if found not in regions() and not (whole and not found and _without_aws(document)):
        rule = f"must be a region of AWS, got {found!r}{hint_or_all(found, regions())}" if found else "is required"
        raise InputError(f"--region: {rule}: {document.file} tells of no provider for AWS with a region")
    raw = {each.urn: _resource(each) for each in document.registered}
    hidden = {each.urn: tuple(unknowns(each.inputs, which=HIDDEN)) for each in raw.values()}
    resources, unknown = _filled(raw, Account(found))
    return Foreign(
        document.project,
        document.stack,
        found,
        Graph(
            resources.values(),
            options_known=document.options_known,
            created=document.created,
            unread=[*_left_out(document), *_releases(resources.values())],
        ),
        sorted(_assumed(document, raw, hidden, unknown)),
        unknown,
        {each.urn: place for each in document.registered if (place := _place(each.source_position))},
    )


def _without_aws(document: Document) -> bool:
    """Whether it has objects of Kubernetes, and nothing of AWS."""
    packages = {each.type.partition(":")[0] for each in document.registered if not each.type.startswith("pulumi:")}
    return "kubernetes" in packages and not packages & {"aws", "aws-native", "awsx", "eks"}


def _left_out(document: Document) -> Iterator[Unread]:
    """What a preview leaves out if it is not asked: resources that stay as they are, maybe with nodes."""
    if document.left_out:
        yield Unread(
            f"{document.left_out} unchanged resources",
            "nodes",
            "the preview only counts them",
            "run `pulumi preview --json --show-sames`",
        )


def _releases(resources: Iterable[Resource]) -> list[Unread]:
    """Releases whose objects nobody has told: those of other charts are resources of their own."""
    children = KubernetesChildren()
    for resource in resources:
        if resource.type == RELEASE:
            children.recorded(resource)
    return children.unread


def _region(document: Document) -> str:
    """The configured one, else that of the first provider."""
    configured = decoded(document.config.get("aws:region"))
    if isinstance(configured, str):
        return configured
    of_providers = (decoded(each.inputs.get("region")) for each in document.registered if each.type == _PROVIDER)
    return next((found for found in of_providers if isinstance(found, str)), "")


def _name(path: Path) -> str:
    """The innermost key of a path."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _resource(told: Registered) -> Resource:
    inputs = {key: value for key, value in told.inputs.items() if not key.startswith("__")}
    plain, masked = decoded(inputs), shown(inputs, told.type)
    options: dict[str, Any] = {"protect": told.protect, "retainOnDelete": told.retain_on_delete}
    return Resource(
        urn=told.urn,
        type=told.type,
        name=told.urn.rpartition("::")[2],
        parent=told.parent,
        custom=told.custom,
        id="" if isinstance(decoded(told.id), Unknown) else told.id,
        inputs=plain,
        outputs=decoded(dict(told.outputs)),
        options={**options, "ignoreChanges": list(told.ignore_changes or ())},
        dependencies=frozenset(told.dependencies),
        property_dependencies={key: frozenset(urns or ()) for key, urns in told.property_dependencies.items()},
        provider=told.provider,
        masked=None if masked == plain else masked,
    )


class _NoReferences:
    """A remote component's resources are in the document themselves."""

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        return {"urn": f"{parent}::{type_}::{name}"}


def _filled(
    resources: Mapping[str, Resource], account: Account
) -> tuple[dict[str, Resource], dict[str, tuple[str, ...]]]:
    """Each resource with an id and outputs as AWS would give them, and with those of others where it waits for them."""
    found: dict[str, Resource] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    for urn, resource in resources.items():  # in the order of registration: what one waits for is before it
        stand_ins = dict(_stand_ins(resource, found))
        left = [path for path in unknowns(resource.inputs) if path not in stand_ins]
        inputs = replaced(resource.inputs, stand_ins, urn)
        told = known(resource.outputs)
        made = replace(resource, inputs=inputs, outputs=told)
        if resource.custom and not told.get("id"):
            with read([made]):
                place = account.at(region_of(made, found.get, account.region))
                answered = {**inputs, **outputs_of(place, made, _NoReferences())}
            made = replace(made, id=resource.id or str(answered.get("id", "")), outputs={**answered, **told})
        found[urn] = made
        if left:
            unknown[urn] = tuple(dict.fromkeys(map(written, left)))
            found[urn] = replace(made, unknown=unknown[urn])
    return with_inputs(found), unknown


def _stand_ins(resource: Resource, known: Mapping[str, Resource]) -> Iterator[tuple[Path, Any]]:
    """For an unknown that comes from one resource, or a list of them from as many: what that resource will have."""
    by_property: dict[str, list[Path]] = {}
    for path in unknowns(resource.inputs):
        by_property.setdefault(str(path[0]), []).append(path)
    for name, paths in by_property.items():
        sources = [known[urn] for urn in sorted(resource.property_dependencies.get(name, ())) if urn in known]
        sources = [source for source in sources if source.custom]
        for position, path in enumerate(paths):
            key = next((str(part) for part in reversed(path) if isinstance(part, str)), name)
            source = _source(key, sources, position, len(paths))
            value = _value(key, source) if source else None
            if value is None and _squeezed(key).endswith("id"):
                value = SOME_ID
            if value:
                yield path, value


def _source(key: str, sources: list[Resource], position: int, of: int) -> Resource | None:
    """Whose value it is: the resource that the property is named after, else the only one, or each its own."""
    wanted = _MEANS.get(_squeezed(key), _squeezed(key))
    named = [source for source in sources if _kind(source) and _kind(source) in wanted]
    candidates = named or sources
    if len(candidates) == 1:
        return candidates[0]
    return candidates[position] if len(candidates) == of else None


def _value(key: str, source: Resource) -> Any:
    wanted = _squeezed(key)
    ends = [end for end in _OUTPUTS if wanted.endswith(end)]
    if not ends:
        return None
    output = _OUTPUTS[max(ends, key=len)]
    value = source.id if output == "id" else source.outputs.get(output)
    return str(value) if value else None


def _kind(resource: Resource) -> str:
    """`launchtemplate` of aws:ec2/launchTemplate:LaunchTemplate."""
    return _squeezed(resource.type.rpartition(":")[2])


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _assumed(
    document: Document,
    resources: Mapping[str, Resource],
    hidden: Mapping[str, tuple[Path, ...]],
    unknown: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:
    if not document.options_known:
        yield "which changes a resource ignores is not told: whether a size belongs to the autoscaler is not judged"
    secret = {urn: {written(path) for path in paths} for urn, paths in hidden.items()}
    count = sum(path not in secret[urn] for urn, paths in unknown.items() for path in paths)
    if count:
        yield f"{count} properties are known after `pulumi up` only; a check that needs one is not judged"
    for urn, paths in secret.items():
        # An object of Kubernetes or of AWS may hold nodes or pods; a provider's own secrets decide nothing.
        if paths and resources[urn].custom and not resources[urn].type.startswith("pulumi:"):
            named = ", ".join(sorted(paths))
            yield f"{named} of {resources[urn].name} ({resources[urn].type}): secret and encrypted, so not read"


def _place(source: str) -> str:
    """`components/pool.py:94` of `project:///components/pool.py#94`."""
    found = re.fullmatch(r"project:///(.+?)#(\d+)(?:,\d+)?", source)
    return f"{found[1]}:{found[2]}" if found else ""
