"""Spreading: replicas that must run apart have as many nodes and zones, and no port is taken twice."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import ZONE_LABEL
from eks_gpu_components.catalog.labels import HOSTNAME_LABEL


@check(
    "replicas-can-run-apart",
    subject="workload",
    severity="warning",
    fix="lower the replicas, raise the limit of the pools, or let the scheduler prefer what the pods now require",
    relies_on=("nodes",),
    sources=(sources.kubernetes("assign-pod-node"),),
)
def run_apart(context: Context) -> Iterator[Said]:
    """Some replicas stay Pending for ever, or all of them run in one zone: there are not as many nodes or zones.

    The check reads required pod anti-affinity against the workload's own pods, topology spread that must hold, and host
    ports, of which a node has each once.
    """
    specs = {spec.urn: spec for spec in pod_specs(context.graph)}
    pools = {pool.name: pool for pool in context.pools}
    for workload in scheduled(context):
        verdicts = context.verdicts[workload.urn]
        takers = [pools[each.pool] for each in verdicts if each.admits and each.pool in pools]
        spec = specs.get(workload.urn)
        if spec and takers:
            yield verdict(str(workload), _crowded(workload, spec, takers), "its replicas have nodes of their own")


def _crowded(workload: Workload, spec: PodSpec, takers: list[Pool]) -> Iterator[Problem]:
    replicas = workload.max_replicas or workload.replicas or 0
    most = [pool.max_nodes_for_pods for pool in takers]
    nodes = None if None in most else sum(each or 0 for each in most)
    zones = {zone for pool in takers for zone in pool.zones} if all(pool.zones for pool in takers) else set[str]()
    for key in dict.fromkeys(_apart(spec)):
        if key == HOSTNAME_LABEL and nodes is not None and replicas > nodes:
            yield Problem(f"{replicas} replicas must be on a node each, and its pools have {nodes}")
        if key == ZONE_LABEL and zones and replicas > len(zones):
            yield Problem(f"{replicas} replicas must be in a zone each, and its pools have {len(zones)}")
    for row in spec.spec.get("topologySpreadConstraints") or ():
        if row.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule" or row.get("topologyKey") != ZONE_LABEL:
            continue
        if zones and int(row.get("minDomains") or 1) > len(zones):
            yield Problem(f"its pods must be in {row['minDomains']} zones, and its pools have {len(zones)}")
        elif len(zones) == 1 and replicas > 1:
            yield Problem(f"its pods must spread over zones, and its pools are all in {', '.join(zones)}")
    ports = _host_ports(spec)
    if ports and nodes is not None and replicas > nodes:
        yield Problem(f"{replicas} replicas take port {ports[0]} of a node each, and its pools have {nodes} nodes")
    if twice := sorted({port for port in ports if ports.count(port) > 1}):
        yield Problem(f"two containers take port {twice[0]} of the node", "give each container a port of its own")


def _apart(spec: PodSpec) -> Iterator[str]:
    """Topology keys by which its own pods keep off each other."""
    required = part(spec.spec, "affinity", "podAntiAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")
    for term in required or ():
        wanted: Mapping[str, Any] = part(term, "labelSelector", "matchLabels")
        of_others = term.get("namespaces") or term.get("namespaceSelector") is not None
        if wanted and not of_others and wanted.items() <= dict(spec.labels).items():
            yield str(term.get("topologyKey"))


def _host_ports(spec: PodSpec) -> list[int]:
    ports = [port for container in spec.containers for port in container.get("ports") or ()]
    keys = ("hostPort", "containerPort") if spec.spec.get("hostNetwork") is True else ("hostPort",)
    taken = (next((port[key] for key in keys if port.get(key)), 0) for port in ports)
    return [int(port) for port in taken if port]
