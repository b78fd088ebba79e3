"""Kubernetes objects of a stack: the API server takes each of them, and what pods name is there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eks_gpu.api.judged import judged
from eks_gpu.api.rules.resources import is_whole
from eks_gpu.api.said import Refused
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import API_SERVER, RUNTIME_CLASS_ADMISSION, kubernetes
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.pods.named import Named, Without, named_by
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.software import GPU_OPERATOR, Software
from eks_gpu_components.catalog import GPU_DEVICE_CLASS, GPU_OPERATOR_RUNTIME_CLASSES, KNOWN_CHARTS

SHOWN = 5
"""Fields named in one message."""
_BUILT_IN = frozenset(
    {
        ("PriorityClass", "system-cluster-critical"),
        ("PriorityClass", "system-node-critical"),
        ("ServiceAccount", "default"),
        ("ConfigMap", "kube-root-ca.crt"),
    }
)
"""What every cluster has."""
_NOT_READ = ("ConfigMap", "Secret")
"""Kinds that are in no graph of a running cluster."""
_FITTED = ("NodePool", "EC2NodeClass")
"""Kinds that `node-pool-fields-fit-the-chart` judges."""
_CLAIMED = ("ResourceClaim", "ResourceClaimTemplate")
_OF_DRIVERS = (".nvidia.com", ".aws.com", ".k8s.aws")
"""How the names of DeviceClasses end that charts of NVIDIA and AWS bring."""
_SECRET_MAKERS = ("Certificate", "ClusterExternalSecret", "ExternalSecret", "SealedSecret", "SecretProviderClass")
"""Kinds that operators make Secrets of."""


@check(
    "objects-are-accepted",
    subject="Kubernetes object",
    fix="correct the field",
    sources=(API_SERVER,),
    of_a_program=True,
)
def accepted(context: Context) -> Iterator[Said]:
    """The update ends at an object that the API server refuses.

    The check knows every field of Kubernetes 1.36's usual kinds, and the rules of most. If it does not know the rules
    of a field that an object has, it gives no verdict. Karpenter's NodePools and node classes, and devices that a pod
    asks for, have checks of their own.
    """
    for resource, manifest in kubernetes_objects(context.graph):
        partial = resource.type.endswith("Patch")  # a change of an object that somebody else makes
        found = None if partial or manifest["kind"] in _FITTED else judged(manifest)
        if found is None:
            continue
        refused = [each for each in found.refused if not _of_devices(each)]
        if not refused and found.unjudged:
            yield no_verdict(subject(manifest), f"the rules of {_listed(found.unjudged)} are not known here")
            continue
        more = [f"and {len(refused) - SHOWN} more"] if len(refused) > SHOWN else []
        problems = [Problem(text) for text in (*map(str, refused[:SHOWN]), *more)]
        yield verdict(subject(manifest), problems, "the API server takes every field")


def _of_devices(refused: Refused) -> bool:
    """Whether `device-requests-are-limits` tells it."""
    before, found, rest = refused.path.partition(".resources.")
    return bool(found) and "ontainers[" in before and is_whole(rest.partition(".")[2])


def _listed(paths: tuple[str, ...]) -> str:
    shown = ", ".join(paths[:SHOWN])
    return f"{shown} and {len(paths) - SHOWN} more" if len(paths) > SHOWN else shown


@check(
    "pods-name-what-is-there",
    subject="workload whose pods name another object",
    severity="warning",
    fix="make the object in the stack, or name one that is there",
    relies_on=("software", "pods"),
    sources=(RUNTIME_CLASS_ADMISSION, kubernetes("configure-pod-container")),
)
def there(context: Context) -> Iterator[Said]:
    """The API server refuses the pods, or they wait for ever, because nothing makes what they name.

    The check looks in the stack for RuntimeClasses, PriorityClasses, ServiceAccounts, PersistentVolumeClaims,
    ConfigMaps, Secrets, ResourceClaims, their templates and the DeviceClasses that these name. It knows the
    RuntimeClasses of the GPU operator and the DeviceClasses of NVIDIA's and AWS's drivers. It says nothing of a cluster
    of another stack, of what any chart may bring into its own namespace or an unknown one anywhere, of Secrets that an
    operator of secrets may make, and of the Secrets and ConfigMaps of a cluster that runs, which nobody reads.
    """
    if context.of_another_stack:
        return
    made = made_in(context.graph, context.software)
    lacking = {workload.urn: list(_classes(workload.pod, made)) for workload in context.workloads}
    for spec in pod_specs(context.graph):
        wanted = [each for each in named_by(spec.spec) if not (context.graph.running and each.kind in _NOT_READ)]
        problems = [Problem(_missing(each), _fix(each)) for each in wanted if not is_made(each, spec.namespace, made)]
        problems += lacking.get(spec.urn, ())
        if wanted:
            names = ", ".join(dict.fromkeys(str(each) for each in wanted))
            yield verdict(str(spec), problems, f"{names}: something makes it, or may")


def _classes(pod: Pod, made: "Made") -> Iterator[Problem]:
    """DeviceClasses that a pod's claims name and nothing makes."""
    for claim in pod.claims:
        if claim.lacks and not made.anything and not claim.lacks.endswith(_OF_DRIVERS):
            said = f"claim {claim.name} names DeviceClass {claim.lacks}, which nothing in the stack makes"
            yield Problem(
                f"{said}: its pods wait for it",
                f"NVIDIA's driver makes {GPU_DEVICE_CLASS}: name it, or make the class in the stack",
            )


