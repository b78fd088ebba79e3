"""Services and Ingresses: none is open to the internet by accident, and each has pods that drain."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import LOAD_BALANCER_CONTROLLER
from eks_gpu_components.catalog import (
    AUTO_MODE_READINESS_LABEL,
    CONTROLLER_READINESS_LABEL,
    INGRESS_ANNOTATION,
    SERVICE_ANNOTATION,
)

WORLD = ("0.0.0.0/0", "::/0")
_READINESS_GATES = (CONTROLLER_READINESS_LABEL, AUTO_MODE_READINESS_LABEL)
_GRACE_S = 30
"""Seconds that a pod has to end where it does not say. Source: Kubernetes API, PodSpec."""


def balances_load(manifest: Mapping[str, Any]) -> bool:
    """Whether a controller of the cluster makes a load balancer of it."""
    annotations = part(manifest, "metadata", "annotations")
    if manifest["kind"] == "Ingress":
        return part(manifest, "spec").get("ingressClassName") == "alb" or f"{INGRESS_ANNOTATION}scheme" in annotations
    spec = part(manifest, "spec")
    taken = spec.get("loadBalancerClass") or annotations.get(f"{SERVICE_ANNOTATION}type") in ("external", "nlb-ip")
    return manifest["kind"] == "Service" and spec.get("type") == "LoadBalancer" and bool(taken)


@check(
    "services-are-private-or-restricted",
    subject="Service with a load balancer, Ingress",
    fix="name the source ranges, or make the load balancer internal",
)
def private_or_restricted(context: Context) -> Iterator[Said]:
    """An inference server has no authentication: everyone who finds its address can use its GPUs.

    A list of source ranges without 0.0.0.0/0 passes.
    """
    for _, manifest in kubernetes_objects(context.graph):
        spec, annotations = part(manifest, "spec"), part(manifest, "metadata", "annotations")
        if manifest["kind"] == "Ingress":
            public = annotations.get(f"{INGRESS_ANNOTATION}scheme") == "internet-facing"
            ranges, key = (
                _split(annotations.get(f"{INGRESS_ANNOTATION}inbound-cidrs")),
                f"annotation {INGRESS_ANNOTATION}inbound-cidrs",
            )
        elif manifest["kind"] == "Service" and spec.get("type") == "LoadBalancer":
            public = _is_public(spec, annotations, context)
            given = spec.get("loadBalancerSourceRanges") or _split(
                annotations.get(f"{SERVICE_ANNOTATION}source-ranges")
            )
            ranges, key = list(given), "spec.loadBalancerSourceRanges"
        else:
            continue
        open_ = public and (not ranges or any(world in ranges for world in WORLD))
        problem = (
            Problem("its load balancer takes connections from the whole internet", f"set {key}, or make it internal")
            if open_
            else None
        )
        holds = f"open to {', '.join(ranges)}" if public else "reachable from the VPC alone"
        yield verdict(subject(manifest), problem, holds)


def _is_public(spec: Mapping[str, Any], annotations: Mapping[str, str], context: Context) -> bool:
    """The load balancer controller and Auto Mode make internal ones; Kubernetes' own code public ones."""
    scheme = annotations.get(f"{SERVICE_ANNOTATION}scheme")
    if scheme:
        return scheme == "internet-facing"
    if str(annotations.get(f"{SERVICE_ANNOTATION}internal", "false")).lower() in ("true", "0.0.0.0/0"):
        return False
    taken = spec.get("loadBalancerClass") or annotations.get(f"{SERVICE_ANNOTATION}type") in ("external", "nlb-ip")
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


@check(
    "services-lead-to-pods",
    subject="Service with a selector",
    severity="warning",
    fix="select labels that the pods have, and a port that they name",
)
def lead_to_pods(context: Context) -> Iterator[Said]:
    """No pod answers at the Service's address."""
    specs = list(pod_specs(context.graph))
    # Pods that a chart brings are not known.
    unseen = {release.namespace for release in context.software}
    for service in _services(context):
        here = [found for found in specs if found.namespace == _namespace(service)]
        if here and _namespace(service) not in unseen:
            yield verdict(subject(service), _astray(service, _selected(service, here)), "it selects pods of the stack")


def _services(context: Context) -> Iterator[Mapping[str, Any]]:
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "Service" and part(manifest, "spec", "selector"):
            yield manifest


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace") or "default")


def _selected(service: Mapping[str, Any], specs: Sequence[PodSpec]) -> list[PodSpec]:
    wanted = part(service, "spec", "selector").items()
    return [found for found in specs if found.namespace == _namespace(service) and wanted <= dict(found.labels).items()]


def _astray(service: Mapping[str, Any], selected: Sequence[PodSpec]) -> Problem | None:
    if not selected:
        wanted = ", ".join(f"{key}={value}" for key, value in part(service, "spec", "selector").items())
        return Problem(f"no pod of its namespace has {wanted}", "select labels that the pods have")
    ports = {port.get("name") for found in selected for one in found.containers for port in one.get("ports") or ()}
    targets = (port.get("targetPort") for port in part(service, "spec").get("ports") or ())
    unknown = [target for target in targets if isinstance(target, str) and not target.isdigit() and target not in ports]
    return Problem(f"no container names a port {', '.join(unknown)}", "name the port in the pods") if unknown else None


@check(
    "load-balanced-pods-drain",
    subject="Service with targets by address",
    severity="warning",
    fix="give the pods a readiness probe, a preStop hook that sleeps, and the namespace the label of readiness gates",
)
def drain(context: Context) -> Iterator[Said]:
    """Requests are lost whenever a pod starts or stops."""
    specs = list(pod_specs(context.graph))
    namespaces = {
        str(manifest["metadata"]["name"]): part(manifest, "metadata", "labels")
        for _, manifest in kubernetes_objects(context.graph)
        if manifest["kind"] == "Namespace"
    }
    for service in _services(context):
        target = part(service, "metadata", "annotations").get(f"{SERVICE_ANNOTATION}nlb-target-type")
        selected = _selected(service, specs)
        if target != "ip" or not balances_load(service) or not selected:
            continue
        labels = namespaces.get(_namespace(service))
        problems = [problem for found in selected for problem in _lossy(found)]
        if labels is not None and not any(labels.get(gate) == "enabled" for gate in _READINESS_GATES):
            said = "pods count as ready before the load balancer knows them"
            problems.append(Problem(said, f"label the namespace {_READINESS_GATES[0]}=enabled"))
        yield verdict(subject(service), problems, "its pods wait for the load balancer when they come and go")


def _lossy(spec: PodSpec) -> Iterator[Problem]:
    serving = [container for container in spec.containers if container.get("ports")]
    for container in serving:
        if not container.get("readinessProbe"):
            yield Problem(f"container {container.get('name')} has no readiness probe", "add one")
    hooks = [part(container, "lifecycle", "preStop") for container in serving]
    if serving and not any(hooks):
        yield Problem("its pods end while the load balancer still sends to them", "add a preStop hook that sleeps")
    grace = int(spec.spec.get("terminationGracePeriodSeconds") or _GRACE_S)
    asleep = max(map(_sleeps, hooks), default=0)
    if asleep >= grace:
        said = f"the preStop hook sleeps {asleep} s, and the pod is killed after {grace} s"
        yield Problem(said, "make terminationGracePeriodSeconds longer than the hook")


def _sleeps(hook: Mapping[str, Any]) -> int:
    stated = part(hook, "sleep").get("seconds")
    said = re.search(r"sleep (\d+)", " ".join(map(str, part(hook, "exec").get("command") or ())))
    return int(stated or (said[1] if said else 0))
