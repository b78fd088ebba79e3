"""The objects of a running cluster as resources of the graph, as a program would have registered them: without what the
API server and controllers add, and without what they make.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import AUTO_NODE_CLASS, CONFIG_MAP, EVENT, NODE, NODE_CLAIM, NODE_POOL, POD
from eks_gpu.live.observed import Observed, is_of_eks, is_past, is_token
from eks_gpu.pods.demand import workloads_of
from eks_gpu_components.catalog import COREDNS, NAMESPACE_NAME_LABEL

_NOT_WISHED = (NODE, NODE_CLAIM, EVENT)
"""What controllers make of the rest: seen, and no part of what a cluster is told to be."""
_OF_THE_SERVER = frozenset(
    {
        *("uid", "resourceVersion", "creationTimestamp", "generation", "finalizers", "deletionTimestamp"),
        *("deletionGracePeriodSeconds", "generateName", "managedFields", "ownerReferences", "selfLink"),
    }
)
"""Keys of `metadata` that no program writes."""
_OF_CONTROLLERS = re.compile(
    r"(deployment\.kubernetes\.io|control-plane\.alpha\.kubernetes\.io|autoscaling\.alpha\.kubernetes\.io"
    r"|pv\.kubernetes\.io|volume(\.beta)?\.kubernetes\.io|kubectl\.kubernetes\.io|batch\.kubernetes\.io"
    r"|karpenter(\.k8s\.aws|\.sh)/\w*-?hash|deprecated\.daemonset)"
)
"""Annotations that controllers write."""
_SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_MADE_BY_ITSELF: Mapping[tuple[str, str], re.Pattern[str]] = {
    ("", "Namespace"): re.compile("|".join(_SYSTEM_NAMESPACES)),
    ("", "ServiceAccount"): re.compile(r"[^/]+/default"),
    ("", "Service"): re.compile(r"default/kubernetes|kube-system/(kube-dns|eks-extension-metrics-api)"),
    ("apps", "DaemonSet"): re.compile(r"kube-system/(aws-node|kube-proxy)"),
    ("apps", "Deployment"): re.compile(f"kube-system/{COREDNS}"),
    ("policy", "PodDisruptionBudget"): re.compile(f"kube-system/{COREDNS}"),
    ("scheduling.k8s.io", "PriorityClass"): re.compile(r"system-(cluster|node)-critical"),
    ("storage.k8s.io", "StorageClass"): re.compile(r"gp2"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): re.compile(
        r"pod-identity-webhook|vpc-resource-mutating-webhook"
    ),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): re.compile(
        r"vpc-resource-validating-webhook|eks-aws-auth-configmap-validation-webhook"
    ),
}
"""API group and kind -> `namespace/name`, or name, of what every cluster of EKS has without anybody's wish."""
_SPEC: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Namespace"): ("finalizers",),
    ("", "PersistentVolume"): ("claimRef",),
    ("", "PersistentVolumeClaim"): ("volumeName",),
    ("", "Pod"): ("nodeName", "priority", "serviceAccount"),
    ("", "Service"): ("clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"),
}
"""Keys of `spec` that the API server and controllers fill."""
_ENDED = frozenset({"Complete", "Completed", "Failed", "Finished", "Succeeded"})
_ENDING_KINDS = frozenset(
    {
        *("Job", "JobSet", "TrainJob", "RayJob", "Workflow", "SparkApplication", "AppWrapper", "FlinkDeployment"),
        *("MPIJob", "PyTorchJob", "TFJob", "XGBoostJob", "PaddleJob", "JAXJob"),
    }
)
"""Kinds whose pods end, after which the object stays."""
_ENDED_STATES = frozenset(
    {"complete", "completed", "failed", "succeeded", "error", "aborted", "terminated", "finished", "stopped"}
)
_OF_DAEMONS = re.compile(
    r"node\.kubernetes\.io/(not-ready|unreachable|(disk|memory|pid)-pressure|unschedulable"
    r"|network-unavailable)"
)
"""Taints that every pod is let tolerate by admission, or a DaemonSet's by its controller."""
UNREAD_CONTROLLER = "controllers.not-read/v1"
"""API version of workloads that are known by their pods alone: their controllers' objects are not read."""
_REVISION_OF: Mapping[str, str] = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
"""Label of a pod with what its ReplicaSet's name ends with -> the kind that makes the ReplicaSet."""
_REVISIONS = ("controller-revision-hash", "pod-template-generation", *_REVISION_OF)
_RUN = re.compile(r"(.+)-\d{8,}")
"""Name of a Job that a CronJob makes."""
_DECIDES = (
    *("affinity", "hostNetwork", "nodeSelector", "overhead", "priorityClassName", "resourceClaims"),
    *("runtimeClassName", "schedulerName", "schedulingGates", "tolerations", "topologySpreadConstraints"),
)
"""Keys of a pod's `spec` by which pods of one owner are told apart."""

