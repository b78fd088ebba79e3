"""The rules of an import, each named by what it guarantees, and findings that break them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eks_gpu.importers.fields import Place
from eks_gpu.pools.scope import ACCELERATED, EVERYWHERE, GROUPS, NODE_POOLS, SPOT, Scope

LOST = "lost"
"""The rule for everything that the settings have no place for; every other rule is for something wrong or outdated."""

MAX_MESSAGE = 2000
"""Characters: a hostile file may have a key of megabytes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A guarantee that imported files should keep."""

    kind: str
    """wrong, outdated or lost."""
    reason: str
    """What goes wrong for the user if the rule is broken; a sentence."""
    scope: Scope = EVERYWHERE
    """The pools that it speaks of."""


RULES: dict[str, Rule] = {}
"""By id. Where the planner has a check of the same guarantee, the id is the same."""


def _rules(kind: str, reasons: dict[str, str], scope: Scope = EVERYWHERE) -> None:
    RULES.update({id_: Rule(kind, reason, scope) for id_, reason in reasons.items()})


_IN_GROUPS = Scope(back_ends=GROUPS)
_IN_NODE_POOLS = Scope(NODE_POOLS, ACCELERATED.accelerators)
_SPOT_IN_GROUPS = Scope(GROUPS, capacity_types=SPOT.capacity_types)


_rules(LOST, {LOST: "The settings have no place for it."})
_rules(
    "wrong",
    {
        "api-is-private-or-restricted": "The whole internet reaches the cluster's API.",
        "autoscaler-watches-this-cluster-only": "The autoscaler resizes the groups of every cluster in the account.",
        "cpu-work-stays-off-gpu-nodes": "A pod without GPU keeps a GPU node running.",
        "device-plugin-reaches-gpu-pools": "Nodes offer no GPU: pods stay Pending while the nodes cost money.",
        "gpu-pods-tolerate-the-taint": "No GPU node takes the pod.",
        "gpu-requests-equal-limits": "The API server refuses the pod, or it requests a fraction of a GPU.",
        "gpu-requests-fit-a-node": "No node has as many GPUs as one pod requests.",
        "instance-types-offered-in-zones": "The pool's zones do not have the type, or its requirements leave none.",
        "lifetimes-are-in-bounds": "Nodes are replaced all the time, or keep an outdated image too long.",
        "names-fit": "A name is too long, or has characters that a pool's name cannot have.",
        "node-pool-fields-fit-the-chart": "The API server refuses the object for a field that it does not have.",
        "node-disks-are-encrypted": "Images, caches and `emptyDir` volumes are on the disk unencrypted.",
        "node-images-are-pinned": "Nodes are replaced whenever a new release of the image appears.",
        "node-volumes-hold-their-image": "EC2 refuses a volume that is smaller than its image, so no node starts.",
        "nodes-require-imdsv2": "Anyone who can make a pod request a URL gets the credentials of the node's role.",
        "one-owner-of-the-gpu-stack": "Two device plugins conflict over one GPU.",
        "placeholders-are-filled-in": "A shell variable is not a value.",
        "pods-select-what-nodes-have": "No pool has the label before its first node starts, so no node starts.",
        "regions-and-zones-exist": "AWS has no such region or zone, or the cluster has no subnet there.",
        "requirements-name-what-there-is": "No node matches a value that does not exist, or a label that is none.",
        "services-are-private-or-restricted": "Everyone who finds the address can use the GPUs behind it, and "
        "plain HTTP can be read on the way.",
        "taints-have-a-value": "The autoscaler ignores the taint of a managed node group; the "
        "program's taints have the value `true`.",
        "taints-have-an-effect": "eksctl refuses the group: a taint needs an effect.",
        "tolerations-use-exists": "A toleration without operator and value matches only an empty taint value.",
    },
)
_rules(
    "wrong",
    {
        "architecture-is-required": "An image for amd64 fails on an Arm node with an exec format error.",
        "disks-have-room": "An image with CUDA fills the disk.",
        "gpu-nodes-are-tainted": "Any pod may run on a GPU node and keep it.",
        "gpu-pools-start-at-zero": "Nodes run and cost money without work.",
        "gpus-are-whole-and-have-a-driver": "A node starts whose GPU no pod can use.",
        "one-gpu-count-a-group": "The autoscaler plans with the first type, whatever EC2 then starts.",
        "one-kind-of-node-a-pool": "One image cannot boot two architectures or drive two makers' devices.",
        "shared-gpus-are-planned": "A limit that counts shares of GPUs is taken for one of whole GPUs.",
    },
    ACCELERATED,
)
_rules(
    "wrong",
    {
        "gpu-limit-not-blocked-by-cpu-or-memory": "The limit of CPU is reached before that of GPUs, and the next "
        "node never starts.",
        "gpu-pools-are-capped": "One wrong replica count starts GPU nodes until the quota is used up.",
        "gpu-pools-consolidate-when-empty": "A running pod is evicted to save money, or an empty node is kept.",
        "limits-name-the-real-resource": "A limit on `gpu` has no effect: nodes have `nvidia.com/gpu`.",
    },
    _IN_NODE_POOLS,
)
_rules(
    "wrong",
    {
        "autoscaler-plans-with-the-smallest-type": "EC2 starts a smaller node than the autoscaler planned, and the "
        "pod does not fit.",
        "one-shape-a-group": "The autoscaler plans every node as the first type, and EC2 starts another.",
        "scale-from-zero-labels-match-node": "Pods that select the label never start the first node.",
        "scale-from-zero-taints-match-node": "Nodes start for pods that do not tolerate the taint.",
        "taint-tags-have-value-and-effect": "The autoscaler ignores the tag without a message.",
    },
    _IN_GROUPS,
)
_rules(
    "wrong",
    {
        "one-zone-a-gpu-group": "The autoscaler plans with one zone, EC2 picks another, and a pod "
        "with a volume waits forever.",
    },
    Scope(GROUPS, ACCELERATED.accelerators),
)
_rules(
    "wrong",
    {
        "spot-groups-have-six-types": "Spot interruptions take many nodes at once.",
    },
    _SPOT_IN_GROUPS,
)
_rules(
    "outdated",
    {
        "access-entries-instead-of-aws-auth": "One typing error in the ConfigMap locks everyone out, and "
        "Karpenter's nodes must be added by hand.",
        "api-versions-are-served": "The API server refuses the object.",
        "autoscaler-matches-kubernetes-minor": "The autoscaler simulates another minor's scheduler.",
        "device-plugin-is-current": "An old plugin does not know today's GPUs and drivers.",
        "disks-are-gp3": "The disk is slower and costs more.",
        "images-are-from-living-registries": "The registry gets no new images and will be shut down.",
        "instance-types-are-offered": "AWS does not offer the type any more, so no node starts.",
        "karpenter-is-current": "This Karpenter has another API than the one of the pools in the settings.",
        "kubernetes-version-is-supported": "EKS no longer runs the minor version, or charges more for it.",
        "labels-are-current": "The label's old name will be removed.",
        "node-images-are-current": "EKS has no image of Amazon Linux 2 for Kubernetes 1.33 and later.",
        "node-policies-are-current": "AWS has replaced the policy.",
    },
)
_rules(
    "outdated",
    {"spot-allocation-is-current": "The cheapest Spot capacity is interrupted first."},
    _SPOT_IN_GROUPS,
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
        return RULES[self.rule].kind

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
        """Raises KeyError for a rule that is not registered, and ValueError for one that speaks of some pools alone:
        only a pool's own findings take it.
        """
        if not RULES[rule].scope.is_whole:
            raise ValueError(f"{rule} speaks of {RULES[rule].scope}, and no pool is named")
        self._add(Finding(rule, place, message[:MAX_MESSAGE]))

    def lose(self, place: Place, message: str) -> None:
        """Tells of something that the settings have no place for."""
        self.tell(LOST, place, message)

    def take(self, others: "Findings", *kinds: str) -> None:
        """What was told elsewhere, of these kinds or of all."""
        for found in others:
            if not kinds or found.kind in kinds:
                self._add(found)

    def take_of_pool(self, others: "PoolFindings", scope: Scope, *kinds: str) -> None:
        """What was told of a pool of this scope, without the rules that do not speak of such pools."""
        for found in others:
            if RULES[found.rule].scope.meets(scope) and (not kinds or found.kind in kinds):
                self._add(found)

    def __iter__(self) -> Iterator[Finding]:
        """In the order in which they were told."""
        return iter([*self._told])

    def in_order(self) -> list[Finding]:
        """By line."""
        return sorted(self._told, key=lambda found: found.place.line)

    def _add(self, finding: Finding) -> None:
        self._told[finding] = None


class PoolFindings(Findings):
    """What was told of one pool, of whatever kind it turns out to be."""

    def tell(self, rule: str, place: Place, message: str) -> None:
        """Raises KeyError for a rule that is not registered."""
        RULES[rule]
        self._add(Finding(rule, place, message[:MAX_MESSAGE]))
