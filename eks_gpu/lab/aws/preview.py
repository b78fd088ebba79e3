"""A resource's outputs in a preview: what is given, and what AWS has said of it; the rest is still to come."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from eks_gpu.lab.aws import sdk
from eks_gpu.lab.aws.core import row
from eks_gpu.lab.aws.row import State


def foreseen(token: str, new: State, outputs: State | None = None, old: State | None = None) -> dict[str, Any]:
    """Of a resource that `new` inputs would make; with `outputs` and `old` inputs, of one that they would change.

    What AWS adds to an object among the inputs, as a cluster's security group to its `vpcConfig`, is an output too.
    Raises Refused for a type that has no row.
    """
    of, declared = row(token), sdk.output_types(token)
    found = _level(declared, new, outputs, old or {})
    for key, value in new.items():
        if sdk.is_object(declared.get(key)) and isinstance(value, dict):
            found[key] = _level(sdk.members(declared[key]), value, (outputs or {}).get(key), (old or {}).get(key) or {})
    if outputs is not None:
        found |= dict.fromkeys(of.renewed - new.keys(), UNKNOWN)
    return {**found, **({"tagsAll": new["tags"]} if of.tag and new.get("tags") else {})}


def _level(names: Iterable[str], new: State, outputs: State | None, old: State) -> dict[str, Any]:
    """One object's properties. What is no longer given gets a default of AWS's, which nobody knows before."""
    if outputs is None:
        return {**dict.fromkeys(names, UNKNOWN), **new}
    return {**dict.fromkeys(old.keys() - new.keys(), UNKNOWN), **computed(outputs, old), **new}


def computed(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs that were no inputs: what AWS added, such as the ARN."""
    return {key: value for key, value in outputs.items() if key not in inputs}
