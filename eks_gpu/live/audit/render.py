"""An audit for people: what is left, what it costs, and the command that ends it."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from eks_gpu.io.tables import bullets
from eks_gpu.live.audit.audit import Audit, Leftover


def render(found: Audit) -> RenderableType:
    """The verdict first."""
    return Group(*_parts(found))


def _parts(found: Audit) -> Iterator[RenderableType]:
    yield Text(_verdict(found), style="bold")
    if found.stands:
        yield Text("Its cluster is there: this is all that it has. `pulumi destroy` ends it, and then audit again.")
    if found.certain:
        yield Text()
        yield bullets(_grouped(found.certain))
    if found.certain and not found.stands:
        yield Text("\nTo end it:")
        yield from (Text(f"  {each.delete}", no_wrap=True, overflow="ignore") for each in found.in_order)
    if doubtful := [each for each in found.left if not each.certain]:
        yield Text("\nPerhaps of this stack:")
        yield bullets(f"{each.kind} {each.id}: {each.known_by}" for each in doubtful)
    if found.unread:
        yield Text("\nNot looked at:")
        yield bullets(f"{row.subject}: {row.why}; {row.how}" for row in found.unread)


def _verdict(found: Audit) -> str:
    name, place = f"{found.project}/{found.stack}", f"account {found.account}"
    if found.certain:
        count = len(found.certain)
        by_use = any(each.monthly is None for each in found.certain)
        more = ", and more by use" if by_use else ""
        return f"{name}: {count} left in {place}, {found.monthly:.2f} USD a month{more}"
    if found.unread:
        return f"{name}: nothing found in {place}, and {len(found.unread)} kinds were not looked at"
    return f"{name}: nothing is left in {place}"


def _grouped(left: list[Leftover]) -> Iterator[str]:
    """A line for those of a kind that are known by the same."""
    alike: dict[tuple[str, str], list[Leftover]] = {}
    for each in left:
        alike.setdefault((each.kind, each.known_by), []).append(each)
    for (kind, known_by), some in alike.items():
        many = f"{len(some)} {kind}s" if len(some) > 1 else kind
        yield f"{many} {', '.join(each.id for each in some)}{_cost(some)}: {known_by}"


def _cost(some: list[Leftover]) -> str:
    if any(each.monthly is None for each in some):
        return ", paid by use"
    usd = sum(each.monthly or 0 for each in some)
    return f", {usd:.2f} USD a month" if usd else ""
