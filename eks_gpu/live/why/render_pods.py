"""Why pods wait, in a terminal of 80 columns: the cause, what to do, the pools, and what controllers said."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from eks_gpu.graph.unread import grouped
from eks_gpu.io.tables import bullets, headless
from eks_gpu.live.why.diagnosis import Diagnosis
from eks_gpu.live.why.launches import about
from eks_gpu.live.why.no_pool import PoolRow
from eks_gpu.live.why.pod_answer import PodAnswer
from eks_gpu.live.why.refused_launches import shortened
from eks_gpu.live.why.said import Said
from eks_gpu.live.why.waiting_pods import Waiting

_SAID = 6
"""Words of controllers that are shown of one entry, the newest."""
_NAMED = 3
"""Pods of an entry whose words are looked through."""
_POOLS = 8
"""Answers of pools that are shown of one entry."""


def render(answer: PodAnswer) -> RenderableType:
    """Equal pods of one owner are one entry."""
    parts: list[RenderableType] = []
    for alike in _alike(answer.waiting):
        parts += ["", *_entry(answer, alike)]
    if answer.others:
        parts += ["", bullets([_not_waiting(each) for each in answer.others])]
    elif not answer.waiting:
        parts += ["", f"no pod of cluster {answer.cluster} waits"]
    if answer.unread:
        lines = [f"{subjects}: {why}; {how}" for _, subjects, why, how in grouped(answer.unread)]
        parts += ["", Text("not read", "bold"), bullets(lines)]
    return Group(*parts, "")


def _alike(found: Sequence[Diagnosis]) -> Iterator[list[Diagnosis]]:
    """Pods of one owner that wait for the same reason, those that get stuck first."""
    groups: dict[tuple[object, ...], list[Diagnosis]] = {}
    for each in found:
        waiting = each.waiting
        whose = waiting.owner or waiting.name
        why = each.cause.id if each.cause.passes else each.cause  # each machine that comes has its own name
        groups.setdefault((waiting.namespace, whose, bool(waiting.missing), why), []).append(each)
    yield from sorted(groups.values(), key=lambda group: group[0].cause.passes)


def _entry(answer: PodAnswer, alike: list[Diagnosis]) -> Iterator[RenderableType]:
    first = alike[0]
    yield Text.assemble((_title(alike), "bold"), (_since(answer, alike), "dim"))
    rows = headless(gap=2)
    rows.add_column()
    rows.add_column(overflow="fold")
    cause = first.cause
    colour = "yellow" if cause.passes else "red"
    others = len({each.cause.message for each in alike}) - 1
    more = f"; and {others} more like this" if others else ""
    rows.add_row(Text("cause", "bold"), Text.assemble((f"{cause.id.value}: ", f"bold {colour}"), cause.message, more))
    rows.add_row(Text("fix", "bold"), Text(cause.fix))
    yield rows
    if first.pools:
        yield Text("pools", "bold")
        yield _pools(first.pools, cause.message)
    if said := list(dict.fromkeys(each for found in alike[:_NAMED] for each in found.said)):
        yield Text("said", "bold")
        yield _said(_newest(said))


def _title(alike: list[Diagnosis]) -> str:
    waiting = alike[0].waiting
    where = f"in namespace {waiting.namespace}"
    if waiting.missing:
        missing = sum(each.waiting.missing for each in alike)
        return f"{_pods(missing)} of {waiting.owner} {where} that {'do' if missing > 1 else 'does'} not exist"
    if len(alike) == 1 or not waiting.owner:
        of = f" of {waiting.owner}" if waiting.owner else ""
        return f"pod {waiting.name}{of} {where}"
    return f"{len(alike)} pods of {waiting.owner} {where}"


def _pods(count: int) -> str:
    return f"{count} pod{'s' * (count != 1)}"


def _since(answer: PodAnswer, alike: list[Diagnosis]) -> str:
    times = [waited for each in alike if (waited := answer.waited(each.waiting)) is not None]
    return f", for {about(max(times))}" if times else ""


def _pools(rows: Sequence[PoolRow], cause: str) -> RenderableType:
    """Pools with the same words once, and the words of the cause not again."""
    alike: dict[tuple[bool, str, str], list[str]] = {}
    for row in rows:
        alike.setdefault((row.admits, row.reason, row.fix), []).append(str(row.pool))
    table = headless(gap=2)
    table.add_column()
    table.add_column(overflow="fold")
    ordered = sorted(alike.items(), key=lambda item: not item[0][0])
    for (admits, reason, fix), names in ordered[:_POOLS]:
        but = f", but {reason}" if reason else ""
        if reason == cause:
            but = "; the cause keeps it from starting a node"
        text = Text(f"takes it{but}" if admits else reason)
        if fix and not admits:
            text.append(f"\n{fix}", "dim")
        table.add_row(Text("\n".join(f"  {name}" for name in names), "green" if admits else "red"), text)
    if left := [name for _, names in ordered[_POOLS:] for name in names]:
        table.add_row(Text("  …"), Text(f"{len(left)} more, in --json", "dim"))
    return table


def _newest(said: Sequence[Said]) -> list[Said]:
    last = {
        (each.by, each.reason): each for each in sorted(said, key=lambda each: each.at.timestamp() if each.at else 0)
    }
    return list(last.values())[-_SAID:]


def _said(rows: Sequence[Said]) -> RenderableType:
    table = headless(gap=2)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in rows:
        at = each.at.strftime("%H:%M:%S") if each.at else ""
        table.add_row(
            Text(f"  {at}", "dim"), Text.assemble((f"{each.by}: {each.reason}: ", "bold"), shortened(each.message))
        )
    return table


def _not_waiting(waiting: Waiting) -> str:
    where = f" on node {waiting.node}" if waiting.node else ""
    return f"pod {waiting.namespace}/{waiting.name} does not wait: it is {waiting.phase}{where}"
