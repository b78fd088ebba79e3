"""Scope: the kinds of pools that a rule speaks of, so that nobody is told of a rule for other pools than theirs."""

from collections.abc import Collection
from dataclasses import dataclass

from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, BACK_ENDS, KARPENTER, MANAGED_NODE_GROUP, Pool
from eks_gpu_components.catalog import DEVICE_PLUGINS, DEVICE_RESOURCES, CapacityType

NO_ACCELERATOR = "none"
"""The accelerator of CPU nodes."""
_BACK_ENDS = tuple(BACK_ENDS)
_ACCELERATORS = (*DEVICE_RESOURCES, NO_ACCELERATOR)
_CAPACITY_TYPES = tuple(map(str, CapacityType))
_WORDS = {
    **{name: back_end.title for name, back_end in BACK_ENDS.items()},
    **{kind: kind.title() for kind in DEVICE_RESOURCES},
    **{kind: plugin.title for kind, plugin in DEVICE_PLUGINS.items()},
    "amd": "AMD",
    NO_ACCELERATOR: "CPU",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Back ends, accelerators and capacity types: of the pools that a rule speaks of, or those that one pool has.
    Default every one of each. Raises ValueError for a word that is none of its kind, and where none is named.
    """

    back_ends: Collection[str] = _BACK_ENDS
    """Keys of `BACK_ENDS`."""
    accelerators: Collection[str] = _ACCELERATORS
    """nvidia, neuron, amd, habana, or none, which is CPU nodes."""
    capacity_types: Collection[str] = _CAPACITY_TYPES
    """spot, on-demand, reserved. A pool may have several, and is in scope with one of them."""

    def __post_init__(self) -> None:
        for part, known in zip(self._parts, (_BACK_ENDS, _ACCELERATORS, _CAPACITY_TYPES), strict=True):
            if not part or {*part} - {*known}:
                raise ValueError(f"must be one or more of {', '.join(known)}, got {', '.join(sorted(part)) or 'none'}")

    @property
    def _parts(self) -> tuple[Collection[str], Collection[str], Collection[str]]:
        return self.back_ends, self.accelerators, self.capacity_types

    @property
    def is_whole(self) -> bool:
        """Whether it leaves no pool out, so that a rule of it may speak of what is no pool too."""
        whole = (_BACK_ENDS, _ACCELERATORS, _CAPACITY_TYPES)
        return all({*part} == {*known} for part, known in zip(self._parts, whole, strict=True))

    def meets(self, other: "Scope") -> bool:
        """Whether both have a back end, an accelerator and a capacity type in common."""
        return all({*own} & {*its} for own, its in zip(self._parts, other._parts, strict=True))

    def __str__(self) -> str:
        """Words of a table, such as `NVIDIA, Neuron · spot`; empty for the whole."""
        whole = (_BACK_ENDS, _ACCELERATORS, _CAPACITY_TYPES)
        return " · ".join(
            ", ".join(_WORDS.get(word, word) for word in known if word in part)
            for part, known in zip(self._parts, whole, strict=True)
            if {*part} != {*known}
        )


EVERYWHERE = Scope()
"""Every pool, and what is no pool."""
GROUPS = (AUTO_SCALING_GROUP, MANAGED_NODE_GROUP)
"""Back ends whose nodes an auto scaling group starts."""
NODE_POOLS = (KARPENTER, AUTO_MODE)
"""Back ends whose nodes are started for pods."""
ACCELERATED = Scope(accelerators=tuple(DEVICE_RESOURCES))
"""Pools with accelerators."""
IN_GROUPS = Scope(GROUPS)
"""Groups, with whatever nodes."""
ACCELERATED_GROUPS = Scope(GROUPS, ACCELERATED.accelerators)
"""Groups with accelerators."""
ACCELERATED_NODE_POOLS = Scope(NODE_POOLS, ACCELERATED.accelerators)
"""Node pools with accelerators."""
OWN_GROUPS = Scope((AUTO_SCALING_GROUP,))
"""Auto scaling groups of one's own."""
SPOT = Scope(capacity_types=(str(CapacityType.SPOT),))
"""Pools that may have Spot nodes."""


def scope_of(pool: Pool) -> Scope:
    """What a planned pool has. A group's base and share of on-demand nodes leave no Spot only where nothing else is."""
    return Scope((pool.backend,), (pool.accelerator or NO_ACCELERATOR,), tuple(pool.capacity_types) or _CAPACITY_TYPES)
