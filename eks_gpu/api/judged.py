"""Whether the API server takes an object: what it refuses, and what nobody here judges."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.api import definitions, names, types
from eks_gpu.api.rules import ruled
from eks_gpu.api.said import Finding, Refused, Unjudged, without_null

_SHORT_NAMES = {"Namespace": names.dns_label, "Service": names.dns_1035}
"""Kinds whose names have no dots."""
_FREELY_NAMED = ("PodDisruptionBudget", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
"""Kinds whose names may be any part of a path."""
_MOST_CHARACTERS = {"CronJob": 52}


@dataclass(frozen=True)
class Judged:
    """What is said of an object. Without refusals and unjudged fields the API server takes it."""

    refused: tuple[Refused, ...]
    unjudged: tuple[str, ...]
    """Paths of fields whose rules are not known here."""


def judged(manifest: Mapping[str, Any]) -> Judged | None:
    """None for a kind whose fields are not known here."""
    key = f"{manifest.get('apiVersion')}/{manifest.get('kind')}"
    if key in types.schema()["kinds"]:
        found = list(_of_kubernetes(types.schema()["kinds"][key], manifest))
    elif key in definitions.definitions():
        found = [*_metadata(manifest), *definitions.misfits(manifest, definitions.definitions()[key])]
    else:
        return None
    refused = dict.fromkeys(each for each in found if isinstance(each, Refused))
    unjudged = dict.fromkeys(each.path for each in found if isinstance(each, Unjudged))
    return Judged(tuple(refused), tuple(unjudged))


def _of_kubernetes(type_: str, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    misfits = list(types.misfits(f"#{type_}", manifest, ""))
    yield from misfits
    if not any(isinstance(each, Refused) for each in misfits):  # rules read values of the right type only
        doubtful = [each.path for each in misfits]
        yield from (each for each in ruled(f"#{type_}", without_null(manifest), "") if each.path not in doubtful)
        yield from _name(manifest)


def _metadata(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Of a custom resource."""
    given = manifest.get("metadata")
    misfits = list(types.misfits("#meta.v1.ObjectMeta", given, "metadata"))
    yield from misfits
    if not any(isinstance(each, Refused) for each in misfits):
        yield from ruled("#meta.v1.ObjectMeta", without_null(given), "metadata")
        yield from _name(manifest)


def _name(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    name, kind = str((manifest.get("metadata") or {}).get("name") or ""), manifest["kind"]
    if kind in _FREELY_NAMED:
        if why := names.path_segment(name):
            yield Refused("metadata.name", why)
    elif kind == "Service" and name[:1].isdigit() and not names.dns_label(name):
        yield Unjudged("metadata.name")  # taken from some version on
    elif why := _SHORT_NAMES.get(str(kind), names.subdomain)(name):
        yield Refused("metadata.name", why)
    elif len(name) > _MOST_CHARACTERS.get(str(kind), 253):
        yield Refused("metadata.name", f"must have at most {_MOST_CHARACTERS[str(kind)]} characters, got {len(name)}")