Pods = dict[tuple[str, ...], list[Manifest]]


def object_resources(
    observed: Observed, *, without: Collection[str] = (), built_in: Collection[str] = (), addons_known: bool = True
) -> Iterator[Resource]:
    """What somebody wished for: an object that has no controller, or whose controller is not read.

    `without` are the uids of objects that are told otherwise, as those of a release are by its values, and `built_in`
    the names of the node pools that Auto Mode makes itself. `addons_known` is whether the account has told the add-ons
    of EKS, whose objects are then no workloads of their own.
    """
    known = {each["metadata"].get("uid") for objects in observed.objects.values() for each in objects}
    makers = _makers(observed)
    pods: Pods = {}
    for kind, objects in observed.objects.items():
        if kind in _NOT_WISHED:
            continue
        for each in objects:
            owner = owner_of(each)
            if (owner and owner.get("uid") in known) or each["metadata"].get("uid") in without:
                continue
            if is_over(each) or is_past(each):
                continue
            if is_made_by_itself(kind, each, built_in) or (addons_known and kind != CONFIG_MAP and is_of_eks(each)):
                continue
            if kind == POD and owner:
                maker = _maker(each, owner, makers)
                if maker not in makers and not _is_made_by_itself(*maker):
                    pods.setdefault((*maker, _needs(each)), []).append(each)
            else:
                yield _resource(wished(each))
    yield from _of_pods(pods)


def readable(found: Iterable[Resource]) -> tuple[list[Resource], list[Unread]]:
    """The objects whose pods can be read, and a row for each other one: an API server takes what it has no rules for,
    such as a text for a number in a custom resource, and one such object is no reason to read nothing.
    """
    kept: list[Resource] = []
    rows: list[Unread] = []
    for each in found:
        try:
            workloads_of(each.inputs)
        except ValueError as error:
            subject = f"{each.inputs['kind']} {each.id}"
            why = str(error).removeprefix(f"{subject}: ")
            rows.append(Unread(subject, "pods", why, "correct the object, whose controller cannot read it either"))
        else:
            kept.append(each)
    return kept, rows


def owner_of(manifest: Manifest) -> Mapping[str, Any] | None:
    """The reference to what makes the object; None for one that stands for itself."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def maker_of(pod: Manifest, owner: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of what a pod's owner belongs to, where the owner itself is not read: of a Deployment for each of
    its ReplicaSets.
    """
    kind, name = str(owner["kind"]), str(owner["name"])
    labels = pod["metadata"].get("labels") or {}
    for label, above in _REVISION_OF.items():
        ending = f"-{labels.get(label)}"
        if kind == "ReplicaSet" and labels.get(label) and name.endswith(ending):
            return above, name.removesuffix(ending)
    return kind, name


def is_over(manifest: Manifest) -> bool:
    """Whether its pods have ended, so that it asks for nothing any more."""
    status = manifest.get("status") or {}
    if manifest["kind"] == "Pod":
        return status.get("phase") in ("Succeeded", "Failed")
    if manifest["kind"] not in _ENDING_KINDS:
        return False
    conditions = status.get("conditions") or ()
    if any(each.get("type") in _ENDED and each.get("status") == "True" for each in conditions):
        return True
    states = (
        *(status.get("phase"), status.get("jobDeploymentStatus"), status.get("jobStatus")),
        *((status.get("state") or {}).get("phase") if isinstance(status.get("state"), Mapping) else None,),
        *((status.get("applicationState") or {}).get("state"),),
    )
    return any(isinstance(state, str) and state.lower() in _ENDED_STATES for state in states)


