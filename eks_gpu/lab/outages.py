"""Outages: instance types without capacity in a zone of the lab's EC2, until the outage is ended."""

import json
from collections.abc import Iterable

from eks_gpu.io.problems import InputError
from eks_gpu.lab.state import Lab, alone
from eks_gpu_components.catalog import UnknownInstanceType, instance_type, zones
from eks_gpu_components.catalog.nearest import hint_or_all

Outage = tuple[str, str]
"""Type and zone."""


def outages(lab: Lab) -> list[Outage]:
    """What EC2 is out of."""
    try:
        return [(type_, zone) for type_, zone in json.loads(lab.outages.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def begin(lab: Lab, type_: str, zone: str) -> list[Outage]:
    """EC2 launches no more of the type in the zone; all outages. Raises InputError for an unknown type or zone."""
    problems = []
    try:
        instance_type(type_)
    except UnknownInstanceType as unknown:
        problems.append(f"TYPE: {unknown}")
    names = [known.name for known in zones(lab.region)]
    if zone not in names:
        problems.append(f"ZONE: {zone} is no zone of the lab's region {lab.region}{hint_or_all(zone, names)}")
    if problems:
        raise InputError(problems)
    return _write(lab, (type_, zone), there=True)


def end(lab: Lab, type_: str, zone: str) -> list[Outage]:
    """EC2 has the type in the zone again; all outages that go on. Raises InputError where there is none."""
    if (type_, zone) not in outages(lab):
        known = ", ".join(" ".join(each) for each in outages(lab)) or "none"
        raise InputError(f"no outage of {type_} in {zone}; there are: {known}")
    return _write(lab, (type_, zone), there=False)


def set_outages(lab: Lab, wanted: Iterable[Outage]) -> None:
    """Begins and ends outages until there are these and no others. Raises InputError for an unknown type or zone."""
    wanted = list(wanted)
    for outage in outages(lab):
        if outage not in wanted:
            end(lab, *outage)
    for outage in wanted:
        begin(lab, *outage)


def _write(lab: Lab, outage: Outage, *, there: bool) -> list[Outage]:
    """The file whole or not at all: EC2 reads it at each launch."""
    with alone(lab.folder):
        others = [each for each in outages(lab) if each != outage]
        now = sorted([*others, outage] if there else others)
        unfinished = lab.outages.with_suffix(".new")
        unfinished.write_text(json.dumps(now), encoding="utf-8")
        unfinished.replace(lab.outages)
    return now
