"""Add-ons and controllers: the stack has those that it needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import ASSOCIATION
from eks_gpu.checks.services import balances_load
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.clusters import RESOURCE, Cluster
from eks_gpu.pools.software import ADDON, LOAD_BALANCER_CONTROLLER, RELEASES
from eks_gpu_components.catalog import (
    ADDON_CHARTS,
    AUTO_MODE_GROUP,
    COREDNS,
    EBS_CSI_DRIVER,
    EBS_PROVISIONER,
    KUBE_PROXY,
    POD_IDENTITY_AGENT,
    VPC_CNI,
)
from eks_gpu_components.catalog.auto_mode import DISK_PROVISIONER
from eks_gpu_components.catalog.label_rules import KUBERNETES_DOMAINS

_NETWORK = (VPC_CNI, KUBE_PROXY, COREDNS)
_PROVISIONERS = (EBS_PROVISIONER, f"{KUBERNETES_DOMAINS[0]}/aws-ebs")
_OLD_CLASS = "gp2"
_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}
# In the values of the component of pulumi-eks.
_OPTIONS = {COREDNS: "corednsAddonOptions", KUBE_PROXY: "kubeProxyAddonOptions"}


def _has(addon: str, context: Context) -> bool:
    there = {found.inputs.get("addonName") for found in context.graph.of(ADDON)}
    return addon in there or bool(context.charts(*ADDON_CHARTS[addon]))


def _of_own_nodes(context: Context) -> Iterator[tuple[Cluster, Resource]]:
    """Clusters of the stack whose nodes Auto Mode does not run."""
    for cluster in context.clusters:
        found = context.graph.get(cluster.urn)
        if found and not cluster.auto_mode:
            yield cluster, found


@check(
    "cluster-has-its-add-ons",
    subject="cluster with nodes of its own",
    fix="add the missing EKS add-ons",
    relies_on=("software", "pods"),
    sources=(
        sources.eks_guide("eks-add-ons"),
        sources.PULUMI,
    ),
)
def has_addons(context: Context) -> Iterator[Said]:
    """Nodes never become ready, names do not resolve, or controllers get no credentials.

    The check knows what EKS, the component of pulumi-eks and charts of other CNIs install.
    """
    associated = context.graph.of(ASSOCIATION) or any(
        found.inputs.get("podIdentityAssociations") for found in context.graph.of(ADDON)
    )
    for cluster, found in _of_own_nodes(context):
        needed = [name for name in _NETWORK if _left_out(name, found)] + [POD_IDENTITY_AGENT] * bool(associated)
        missing = [name for name in needed if not _has(name, context)]
        problem = Problem(f"nothing installs {', '.join(missing)}", f"add {', '.join(missing)}") if missing else None
        yield verdict(cluster.name, problem, f"{', '.join(needed) or 'what EKS installs itself'} is there")


def _left_out(addon: str, cluster: Resource) -> bool:
    """Whether EKS and the component leave it to the program."""
    if cluster.inputs.get("bootstrapSelfManagedAddons") is not False:
        return False
    if cluster.type == RESOURCE:
        return True
    if addon == VPC_CNI:
        return cluster.inputs.get("useDefaultVpcCni") is True
    return part(cluster.inputs, _OPTIONS[addon]).get("enabled") is False


@check(
    "storage-classes-have-their-driver",
    subject="StorageClass of EBS",
    fix=f"add the EKS add-on {EBS_CSI_DRIVER}",
    relies_on=("software", "pods"),
    sources=(sources.eks_guide("ebs-csi"),),
)
def have_drivers(context: Context) -> Iterator[Said]:
    """A pod with a volume waits for its disk forever.

    The class gp2, which EKS makes, and the old name of the provisioner are of the same driver.
    """
    for _, manifest in kubernetes_objects(context.graph):
        of_driver = manifest["kind"] == "StorageClass" and manifest.get("provisioner") in _PROVISIONERS
        if of_driver or _OLD_CLASS in _classes(manifest):
            for _ in _of_own_nodes(context):
                problem = (
                    None if _has(EBS_CSI_DRIVER, context) else Problem(f"nothing installs its driver {EBS_PROVISIONER}")
                )
                yield verdict(subject(manifest), problem, f"{EBS_CSI_DRIVER} makes its disks")


def _classes(manifest: Mapping[str, Any]) -> list[str]:
    """Storage classes of an object's claims."""
    spec = part(manifest, "spec")
    if manifest["kind"] == "PersistentVolumeClaim":
        return [str(spec.get("storageClassName"))]
    claims = spec.get("volumeClaimTemplates") or () if manifest["kind"] == "StatefulSet" else ()
    return [str(part(claim, "spec").get("storageClassName")) for claim in claims]


