"""Drift for people: a line for each field that differs."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from eks_gpu.graph.unread import grouped
from eks_gpu.io.tables import bullets, table
from eks_gpu.live.drift import WHOLE, Drift


def render(found: Drift) -> RenderableType:
    """The verdict first."""
    return Group(*_parts(found))


def _parts(found: Drift) -> Iterator[RenderableType]:
    yield Text(_verdict(found), style="bold")
    if found.differences:
        made = table("pool", "what", "program", "cluster")
        for each in found.differences:
            what = "whole pool" if each.field == WHOLE else each.field.replace("_", " ")
            made.add_row(each.pool, what, _shown(each.program), _shown(each.cluster))
        yield Text()
        yield made
    if rows := [row for row in found.unread if row.what == "nodes"]:
        yield Text("\nNot compared:")
        yield bullets(f"{subjects}: {why}; {how}" for _, subjects, why, how in grouped(rows))


def _verdict(found: Drift) -> str:
    count, pools = len(found.differences), {each.pool for each in found.differences}
    if count:
        things = f"{count} difference{'s' * (count != 1)} in {len(pools)} pool{'s' * (len(pools) != 1)}"
        return f"{found.project}/{found.stack} and cluster {found.cluster}: {things}"
    same = f"{len(found.compared)} pool{'s' * (len(found.compared) != 1)} as the program has them"
    unsure = ", and nodes that could not be read" if found.failed else ""
    return f"{found.project}/{found.stack} and cluster {found.cluster}: {same}{unsure}"


def _shown(value: Any) -> str:
    """A value as a person writes it."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "none"
    if isinstance(value, list):
        texts = (
            f"{each['key']}={each.get('value', '')}:{each['effect']}" if isinstance(each, dict) else each
            for each in value
        )
        return ", ".join(map(str, texts)) or "none"
    return str(value)
