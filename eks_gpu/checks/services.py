"""Services and Ingresses: none is open to the internet by accident, and each has pods that drain."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.security_rules import SECURITY_GROUP, rules
from eks_gpu.checks.sources import BALANCER_ANNOTATIONS
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import SCALABLE
from eks_gpu.pools.ranges import much_of_the_internet
from eks_gpu.pools.software import LOAD_BALANCER_CONTROLLER
from eks_gpu_components.catalog import (
    AUTO_MODE_READINESS_LABEL,
    CONTROLLER_READINESS_LABEL,
    INGRESS_ANNOTATION,
    SERVICE_ANNOTATION,
    SOURCE_RANGES_ANNOTATION,
)

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
    sources=(BALANCER_ANNOTATIONS,),
)
def private_or_restricted(context: Context) -> Iterator[Said]:
    """An inference server has no authentication: everyone who finds its address can use its GPUs.

    A list of source ranges passes if they are no more than a /8 together: two halves of the internet do not. So do
    prefix lists, and security groups of your own, unless the stack makes them and they are as wide. The annotation
    aws-load-balancer-source-ranges is one that no controller reads.
    """
    for _, manifest in kubernetes_objects(context.graph):
        spec, annotations = part(manifest, "spec"), part(manifest, "metadata", "annotations")
        if manifest["kind"] == "Ingress":
            prefix, key = INGRESS_ANNOTATION, f"annotation {INGRESS_ANNOTATION}inbound-cidrs"
            scheme, ranges = _of_class(spec, annotations, context)
            public = scheme == "internet-facing"
        elif manifest["kind"] == "Service" and spec.get("type") == "LoadBalancer":
            prefix, key = SERVICE_ANNOTATION, "spec.loadBalancerSourceRanges"
            public = _is_public(spec, annotations, context)
            ranges = list(spec.get("loadBalancerSourceRanges") or _split(annotations.get(SOURCE_RANGES_ANNOTATION)))
        else:
            continue
        limits = _split(annotations.get(f"{prefix}security-group-prefix-lists"))
        groups = _split(annotations.get(f"{prefix}security-groups"))
        opened = list(_let_in(groups, context.graph)) if groups else ranges
        whence = much_of_the_internet(opened) if opened or not (limits or groups) else ""
        problem = None
        if public and whence:
            said = f"its load balancer takes connections from {whence}"
            problem = Problem(said, f"set {key}, or make it internal")
        holds = f"open to {', '.join((*ranges, *limits, *groups))}" if public else "reachable from the VPC alone"
        yield verdict(subject(manifest), problem, holds)


def _let_in(groups: Sequence[str], graph: Graph) -> Iterator[str]:
    """Ranges that security groups of the stack let in; nothing of those that another stack makes."""
    for name in groups:
        named = (found for found in graph.of(SECURITY_GROUP) if name in (found.id, found["name"], found.name))
        for group in named:
            yield from (cidr for rule in rules(group, graph) if not rule.egress for cidr in rule.cidrs)


def _of_class(spec: Mapping[str, Any], annotations: Mapping[str, str], context: Context) -> tuple[str, list[str]]:
    """Scheme and ranges of an Ingress: those of its class's parameters come first. Source: the controller's guide."""
    made = [manifest for _, manifest in kubernetes_objects(context.graph)]
    classes = (one for one in made if one["kind"] == "IngressClass")
    named = next((one for one in classes if one["metadata"]["name"] == spec.get("ingressClassName")), {})
    wanted = part(named, "spec", "parameters").get("name") if named else None
    given = (one for one in made if one["kind"] == "IngressClassParams" and one["metadata"]["name"] == wanted)
    parameters = part(next(given, {}), "spec")
    scheme = parameters.get("scheme") or annotations.get(f"{INGRESS_ANNOTATION}scheme")
    ranges = parameters.get("inboundCIDRs") or _split(annotations.get(f"{INGRESS_ANNOTATION}inbound-cidrs"))
    return str(scheme), [str(one) for one in ranges]


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
    sources=(sources.kubernetes("service"),),
)
def lead_to_pods(context: Context) -> Iterator[Said]:
    """No pod answers at the Service's address."""
    specs = list(pod_specs(context.graph))
    # Pods that a chart brings are not known.
    unseen = {release.namespace for release in context.software}
    idle = {found.urn for found in context.workloads if found.kind in SCALABLE and found.max_replicas == 0}
    for service in services_with_selector(context):
        here = [found for found in specs if found.namespace == namespace_of(service)]
        if here and namespace_of(service) not in unseen:
            problem = _astray(service, selected_by(service, here), idle)
            yield verdict(subject(service), problem, "it selects pods of the stack")


