"""Pools that no stack shows: node pools and node classes as `kubectl get` prints them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.io.documents import Map, kubernetes_objects, plain, read
from eks_gpu.io.input_files import STDIN
from eks_gpu.io.problems import InputError
from eks_gpu.karpenter.objects import NODE_CLASSES, NODE_POOL, part
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.readers import pools
from eks_gpu_components.catalog import KARPENTER_CORE_GROUP

COMMAND = "kubectl get nodepools,ec2nodeclasses,nodeclasses -o yaml"
_KINDS = {"NodePool": NODE_POOL, **{kind: type_ for (_, kind), type_ in NODE_CLASSES.items()}}
_VERSIONS = {
    "NodePool": f"{KARPENTER_CORE_GROUP}/v1",
    **{kind: f"{group}/v1" for group, kind in NODE_CLASSES},
}
_SUBNET = "aws:ec2/subnet:Subnet"
_URN = "urn:pulumi:given::pools"


def given_pools(file: Path) -> list[Resource]:
    """The node pools and node classes of a file, `-` for stdin, and the subnets that a class's status names.

    Raises InputError with every problem, each with its line.
    """
    name = "stdin" if file == STDIN else str(file)
    rows: list[Resource] = []
    problems: list[str] = []
    for found, line in kubernetes_objects(read(file, name)):
        place = f"{name}:{line}"
        if problem := _problem(found):
            problems.append(f"{place}: {problem}")
            continue
        made = list(_rows(plain(found)))
        try:
            pools(Graph(made), "")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            problems.append(f"{place}: {found['kind']} {found['metadata']['name']} is not as its kind has it: {error}")
        rows += made
    if problems:
        raise InputError(problems)
    if not any(row.type == NODE_POOL for row in rows):
        raise InputError(f"{name}: must hold a NodePool, as `{COMMAND}` prints them")
    return rows


def pools_of(rows: Sequence[Resource], graph: Graph, region: str, cluster: str) -> list[Pool]:
    """The pools of rows from `given_pools`, beside a stack that may have the subnets of their classes."""
    urns = {row.urn for row in rows}
    found = pools(Graph([*(resource for resource in graph if resource.type == _SUBNET), *rows]), region)
    return [replace(pool, cluster=cluster, given=True) for pool in found if pool.urn in urns]


def _problem(found: Any) -> str:
    kinds = ", ".join(_KINDS)
    if not isinstance(found, Map):
        return f"must be an object of kind {kinds}, got {type(found).__name__}"
    kind, version = found.get("kind"), found.get("apiVersion")
    if kind not in _KINDS:
        return f"kind must be one of {kinds}, got {kind}"
    if version != _VERSIONS[str(kind)]:
        return f"apiVersion of {kind} must be {_VERSIONS[str(kind)]}, got {version}"
    metadata = found.get("metadata")
    if not (isinstance(metadata, Map) and metadata.get("name")):
        return f"{kind} needs metadata.name"
    if not isinstance(found.get("spec"), Map):
        return f"{kind} {metadata['name']} needs spec"
    return ""


def _rows(manifest: Mapping[str, Any]) -> Iterator[Resource]:
    kind, name = str(manifest["kind"]), str(manifest["metadata"]["name"])
    spec = manifest["spec"]
    status = part(manifest, "status").get("subnets")
    subnets = [row for row in status if isinstance(row, Mapping)] if isinstance(status, list) else []
    if subnets:
        spec = {**spec, "subnetSelectorTerms": [{"id": row.get("id")} for row in subnets]}
    inputs = {"apiVersion": manifest["apiVersion"], "kind": kind, "metadata": {"name": name}, "spec": spec}
    yield Resource(f"{_URN}::{_KINDS[kind]}::{name}", _KINDS[kind], name, inputs=inputs)
    for row in subnets:
        id_ = str(row.get("id"))
        zone = {"availabilityZone": row.get("zone")}
        yield Resource(f"{_URN}::{_SUBNET}::{id_}", _SUBNET, id_, id=id_, inputs=zone)
