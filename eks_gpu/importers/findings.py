"""The rules that an import judges by, each named by what it guarantees, and what breaks them."""

from dataclasses import dataclass
from typing import Any

from eks_gpu.importers.fields import Place

LOST = "lost"
"""What the settings have no place for; every other rule is broken by something wrong or outdated."""

MAX_MESSAGE = 2000
"""Characters: a hostile file may have a key of megabytes."""

RULES: dict[str, str] = {}
"""By id: wrong, outdated or lost. `docs/import.md` says of each what goes wrong without it."""


def _rules(kind: str, ids: str) -> None:
    RULES.update(dict.fromkeys(ids.split(), kind))


# Where the planner has a check of the same guarantee, the id is the same.
_rules(LOST, "lost")
_rules(
    "wrong",
    """
    api-is-private-or-restricted
    architecture-is-required
    autoscaler-plans-with-the-smallest-type
    autoscaler-watches-this-cluster-only
    cpu-work-stays-off-gpu-nodes
    device-plugin-reaches-gpu-pools
    disks-have-room
    gpu-limit-not-blocked-by-cpu-or-memory
    gpu-nodes-are-tainted
    gpu-pods-tolerate-the-taint
    gpu-pools-are-capped
    gpu-pools-consolidate-when-empty
    gpu-pools-start-at-zero
    gpu-requests-equal-limits
    gpu-requests-fit-a-node
    gpus-are-whole-and-have-a-driver
    instance-types-offered-in-zones
    limits-name-the-real-resource
    lifetimes-are-in-bounds
    names-fit
    node-disks-are-encrypted
    node-images-are-pinned
    nodes-require-imdsv2
    one-gpu-count-a-group
    one-kind-of-node-a-pool
    one-owner-of-the-gpu-stack
    one-shape-a-group
    one-zone-a-gpu-group
    placeholders-are-filled-in
    pods-select-what-nodes-have
    regions-and-zones-exist
    scale-from-zero-labels-match-node
    scale-from-zero-taints-match-node
    services-are-private-or-restricted
    spot-groups-have-six-types
    taint-tags-have-value-and-effect
    taints-have-a-value
    tolerations-use-exists
    """,
)
_rules(
    "outdated",
    """
    access-entries-instead-of-aws-auth
    api-versions-are-served
    autoscaler-matches-kubernetes-minor
    device-plugin-is-current
    disks-are-gp3
    images-are-from-living-registries
    instance-types-are-offered
    karpenter-is-current
    kubernetes-version-is-supported
    labels-are-current
    node-images-are-current
    node-policies-are-current
    spot-allocation-is-current
    """,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What breaks a rule, and where."""

    rule: str
    place: Place
    message: str

    @property
    def kind(self) -> str:
        """wrong, outdated or lost."""
        return RULES[self.rule]

    def as_json(self) -> dict[str, Any]:
        """The row that `--json` writes."""
        return {
            "path": self.place.path,
            "rule": self.rule,
            "message": self.message,
            "kind": self.kind,
            "object": self.place.object,
            "line": self.place.line,
        }


class Findings:
    """What was told; each thing counts once."""

    def __init__(self) -> None:
        self._told: dict[Finding, None] = {}

    def tell(self, rule: str, place: Place, message: str) -> None:
        """Raises KeyError for a rule that is not registered."""
        RULES[rule]
        self._told[Finding(rule, place, message[:MAX_MESSAGE])] = None

    def lose(self, place: Place, message: str) -> None:
        """Tells of something that the settings have no place for."""
        self.tell(LOST, place, message)

    def in_order(self) -> list[Finding]:
        """By line."""
        return sorted(self._told, key=lambda found: found.place.line)
