"""Admission webhooks: the API server does not wait for pods on nodes that come and go."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.pool import Pool

_KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


@check(
    "webhooks-run-on-standing-nodes",
    subject="admission webhook whose pods are of the stack",
    severity="warning",
    fix="let its pods run on nodes that stay, or set failurePolicy: Ignore",
    relies_on=("nodes",),
    sources=(sources.kubernetes("extensible-admission-controllers"),),
)
def on_standing_nodes(context: Context) -> Iterator[Said]:
    """The API server refuses objects, pods among them, while the webhook's pods wait for a node: none comes up again.

    A webhook that fails open, failurePolicy Ignore, passes.
    """
    pools = {pool.name: pool for pool in context.pools}
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] not in _KINDS:
            continue
        problems = [
            Problem(f"pods of {hook.get('name')} run on {', '.join(away)}, where no node stands ready")
            for hook in manifest.get("webhooks") or ()
            if hook.get("failurePolicy", "Fail") == "Fail"
            for urn in _behind(part(hook, "clientConfig", "service"), context)
            if (away := _coming_and_going(urn, pools, context))
        ]
        yield verdict(subject(manifest), problems, "no pod of it waits for a new node")


def _coming_and_going(urn: str, pools: Mapping[str, Pool], context: Context) -> list[str]:
    """The pools that take a workload's pods if none of them has a node that stays; empty otherwise."""
    takers = [pools[one.pool] for one in context.verdicts.get(urn, ()) if one.admits and one.pool in pools]
    stands = any(not pool.scales_to_zero and not pool.accelerator for pool in takers)
    return [] if stands else [pool.name for pool in takers]


def _behind(service: Mapping[str, Any], context: Context) -> Iterator[str]:
    """URNs of the workloads that a service of a webhook leads to."""
    place = (str(service.get("namespace") or "default"), str(service.get("name")))
    for _, manifest in kubernetes_objects(context.graph):
        metadata = manifest["metadata"]
        if manifest["kind"] == "Service" and (str(metadata.get("namespace") or "default"), metadata["name"]) == place:
            wanted = part(manifest, "spec", "selector").items()
            for spec in pod_specs(context.graph):
                if wanted and spec.namespace == place[0] and wanted <= dict(spec.labels).items():
                    yield spec.urn