def is_made_by_itself(kind: Kind, manifest: Manifest, built_in: Collection[str] = ()) -> bool:
    """Whether Kubernetes or EKS makes it in every cluster."""
    metadata = manifest["metadata"]
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    if (pattern := _MADE_BY_ITSELF.get((kind.group, kind.name))) and pattern.fullmatch(name):
        return True
    if (
        kind.name == "ServiceAccount" and metadata.get("namespace") == "kube-system"
    ):  # those of controllers have neither
        return not (metadata.get("labels") or metadata.get("annotations"))
    if built_in and kind in (NODE_POOL, AUTO_NODE_CLASS):
        return metadata["name"] in (*built_in, "default") and _is_auto_modes(kind, manifest)
    # A volume that a driver made for a claim.
    return kind.name == "PersistentVolume" and "pv.kubernetes.io/provisioned-by" in (metadata.get("annotations") or {})


def _is_auto_modes(kind: Kind, manifest: Manifest) -> bool:
    if kind == AUTO_NODE_CLASS:
        return manifest["metadata"]["name"] == "default"
    template = (manifest.get("spec") or {}).get("template") or {}
    return ((template.get("spec") or {}).get("nodeClassRef") or {}).get("group") == AUTO_NODE_CLASS.group


def wished(manifest: Manifest) -> Manifest:
    """The object without what the API server and controllers add to it."""
    kind = (str(manifest["apiVersion"]).rpartition("/")[0], str(manifest["kind"]))
    found = {key: value for key, value in manifest.items() if key != "status"}
    found["metadata"] = _metadata(manifest["metadata"], kind)
    if isinstance(spec := found.get("spec"), Mapping):
        spec = {key: value for key, value in spec.items() if key not in _SPEC.get(kind, ())}
        if kind == ("", "Service"):
            spec = _service(spec)
        if kind == ("", "Pod"):
            spec = _pod(spec)
        found["spec"] = spec
        if kind == ("", "Namespace") and not spec:
            del found["spec"]
    if kind[0] == "admissionregistration.k8s.io":
        found["webhooks"] = [_webhook(each) for each in found.get("webhooks") or ()]
    return found


def _metadata(given: Mapping[str, Any], kind: tuple[str, str]) -> dict[str, Any]:
    found = {key: value for key, value in given.items() if key not in _OF_THE_SERVER}
    annotations = {
        key: value for key, value in (given.get("annotations") or {}).items() if not _OF_CONTROLLERS.match(key)
    }
    labels = dict(given.get("labels") or {})
    if kind == ("", "Namespace"):
        labels.pop(NAMESPACE_NAME_LABEL, None)
    for key, kept in (("annotations", annotations), ("labels", labels)):
        found.pop(key, None)
        if kept:
            found[key] = kept
    return found