@check(
    "volumes-are-made-where-pods-run",
    subject="StorageClass of EBS",
    severity="warning",
    fix="set volumeBindingMode: WaitForFirstConsumer",
    sources=(
        sources.eks_guide("ebs-csi"),
        sources.kubernetes("storage-classes"),
    ),
)
def where_pods_run(context: Context) -> Iterator[Said]:
    """A disk is made before its pod has a node, in any zone: the pod stays Pending if no node of it can be there."""
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "StorageClass" and manifest.get("provisioner") in (*_PROVISIONERS, DISK_PROVISIONER):
            mode = manifest.get("volumeBindingMode") or "Immediate"
            problem = None if mode == "WaitForFirstConsumer" else Problem(f"volumeBindingMode is {mode}")
            yield verdict(subject(manifest), problem, "its disks wait for their pod")


@check(
    "namespaces-exist",
    subject="namespace",
    severity="warning",
    fix="register the Namespace, or let the release create it",
    relies_on=("software", "pods"),
    sources=(sources.kubernetes("namespaces"),),
    of_a_program=True,
)
def namespaces_exist(context: Context) -> Iterator[Said]:
    """The API server refuses objects in the namespace, and the update stops.

    The check applies if the stack creates the cluster.
    """
    if not context.clusters:
        return
    objects = [manifest for _, manifest in kubernetes_objects(context.graph)]
    made = {str(manifest["metadata"]["name"]) for manifest in objects if manifest["kind"] == "Namespace"}
    used = {str(metadata["namespace"]) for each in objects if (metadata := each["metadata"]).get("namespace")}
    for resource in context.graph.of(*RELEASES):
        namespace = str(resource.inputs.get("namespace") or "default")
        (made if resource.inputs.get("createNamespace") else used).add(namespace)
    for namespace in sorted(used - _NAMESPACES):
        problem = None if namespace in made else Problem("the stack uses it and does not create it")
        yield verdict(f"Namespace {namespace}", problem, "the stack makes it")


@check(
    "what-needs-a-controller-has-one",
    subject="group or node pool, Service with a load balancer, Ingress",
    severity="warning",
    fix="add the release of the controller, or waive this check if another stack has it",
    relies_on=("software", "pods"),
    sources=(sources.LAB,),
)
def has_controller(context: Context) -> Iterator[Said]:
    """No node and no load balancer is ever created: no controller acts on what the stack asks for.

    The check applies if the stack creates the cluster.
    """
    if not context.clusters:
        return  # what else runs in somebody else's cluster is not known
    auto_mode = any(cluster.auto_mode for cluster in context.clusters)
    plain = " ".join(image for workload in context.workloads for image in workload.pod.images)
    for pool in context.pools:
        if (chart := pool.made_by.scaled_by) and pool.autoscaled:
            there = context.charts(chart) or f"/{chart}" in plain
            problem = None if there else Problem(f"nothing in the stack scales it, because the stack has no {chart}")
            yield verdict(pool.name, problem, f"{chart} scales it")
    for _, manifest in kubernetes_objects(context.graph):
        if balances_load(manifest):
            by = part(manifest, "spec").get("loadBalancerClass") or ""
            there = auto_mode or (not by.startswith(f"{AUTO_MODE_GROUP}/") and context.charts(LOAD_BALANCER_CONTROLLER))
            problem = None if there else Problem("nothing in the stack makes its load balancer")
            yield verdict(subject(manifest), problem, "a controller makes its load balancer")
