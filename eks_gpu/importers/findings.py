"""The rules that an import judges by, each named by what it guarantees, and what breaks them."""

from dataclasses import dataclass
from typing import Any

from eks_gpu.importers.fields import Place

LOST = "lost"
"""What the settings have no place for; every other rule is broken by something wrong or outdated."""

MAX_MESSAGE = 2000
"""Characters: a hostile file may have a key of megabytes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A guarantee that imported files should keep."""

    kind: str
    """wrong, outdated or lost."""
    reason: str
    """What goes wrong for the user where it is broken; a sentence."""


RULES: dict[str, Rule] = {}
"""By id. Where the planner has a check of the same guarantee, the id is the same."""


def _rules(kind: str, reasons: dict[str, str]) -> None:
    RULES.update({id_: Rule(kind, reason) for id_, reason in reasons.items()})


_rules(LOST, {LOST: "The settings have no place for it."})
_rules(
    "wrong",
    {
        "api-is-private-or-restricted": "The whole internet reaches the cluster's API.",
        "architecture-is-required": "An image for amd64 ends on an Arm node with an exec format error.",
        "autoscaler-plans-with-the-smallest-type": "EC2 starts a smaller node than the autoscaler planned, and the "
        "pod does not fit.",
        "autoscaler-watches-this-cluster-only": "It resizes the groups of every cluster in the account.",
        "cpu-work-stays-off-gpu-nodes": "A pod without GPU keeps a GPU node running.",
        "device-plugin-reaches-gpu-pools": "Nodes offer no GPU: pods stay Pending on nodes that are paid for.",
        "disks-have-room": "An image with CUDA fills the disk.",
        "gpu-limit-not-blocked-by-cpu-or-memory": "The limit of CPU is reached before that of GPUs, and the next "
        "node never comes.",
        "gpu-nodes-are-tainted": "Any pod lands on a GPU node and keeps it.",
        "gpu-pods-tolerate-the-taint": "No GPU node takes the pod.",
        "gpu-pools-are-capped": "One wrong replica count buys GPUs until the quota ends.",
        "gpu-pools-consolidate-when-empty": "A running pod is moved to save on its node, or an empty node stays.",
        "gpu-pools-start-at-zero": "Nodes run, and cost, without work.",
        "gpu-requests-equal-limits": "The API server refuses the pod, or a part of a GPU is asked for.",
        "gpu-requests-fit-a-node": "No node has as many GPUs as one pod asks for.",
        "gpus-are-whole-and-have-a-driver": "A node comes whose GPU no pod can use.",
        "instance-types-offered-in-zones": "The zones of the pool do not have the type.",
        "lifetimes-are-in-bounds": "Nodes come and go without end, or stay with the faults of their image.",
        "limits-name-the-real-resource": "A limit on `gpu` stops nothing: nodes have `nvidia.com/gpu`.",
        "names-fit": "A name is too long, or of signs that a pool's name cannot have.",
        "node-disks-are-encrypted": "Images, caches and `emptyDir` volumes lie on the disk in the clear.",
        "node-images-are-pinned": "Nodes are replaced whenever a release comes.",
        "nodes-require-imdsv2": "Whoever can make a node fetch an address gets the role of the node.",
        "one-gpu-count-a-group": "The autoscaler counts with the first type, whatever EC2 then starts.",
        "one-kind-of-node-a-pool": "One image cannot boot two architectures or drive two makers' devices.",
        "one-owner-of-the-gpu-stack": "Two device plugins fight over one GPU.",
        "one-shape-a-group": "The autoscaler plans every node as the first type, and EC2 starts another.",
        "one-zone-a-gpu-group": "The autoscaler plans with one zone, EC2 picks another, and a pod "
        "with a volume waits for ever.",
        "placeholders-are-filled-in": "A shell variable is no value.",
        "pods-select-what-nodes-have": "No pool has the label when its first node is to be started.",
        "regions-and-zones-exist": "AWS has no such region or zone, or the cluster no subnet there.",
        "scale-from-zero-labels-match-node": "Pods that select the label never bring up the first node.",
        "scale-from-zero-taints-match-node": "Nodes start for pods that the taint then keeps off.",
        "services-are-private-or-restricted": "Whoever finds the address uses the GPUs behind it, and reads what "
        "it says over plain HTTP.",
        "spot-groups-have-six-types": "Many nodes go at once.",
        "taint-tags-have-value-and-effect": "The autoscaler ignores the tag without a message.",
        "taints-have-a-value": "The autoscaler skips the taint of a managed node group; the "
        "program's taints have the value `true`.",
        "tolerations-use-exists": "Without operator and value a toleration fits the empty value alone.",
    },
)
_rules(
    "outdated",
    {
        "access-entries-instead-of-aws-auth": "One typing error in the ConfigMap locks everyone out, and "
        "Karpenter's nodes are let in by hand.",
        "api-versions-are-served": "The API server refuses the object.",
        "autoscaler-matches-kubernetes-minor": "The autoscaler simulates another minor's scheduler.",
        "device-plugin-is-current": "A plugin of another time does not know today's GPUs and drivers.",
        "disks-are-gp3": "The disk is slower and costs more.",
        "images-are-from-living-registries": "An image is frozen and goes one day.",
        "instance-types-are-offered": "AWS has no such type, so no node comes.",
        "karpenter-is-current": "Its API is not the one that the pools are written in.",
        "kubernetes-version-is-supported": "EKS runs the minor no longer, or asks more for it.",
        "labels-are-current": "The label's old name goes one day.",
        "node-images-are-current": "EKS makes no image of Amazon Linux 2 since Kubernetes 1.33.",
        "node-policies-are-current": "AWS has replaced the policy.",
        "spot-allocation-is-current": "The cheapest capacity is taken back first.",
    },
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
        """Raises KeyError for a rule that is not registered."""
        RULES[rule]
        self._told[Finding(rule, place, message[:MAX_MESSAGE])] = None

    def lose(self, place: Place, message: str) -> None:
        """Tells of something that the settings have no place for."""
        self.tell(LOST, place, message)

    def in_order(self) -> list[Finding]:
        """By line."""
        return sorted(self._told, key=lambda found: found.place.line)
