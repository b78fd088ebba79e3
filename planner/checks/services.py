"""Services and Ingresses: none is open to the internet by accident."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..manifests import kubernetes_objects
from ..software import LOAD_BALANCER_CONTROLLER
from .registry import Context, Said, check, verdict

_SERVICE, _INGRESS = "service.beta.kubernetes.io/aws-load-balancer-", "alb.ingress.kubernetes.io/"
WORLD = ("0.0.0.0/0", "::/0")


@check("services-are-private-or-restricted")
def private_or_restricted(context: Context) -> Iterator[Said]:
    """An inference server asks for no password: whoever finds its address uses its GPUs."""
    for _, manifest in kubernetes_objects(context.graph):
        spec, metadata = manifest.get("spec") or {}, manifest["metadata"]
        annotations = metadata.get("annotations") or {}
        if manifest["kind"] == "Ingress":
            public = annotations.get(f"{_INGRESS}scheme") == "internet-facing"
            ranges, key = _split(annotations.get(f"{_INGRESS}inbound-cidrs")), f"annotation {_INGRESS}inbound-cidrs"
        elif manifest["kind"] == "Service" and spec.get("type") == "LoadBalancer":
            public = _is_public(spec, annotations, context)
            given = spec.get("loadBalancerSourceRanges") or _split(annotations.get(f"{_SERVICE}source-ranges"))
            ranges, key = list(given), "spec.loadBalancerSourceRanges"
        else:
            continue
        subject = f"{manifest['kind']} {metadata.get('namespace') or 'default'}/{metadata['name']}"
        open_ = public and (not ranges or any(world in ranges for world in WORLD))
        problem = (
            f"its load balancer takes connections from the whole internet: set {key}, or make it internal"
            if open_
            else ""
        )
        yield verdict(subject, problem, f"open to {', '.join(ranges)}" if public else "reachable from the VPC alone")


def _is_public(spec: Mapping[str, Any], annotations: Mapping[str, str], context: Context) -> bool:
    """The load balancer controller and Auto Mode make internal ones; Kubernetes' own code public ones."""
    scheme = annotations.get(f"{_SERVICE}scheme")
    if scheme:
        return scheme == "internet-facing"
    if str(annotations.get(f"{_SERVICE}internal", "false")).lower() in ("true", "0.0.0.0/0"):
        return False
    taken = spec.get("loadBalancerClass") or annotations.get(f"{_SERVICE}type") in ("external", "nlb-ip")
    return not taken and not _is_default_class(context)


def _is_default_class(context: Context) -> bool:
    """Whether somebody takes Services that name no class."""
    webhooks = (
        release.value("enableServiceMutatorWebhook", default=True) is not False
        for release in context.charts(LOAD_BALANCER_CONTROLLER)
    )
    return any(webhooks) or any(cluster.auto_mode for cluster in context.clusters)


def _split(text: str | None) -> list[str]:
    return [piece.strip() for piece in (text or "").split(",") if piece.strip()]