def services_with_selector(context: Context) -> Iterator[Mapping[str, Any]]:
    """Services that lead to pods by a selector."""
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "Service" and part(manifest, "spec", "selector"):
            yield manifest


def namespace_of(manifest: Mapping[str, Any]) -> str:
    """The namespace of an object; default where it names none."""
    return str(manifest["metadata"].get("namespace") or "default")


def selected_by(service: Mapping[str, Any], specs: Sequence[PodSpec]) -> list[PodSpec]:
    """The pods that a Service leads to."""
    wanted = part(service, "spec", "selector").items()
    here = (found for found in specs if found.namespace == namespace_of(service))
    return [found for found in here if wanted <= dict(found.labels).items()]


def _astray(service: Mapping[str, Any], selected: Sequence[PodSpec], idle: Collection[str]) -> Problem | None:
    if selected and all(found.urn in idle for found in selected):
        return Problem("none of its pods runs: it has no replicas", "raise the replicas, or let an autoscaler do it")
    if not selected:
        wanted = ", ".join(f"{key}={value}" for key, value in part(service, "spec", "selector").items())
        return Problem(f"no pod of its namespace has {wanted}", "select labels that the pods have")
    ports = {port.get("name") for found in selected for one in found.containers for port in one.get("ports") or ()}
    targets = (port.get("targetPort") for port in part(service, "spec").get("ports") or ())
    unknown = [target for target in targets if isinstance(target, str) and not target.isdigit() and target not in ports]
    if unknown:
        return Problem(f"no container names a port {', '.join(unknown)}", "name the port in the pods")
    # A container may listen on a port that it does not name, unless it names its ports.
    given = part(service, "spec").get("ports") or ()
    numbers = {int(number) for port in given if str(number := port.get("targetPort") or port.get("port")).isdigit()}
    if all(one.get("ports") for found in selected for one in found.containers):
        named = [port for found in selected for one in found.containers for port in one["ports"]]
        strange = sorted(numbers - {int(port.get("containerPort") or 0) for port in named})
        if strange and all(port.get("containerPort") for port in named):
            return Problem(f"no container has port {', '.join(map(str, strange))}", "name a port that they have")
    return None


@check(
    "load-balanced-pods-drain",
    subject="Service with targets by address",
    severity="warning",
    fix="give the pods a readiness probe, a preStop hook that sleeps, and the namespace the label of readiness gates",
    sources=(sources.LOAD_BALANCER_CONTROLLER,),
)
def drain(context: Context) -> Iterator[Said]:
    """Requests are lost whenever a pod starts or stops."""
    specs = list(pod_specs(context.graph))
    namespaces = {
        str(manifest["metadata"]["name"]): part(manifest, "metadata", "labels")
        for _, manifest in kubernetes_objects(context.graph)
        if manifest["kind"] == "Namespace"
    }
    for service in services_with_selector(context):
        target = part(service, "metadata", "annotations").get(f"{SERVICE_ANNOTATION}nlb-target-type")
        selected = selected_by(service, specs)
        if target != "ip" or not balances_load(service) or not selected:
            continue
        labels = namespaces.get(namespace_of(service))
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