@dataclass(frozen=True, slots=True)
class Made:
    """What a stack makes that pods may name."""

    objects: frozenset[tuple[str, str, str]]
    """Kind, namespace and name of each object."""
    released: frozenset[str]
    """Namespaces with releases."""
    anything: bool
    """Whether a chart that the catalog does not know may bring more."""
    secrets: bool
    """Whether an operator may make Secrets of other objects."""


def made_in(graph: Graph, software: Iterable[Software]) -> Made:
    """What the stack's objects and releases are."""
    releases = list(software)
    objects = {
        (kind, _place(kind, str(made["metadata"].get("namespace") or "default")), str(made["metadata"]["name"]))
        for _, made in kubernetes_objects(graph)
        for kind in [str(made["kind"])]
    }
    if any(release.chart == GPU_OPERATOR for release in releases):
        objects |= {("RuntimeClass", "", name) for name in GPU_OPERATOR_RUNTIME_CLASSES}
    return Made(
        objects=frozenset(objects),
        released=frozenset(release.namespace for release in releases),
        # Outside their own namespace they bring nothing that pods name, but for the GPU operator's classes.
        anything=any(release.chart not in KNOWN_CHARTS for release in releases),
        secrets=any(kind in _SECRET_MAKERS for kind, _, _ in objects),
    )


def is_made(named: Named, namespace: str, made: Made) -> bool:
    """Whether the stack makes it, a release or an operator of secrets may, or every cluster has it."""
    if made.anything or (named.kind, named.name) in _BUILT_IN or (made.secrets and named.kind == "Secret"):
        return True
    place = _place(named.kind, namespace)
    if named.kind in _CLAIMED:  # no chart that the catalog knows brings one
        return (named.kind, place, named.name) in made.objects
    return (named.kind, place, named.name) in made.objects or (bool(place) and place in (*made.released, "kube-system"))


def _place(kind: str, namespace: str) -> str:
    return "" if kind in ("RuntimeClass", "PriorityClass") else namespace


_THEN = {
    Without.REFUSED: "the API server refuses its pods",
    Without.WAITS: "its pods wait for it",
    Without.PULLS: "its images are pulled without it",
}


def _missing(named: Named) -> str:
    then = _THEN[named.without]
    return f"spec.{named.path} names {named}, which nothing in the stack makes: {then}"


def _fix(named: Named) -> str:
    if named.kind == "RuntimeClass" and named.name in GPU_OPERATOR_RUNTIME_CLASSES:
        return "leave runtimeClassName out, because EKS's images need none, or install the GPU operator, which makes it"
    return ""
