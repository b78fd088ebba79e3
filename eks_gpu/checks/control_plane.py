"""The control plane: what is worth protecting keeps a record, and a key that is made is used."""

from collections.abc import Iterator
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.graph import Graph, Resource

_KEY = "aws:kms/key:Key"
_OF_THE_KEY = ("aws:kms/alias:Alias", "aws:kms/keyPolicy:KeyPolicy", "aws:kms/grant:Grant")


@check(
    "protected-clusters-keep-an-audit-log",
    subject="cluster with deletion protection or a key for its secrets",
    severity="warning",
    fix="add audit to the cluster's log types",
    sources=(sources.eks_guide("control-plane-logs"),),
)
def keep_an_audit_log(context: Context) -> Iterator[Said]:
    """Nobody can tell afterwards who did what in the cluster: EKS keeps no record of its own.

    A cluster without protection, such as one for a trial, is not judged.
    """
    for cluster in context.clusters:
        found = context.graph.get(cluster.urn)
        inputs = found.inputs if found else {}
        encrypted = inputs.get("encryptionConfigKeyArn") or inputs.get("encryptionConfig")
        if found is None or not (inputs.get("deletionProtection") is True or encrypted):
            continue
        kept = [str(one) for one in inputs.get("enabledClusterLogTypes") or ()]
        problem = None if "audit" in kept else Problem(f"it logs {', '.join(kept) or 'nothing'}")
        yield verdict(cluster.name, problem, f"it logs {', '.join(kept)}")


@check(
    "encryption-keys-are-used",
    subject="KMS key",
    severity="warning",
    fix="name it in the cluster's encryption_config_key_arn, or in the disks, or remove it",
    sources=(sources.EKS_API,),
)
def are_used(context: Context) -> Iterator[Said]:
    """The key costs money and encrypts nothing: what it was made for lies under AWS's own key, or in the clear."""
    for key in context.graph.of(_KEY):
        problem = None if _is_used(key, context.graph) else Problem("nothing of the stack names it")
        yield verdict(key.name, problem, "something of the stack names it")


def _is_used(key: Resource, graph: Graph) -> bool:
    """By its ARN or id in a property; by what waits for it where those are not known yet."""
    names = [str(name) for name in (key["arn"], key["keyId"], key.id) if name]
    # What a component is made of has the key from the component, which is seen itself.
    others = [found for found in graph if found.urn != key.urn and not found.expanded_from]
    others = [found for found in others if found.type not in _OF_THE_KEY]
    if key["arn"] and any(_holds(found.inputs, names) for found in others):
        return True
    return not key["arn"] and any(key.urn in found.dependencies for found in others if found.custom or found.remote)


def _holds(value: Any, names: list[str]) -> bool:
    if isinstance(value, str):
        return any(name in value for name in names)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(item, names) for item in items)
