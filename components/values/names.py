"""Names that AWS would refuse because they are too long; the user can shorten the component's name."""

from collections.abc import Iterable, Mapping

from ..catalog.name_limits import PULUMI_SUFFIX, NameLimit
from .value import BadInput


def check_name(name: str, made: Mapping[NameLimit, Iterable[str]]) -> None:
    """Raises BadInput for a component's name that makes the names of what it makes too long.

    made: the names in Pulumi, each with the component's in it.
    """
    longest = {limit: max(names, key=len, default="") for limit, names in made.items()}
    room = {limit: limit.most - PULUMI_SUFFIX - (len(longest[limit]) - len(name)) for limit in made if longest[limit]}
    if not room or len(name) <= min(room.values()):
        return
    limit = min(room, key=lambda each: room[each])
    reason = f"its {limit.things} are named {longest[limit]} and the like"
    rule = f"name must be {room[limit]} characters or fewer, got {len(name)}"
    raise BadInput([f"{rule}: {reason}, and {limit.service} takes {limit.most} with Pulumi's suffix"])