def _service(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Without addresses; `None`, of a headless one, is its program's."""
    found = {key: value for key, value in spec.items() if key != "clusterIP" or value == "None"}
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports") or ()]
    return {**found, "ports": ports} if ports else found


def _webhook(given: Mapping[str, Any]) -> dict[str, Any]:
    client = {key: value for key, value in (given.get("clientConfig") or {}).items() if key != "caBundle"}
    return {**given, "clientConfig": client}


def _pod(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Without its node, and without the token and the tolerations that admission adds."""
    tolerations = [
        each
        for each in spec.get("tolerations") or ()
        if not (each.get("operator") == "Exists" and _OF_DAEMONS.fullmatch(str(each.get("key") or "")))
    ]
    volumes = [each for each in spec.get("volumes") or () if not is_token(each.get("name"))]
    containers = {
        key: [_without_token(each) for each in spec[key]] for key in ("containers", "initContainers") if spec.get(key)
    }
    found = {**spec, "tolerations": tolerations, "volumes": volumes, **containers}
    if affinity := _without_node(spec.get("affinity")):
        found["affinity"] = affinity
    else:
        found.pop("affinity", None)
    return {key: value for key, value in found.items() if value not in ([], None)}


def _without_token(container: Mapping[str, Any]) -> Mapping[str, Any]:
    mounts = [each for each in container.get("volumeMounts") or () if not is_token(each.get("name"))]
    found = {key: value for key, value in container.items() if key != "volumeMounts"}
    return {**found, "volumeMounts": mounts} if mounts else found


def _without_node(affinity: Any) -> dict[str, Any]:
    """Without the name of the one node that a DaemonSet's controller writes into each of its pods."""
    found = dict(affinity or {})
    required = (found.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or ()
    if not any(term.get("matchFields") for term in terms):
        return found
    kept = [{"matchExpressions": term["matchExpressions"]} for term in terms if term.get("matchExpressions")]
    node = {
        key: value
        for key, value in found["nodeAffinity"].items()
        if key != "requiredDuringSchedulingIgnoredDuringExecution"
    }
    if kept:
        node["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": kept}
    return {
        **{key: value for key, value in found.items() if key != "nodeAffinity"},
        **({"nodeAffinity": node} if node else {}),
    }


_Maker = tuple[str, str, str]
"""Namespace, kind and name of what makes pods."""
_ABOVE_UNREAD = ("CronJob", *_REVISION_OF.values())


def _makers(observed: Observed) -> set[_Maker]:
    """What is read, makes what makes pods, and tells of the pods itself."""
    return {
        (str(each["metadata"].get("namespace") or ""), kind.name, str(each["metadata"]["name"]))
        for kind, objects in observed.objects.items()
        if kind.name in _ABOVE_UNREAD
        for each in objects
    }


def _maker(pod: Manifest, owner: Mapping[str, Any], makers: Collection[_Maker]) -> _Maker:
    namespace = str(pod["metadata"].get("namespace") or "")
    kind, name = maker_of(pod, owner)
    run = _RUN.fullmatch(name) if kind == "Job" else None
    if run and (namespace, "CronJob", run[1]) in makers:
        return namespace, "CronJob", run[1]
    return namespace, kind, name


def _is_made_by_itself(namespace: str, kind: str, name: str) -> bool:
    """Whether every cluster of EKS has this controller of `apps`."""
    pattern = _MADE_BY_ITSELF.get(("apps", kind))
    return bool(pattern and pattern.fullmatch(f"{namespace}/{name}"))


def _needs(pod: Manifest) -> str:
    """What pods of one maker have in common that need the same of a node."""
    spec = _pod(pod["spec"])
    containers = [
        [each.get("image"), each.get("resources"), each.get("ports"), each.get("restartPolicy")]
        for key in ("initContainers", "containers")
        for each in spec.get(key) or ()
    ]
    return json.dumps([containers, {key: spec.get(key) for key in _DECIDES}], sort_keys=True)


def _of_pods(groups: Pods) -> Iterator[Resource]:
    """A workload for each group of equal pods: as many as run, and nobody knows how many there may be."""
    seen: dict[tuple[str, ...], int] = {}
    for (namespace, kind, name, _), pods in groups.items():
        first = wished(pods[0])
        labels = {key: value for key, value in (first["metadata"].get("labels") or {}).items() if key not in _REVISIONS}
        number = seen[namespace, kind, name] = seen.get((namespace, kind, name), 0) + 1
        template = {"metadata": {"labels": labels}, "spec": first["spec"]}
        manifest = {
            "apiVersion": UNREAD_CONTROLLER,
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"template": template},
            "status": {"replicas": len(pods)},
        }
        yield _resource(manifest, suffix="" if number == 1 else f"-{number}")


def _resource(manifest: Manifest, suffix: str = "") -> Resource:
    version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    type_ = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    return Resource(
        f"urn:pulumi:live::cluster::{type_}::{name}{suffix}", type_, metadata["name"], inputs=manifest, id=name
    )


def release_resource(
    name: str, namespace: str, chart: str, version: str, values: Mapping[str, Any] | None = None
) -> Resource:
    """A release of Helm, or what does the same without Helm, as a program registers it."""
    type_ = "kubernetes:helm.sh/v3:Release"
    inputs = {"name": name, "namespace": namespace, "chart": chart, "version": version, "values": dict(values or {})}
    id_ = f"{namespace}/{name}"
    return Resource(f"urn:pulumi:live::cluster::{type_}::{id_}", type_, name, inputs=inputs, id=id_)


def of_releases(objects: Iterable[Manifest], releases: Sequence[tuple[str, str]]) -> set[str]:
    """Uids of the objects that Helm made for releases, each by namespace and name."""
    wanted = set(releases)
    return {str(each["metadata"].get("uid")) for each in objects if release_of(each) in wanted}


def release_of(manifest: Manifest) -> tuple[str, str] | None:
    """Namespace and name of the release that Helm made the object for; None if it did not."""
    annotations = manifest["metadata"].get("annotations") or {}
    name = annotations.get("meta.helm.sh/release-name")
    if not name:
        return None
    return str(annotations.get("meta.helm.sh/release-namespace") or manifest["metadata"].get("namespace") or ""), str(
        name
    )
