"""What Kubernetes holds the fields of its own kinds to, beyond their types: bounds, words, names, rules between them.

Source: Kubernetes 1.36, pkg/apis, package validation of core, apps, batch, autoscaling, policy, networking,
node and storage.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_network
from math import ceil
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.said import Finding, Refused, Unjudged, joined, maps
from eks_gpu.api.types import schema
from eks_gpu.pods.quantities import HUGE_PAGES, quantity
from eks_gpu_components.catalog.label_rules import KUBERNETES_DOMAINS
from eks_gpu_components.catalog.nearest import hint

Rule = Callable[[Mapping[str, Any], str], Iterator[Finding]]

_JUDGED: dict[str, frozenset[str]] = {}
"""Type -> fields whose rules are all here."""
_BOUNDS: dict[tuple[str, str], tuple[int, int | None]] = {}
_WORDS: dict[tuple[str, str], tuple[str, ...]] = {}
_NAMES: dict[tuple[str, str], Callable[[str], str]] = {}
_NEEDED: dict[str, tuple[str, ...]] = {}
_RULES: dict[str, list[Rule]] = {}


def ruled(type_: Any, value: Any, path: str) -> Iterator[Finding]:
    """What is refused or not judged of a value that fits its type."""
    if value is None:
        return
    if isinstance(type_, list):
        entries = enumerate(value) if type_[0] == "list" else value.items()
        for key, item in entries:
            yield from ruled(type_[1], item, joined(path, key))
    elif type_.startswith("#"):
        name = type_[1:]
        given = {key: each for key, each in value.items() if each is not None}
        yield from _fields(name, given, path)
        for rule in _RULES.get(name, ()):
            yield from rule(given, path)
        for key, item in given.items():
            yield from ruled(schema()["types"][name].get(key, "any"), item, joined(path, key))


def _fields(name: str, given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Each field by itself."""
    for key in _NEEDED.get(name, ()):
        if given.get(key) in (None, "", [], {}):
            yield Refused(joined(path, key), "is required")
    judged = _JUDGED.get(name, frozenset())
    for key, value in given.items():
        at = joined(path, key)
        least, most = _BOUNDS.get((name, key), (None, None))
        if least is not None and value < least:
            yield Refused(at, f"must be at least {least}, got {value}")
        if most is not None and value > most:
            yield Refused(at, f"must be at most {most}, got {value}")
        words = _WORDS.get((name, key))
        if words and value not in words:
            yield Refused(
                at, f"must be one of {', '.join(filter(None, words))}, got {value!r}{hint(str(value), words)}"
            )
        named = _NAMES.get((name, key))
        if named and value and (why := named(value)):
            yield Refused(at, why)
        if key not in judged and not (path == "" and key in ("apiVersion", "kind", "status")):
            yield Unjudged(at)


def _judges(name: str, fields: str, needs: str = "") -> None:
    """A field is `name`, `name>=0`, `name=1..65535`, `name:One|Other` or `name~form`."""
    found = set()
    for field in fields.split():
        if ">=" in field:
            key, _, least = field.partition(">=")
            _BOUNDS[name, key] = int(least), None
        elif ".." in field:
            key, _, span = field.partition("=")
            least, _, most = span.partition("..")
            _BOUNDS[name, key] = int(least), int(most)
        elif ":" in field:
            key, _, words = field.partition(":")
            _WORDS[name, key] = tuple(words.split("|"))
        elif "~" in field:
            key, _, form = field.partition("~")
            _NAMES[name, key] = getattr(names, form)
        else:
            key = field
        found.add(key)
    _JUDGED[name] = frozenset(found)
    _NEEDED[name] = tuple(needs.split())


def _rule(*types: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        for name in types:
            _RULES.setdefault(name, []).append(function)
        return function

    return register


def _check(path: str, why: str) -> Iterator[Refused]:
    if why:
        yield Refused(path, why)


# --- every object ----------------------------------------------------------------------------------------------------

_judges("meta.v1.ObjectMeta", "name namespace~dns_label labels annotations")
_judges("meta.v1.LabelSelector", "matchLabels matchExpressions")
_judges("meta.v1.LabelSelectorRequirement", "key~key operator:In|NotIn|Exists|DoesNotExist values", "key operator")


@_rule("meta.v1.ObjectMeta")
def _metadata(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _labels(given.get("labels"), joined(path, "labels"))
    size = 0
    for key, value in (given.get("annotations") or {}).items():
        yield from _check(joined(joined(path, "annotations"), key), names.key(key.lower()))
        size += len(key) + len(value or "")
    if size > 256 * 1024:
        yield Refused(joined(path, "annotations"), f"must have at most {256 * 1024} characters, got {size}")


def _labels(given: Any, path: str) -> Iterator[Finding]:
    for key, value in (given or {}).items():
        yield from _check(joined(path, key), names.key(key) or names.label_value(value or ""))


@_rule("meta.v1.LabelSelector")
def _selector(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _labels(given.get("matchLabels"), joined(path, "matchLabels"))


@_rule("meta.v1.LabelSelectorRequirement")
def _requirement(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    values, operator = given.get("values") or [], given.get("operator")
    at = joined(path, "values")
    if operator in ("In", "NotIn") and not values:
        yield Refused(at, f"is required, because the operator is {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        yield Refused(at, f"must be left out, because the operator is {operator}")
    for index, value in enumerate(values):
        yield from _check(joined(at, index), names.label_value(value))


# --- pods ------------------------------------------------------------------------------------------------------------

_judges("core.v1.Pod", "metadata spec", "spec")
_judges("core.v1.PodTemplateSpec", "metadata spec", "spec")
_judges(
    "core.v1.PodSpec",
    "activeDeadlineSeconds=1..2147483647 affinity automountServiceAccountToken containers "
    "dnsPolicy:|ClusterFirstWithHostNet|ClusterFirst|Default|None enableServiceLinks hostIPC hostNetwork hostPID "
    "hostname~dns_label imagePullSecrets initContainers nodeName~subdomain nodeSelector "
    "priorityClassName~subdomain resourceClaims restartPolicy:|Always|OnFailure|Never runtimeClassName~subdomain "
    "schedulerName~subdomain securityContext serviceAccountName~subdomain setHostnameAsFQDN shareProcessNamespace "
    "subdomain~dns_label terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes",
    "containers",
)
_judges(
    "core.v1.Container",
    "args command env envFrom image imagePullPolicy:|Always|IfNotPresent|Never lifecycle livenessProbe "
    "name~dns_label ports readinessProbe resources restartPolicy securityContext startupProbe stdin stdinOnce "
    "terminationMessagePath terminationMessagePolicy:|File|FallbackToLogsOnError tty volumeMounts workingDir",
    "name image",
)
_judges("core.v1.LocalObjectReference", "name~subdomain")
_judges("core.v1.EnvVar", "name~variable value valueFrom", "name")
_judges("core.v1.EnvVarSource", "configMapKeyRef fieldRef secretKeyRef resourceFieldRef")
_judges("core.v1.ConfigMapKeySelector", "name~subdomain key~file_key optional", "name key")
_judges("core.v1.SecretKeySelector", "name~subdomain key~file_key optional", "name key")
_judges("core.v1.ObjectFieldSelector", "fieldPath apiVersion:v1", "fieldPath")
_judges("core.v1.EnvFromSource", "prefix~variable configMapRef secretRef")
_judges("core.v1.ConfigMapEnvSource", "name~subdomain optional", "name")
_judges("core.v1.SecretEnvSource", "name~subdomain optional", "name")
_judges(
    "core.v1.ContainerPort",
    "containerPort=1..65535 hostPort=0..65535 name~port_name protocol:|TCP|UDP|SCTP",
    "containerPort",
)
_judges("core.v1.ResourceRequirements", "claims limits requests")
_judges("core.v1.ResourceClaim", "name~dns_label request~dns_label", "name")
_judges(
    "core.v1.PodResourceClaim",
    "name~dns_label resourceClaimName~subdomain resourceClaimTemplateName~subdomain",
    "name",
)
_judges(
    "core.v1.Probe",
    "exec failureThreshold>=0 grpc httpGet initialDelaySeconds>=0 periodSeconds>=0 successThreshold>=0 tcpSocket "
    "timeoutSeconds>=0 terminationGracePeriodSeconds>=1",
)
_judges("core.v1.ExecAction", "command", "command")
_judges("core.v1.HTTPGetAction", "host httpHeaders path port scheme:|HTTP|HTTPS")
_judges("core.v1.HTTPHeader", "name~header value", "name")
_judges("core.v1.TCPSocketAction", "host port")
_judges("core.v1.GRPCAction", "port=1..65535 service", "port")
_judges("core.v1.SleepAction", "seconds>=0")
_judges("core.v1.Lifecycle", "postStart preStop")
_judges("core.v1.LifecycleHandler", "exec httpGet sleep tcpSocket")
_judges(
    "core.v1.SecurityContext",
    "allowPrivilegeEscalation capabilities privileged readOnlyRootFilesystem runAsGroup=0..2147483647 "
    "runAsNonRoot runAsUser=0..2147483647 seccompProfile",
)
_judges("core.v1.Capabilities", "add drop")
_judges(
    "core.v1.PodSecurityContext",
    "fsGroup=0..2147483647 fsGroupChangePolicy:OnRootMismatch|Always runAsGroup=0..2147483647 runAsNonRoot "
    "runAsUser=0..2147483647 seccompProfile supplementalGroups",
)
_judges("core.v1.SeccompProfile", "type:RuntimeDefault|Unconfined|Localhost localhostProfile", "type")
_judges(
    "core.v1.VolumeMount",
    "mountPath mountPropagation:None|HostToContainer|Bidirectional name readOnly subPath",
    "mountPath name",
)
_judges("core.v1.Volume", "configMap emptyDir hostPath name~dns_label persistentVolumeClaim secret", "name")
_judges("core.v1.ConfigMapVolumeSource", "name items optional defaultMode=0..511", "name")
_judges("core.v1.SecretVolumeSource", "secretName items optional defaultMode=0..511", "secretName")
_judges("core.v1.KeyToPath", "key mode=0..511 path", "key path")
_judges("core.v1.EmptyDirVolumeSource", "medium sizeLimit")
_judges(
    "core.v1.HostPathVolumeSource",
    "path type:|DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice",
    "path",
)
_judges("core.v1.PersistentVolumeClaimVolumeSource", "claimName readOnly", "claimName")
_judges(
    "core.v1.Toleration",
    "key~key operator:|Exists|Equal value tolerationSeconds effect:|NoSchedule|PreferNoSchedule|NoExecute",
)
_judges(
    "core.v1.TopologySpreadConstraint",
    "maxSkew>=1 minDomains>=1 topologyKey whenUnsatisfiable:DoNotSchedule|ScheduleAnyway labelSelector",
    "maxSkew topologyKey whenUnsatisfiable",
)
_judges("core.v1.Affinity", "nodeAffinity podAffinity podAntiAffinity")
_SOFT, _HARD = "preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"
for _kind in ("NodeAffinity", "PodAffinity", "PodAntiAffinity"):
    _judges(f"core.v1.{_kind}", f"{_SOFT} {_HARD}")
_judges("core.v1.NodeSelector", "nodeSelectorTerms", "nodeSelectorTerms")
_judges("core.v1.NodeSelectorTerm", "matchExpressions matchFields")
_judges("core.v1.NodeSelectorRequirement", "key operator:In|NotIn|Exists|DoesNotExist|Gt|Lt values", "key operator")
_judges("core.v1.PreferredSchedulingTerm", "weight=1..100 preference", "weight")
_judges("core.v1.WeightedPodAffinityTerm", "weight=1..100 podAffinityTerm", "weight podAffinityTerm")
_judges("core.v1.PodAffinityTerm", "labelSelector topologyKey~key", "topologyKey")

_CORE_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_FIELDS_OF_PODS = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName")
_FIELDS_OF_PODS += ("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")


@_rule("core.v1.PodSpec")
def _pod(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    containers, first = maps(given.get("containers")), maps(given.get("initContainers"))
    yield from _twice([one.get("name") for one in (*containers, *first)], f"{path}.containers", "container names")
    volumes = {volume.get("name"): volume for volume in maps(given.get("volumes"))}
    claims = [str(claim.get("name")) for claim in maps(given.get("resourceClaims"))]
    for kind, group in (("containers", containers), ("initContainers", first)):
        for index, container in enumerate(group):
            at = joined(joined(path, kind), index)
            for number, mount in enumerate(maps(container.get("volumeMounts"))):
                if mount.get("name") and mount["name"] not in volumes:
                    place = joined(joined(at, "volumeMounts"), number)
                    known = [str(name) for name in volumes]
                    yield Refused(
                        f"{place}.name", f"is no volume of the pod: {mount['name']}{hint(mount['name'], known)}"
                    )
            for number, claim in enumerate(maps((container.get("resources") or {}).get("claims"))):
                if claim.get("name") and claim["name"] not in claims:
                    place = f"{at}.resources.claims[{number}].name"
                    yield Refused(place, f"is no claim of the pod: {claim['name']}{hint(claim['name'], claims)}")
            yield from _started(container, at, kind, bool(given.get("hostNetwork")))
            yield from _sleeping(container, at, given.get("terminationGracePeriodSeconds"))
    yield from _host_ports(containers, path)
    for key, value in (given.get("nodeSelector") or {}).items():
        yield from _check(f"{path}.nodeSelector.{key}", names.key(key) or names.label_value(value or ""))
    if given.get("shareProcessNamespace") and given.get("hostPID"):
        yield Refused(f"{path}.shareProcessNamespace", "must not be true beside hostPID")
    if given.get("dnsPolicy") == "None":
        yield Refused(f"{path}.dnsConfig.nameservers", "is required, because dnsPolicy is None")
    if given.get("runtimeClassName") == "":
        yield Refused(f"{path}.runtimeClassName", names.subdomain(""))


def _started(container: Mapping[str, Any], path: str, kind: str, host_network: bool) -> Iterator[Finding]:
    sidecar = container.get("restartPolicy") == "Always"
    if kind == "initContainers" and not sidecar:
        for key in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
            if container.get(key) is not None:
                yield Refused(f"{path}.{key}", "must be left out of an init container that does not restart Always")
    if container.get("restartPolicy") is not None and (kind == "containers" or not sidecar):
        yield Unjudged(f"{path}.restartPolicy")
    for key in ("livenessProbe", "startupProbe"):
        probe = container.get(key) or {}
        if probe.get("successThreshold") not in (None, 0, 1):
            yield Refused(f"{path}.{key}.successThreshold", f"must be 1, got {probe['successThreshold']}")
    readiness = container.get("readinessProbe") or {}
    if readiness.get("terminationGracePeriodSeconds") is not None:
        yield Refused(f"{path}.readinessProbe.terminationGracePeriodSeconds", "must be left out of a readiness probe")
    for index, port in enumerate(maps(container.get("ports"))):
        if host_network and port.get("hostPort") not in (None, 0, port.get("containerPort")):
            yield Refused(f"{path}.ports[{index}].hostPort", "must be the containerPort, because of hostNetwork")


def _sleeping(container: Mapping[str, Any], path: str, grace: int | None) -> Iterator[Finding]:
    most = 30 if grace is None else max(grace, 1)
    for kind, handler in (container.get("lifecycle") or {}).items():
        seconds = ((handler or {}).get("sleep") or {}).get("seconds") or 0
        if seconds > most:
            at = f"{path}.lifecycle.{kind}.sleep.seconds"
            yield Refused(at, f"must be at most terminationGracePeriodSeconds, {most}, got {seconds}")


def _host_ports(containers: list[Mapping[str, Any]], path: str) -> Iterator[Finding]:
    ports = [
        (port.get("protocol") or "TCP", port.get("hostIP") or "", port["hostPort"])
        for container in containers
        for port in maps(container.get("ports"))
        if port.get("hostPort")
    ]
    yield from _twice(ports, f"{path}.containers", "host ports")


def _twice(values: list[Any], path: str, what: str) -> Iterator[Finding]:
    again = next((value for index, value in enumerate(values) if value and value in values[:index]), None)
    if again is not None:
        yield Refused(path, f"must not have two {what} {again!r}")


@_rule("core.v1.PodResourceClaim")
def _claim(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_of(given, path, "resourceClaimName resourceClaimTemplateName")
    for key in ("resourceClaimName", "resourceClaimTemplateName"):
        if given.get(key) == "":
            yield Refused(f"{path}.{key}", names.subdomain(""))


@_rule("core.v1.Pod")
def _images(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """In a template, an image with spaces is taken, and its pods are refused."""
    spec = given.get("spec") or {}
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(maps(spec.get(kind))):
            image = container.get("image") or ""
            if image != image.strip():
                yield Refused(f"spec.{kind}[{index}].image", "must have no spaces around it")


@_rule("core.v1.Container")
def _container(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    named = [port.get("name") for port in maps(given.get("ports"))]
    yield from _twice(named, f"{path}.ports", "ports of the name")
    context = given.get("securityContext") or {}
    if context.get("allowPrivilegeEscalation") is False:
        added = (context.get("capabilities") or {}).get("add") or ()
        if context.get("privileged"):
            yield Refused(f"{path}.securityContext", "must not have allowPrivilegeEscalation false beside privileged")
        if "CAP_SYS_ADMIN" in added:
            yield Refused(f"{path}.securityContext", "must not add CAP_SYS_ADMIN without allowPrivilegeEscalation")
    for index, mount in enumerate(maps(given.get("volumeMounts"))):
        if mount.get("mountPropagation") == "Bidirectional" and not context.get("privileged"):
            yield Refused(f"{path}.volumeMounts[{index}].mountPropagation", "is for privileged containers alone")


@_rule("core.v1.EnvVar")
def _variable(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    source = given.get("valueFrom")
    if source is None:
        return
    if given.get("value"):
        yield Refused(f"{path}.valueFrom", "must be left out beside value")
    yield from _one_of(source, f"{path}.valueFrom", "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef")


@_rule("core.v1.EnvFromSource")
def _variables(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_of(given, path, "configMapRef secretRef")


@_rule("core.v1.ObjectFieldSelector")
def _field(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    field = given.get("fieldPath") or ""
    if field in _FIELDS_OF_PODS or not field:
        return
    if "[" in field or path.split(".")[-2:-1] == ["items"]:
        yield Unjudged(f"{path}.fieldPath")
    else:
        yield Refused(f"{path}.fieldPath", f"must be one of {', '.join(_FIELDS_OF_PODS)}, got {field!r}")


def _one_of(given: Mapping[str, Any], path: str, words: str) -> Iterator[Finding]:
    found = [word for word in words.split() if given.get(word) is not None]
    if len(found) != 1:
        yield Refused(path, f"must have one of {', '.join(words.split())}, got {' and '.join(found) or 'none'}")


@_rule("core.v1.Probe")
def _probe(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_of(given, path, "exec grpc httpGet tcpSocket")


@_rule("core.v1.LifecycleHandler")
def _handler(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_of(given, path, "exec httpGet sleep tcpSocket")


@_rule("core.v1.HTTPGetAction", "core.v1.TCPSocketAction")
def _port(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _is_port(given.get("port"), f"{path}.port")


def _is_port(port: Any, path: str) -> Iterator[Finding]:
    if isinstance(port, str):
        yield from _check(path, names.port_name(port))
    elif port is None or not 1 <= port <= 65535:
        yield Refused(path, f"must be 1 to 65535, or a port's name, got {port}")


@_rule("core.v1.SeccompProfile")
def _seccomp(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    local = given.get("type") == "Localhost"
    if local and not given.get("localhostProfile"):
        yield Refused(f"{path}.localhostProfile", "is required, because the type is Localhost")
    elif not local and given.get("localhostProfile") is not None:
        yield Refused(f"{path}.localhostProfile", "must be left out, because the type is not Localhost")


@_rule("core.v1.PodSecurityContext")
def _groups(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for index, group in enumerate(given.get("supplementalGroups") or ()):
        if not 0 <= group < 2**31:
            yield Refused(f"{path}.supplementalGroups[{index}]", f"must be 0 to {2**31 - 1}, got {group}")


@_rule("core.v1.VolumeMount")
def _mount(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _inside(given.get("subPath") or "", f"{path}.subPath")


def _inside(file: str, path: str) -> Iterator[Finding]:
    if file.startswith("/") or ".." in file.split("/"):
        yield Refused(path, f"must be a path below, without '..', got {file!r}")


@_rule("core.v1.KeyToPath")
def _item(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _inside(given.get("path") or "", f"{path}.path")


@_rule("core.v1.Volume")
def _volume(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    sources = [key for key in given if key != "name"]
    if len(sources) > 1:
        yield Refused(path, f"must have one source, got {' and '.join(sources)}")


@_rule("core.v1.EmptyDirVolumeSource")
def _empty(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("medium") not in (None, "", "Memory"):
        yield Unjudged(f"{path}.medium")
    if given.get("sizeLimit") is not None and quantity(given["sizeLimit"]) < 0:
        yield Refused(f"{path}.sizeLimit", f"must be at least 0, got {given['sizeLimit']}")


@_rule("core.v1.HostPathVolumeSource")
def _host(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if ".." in str(given.get("path") or "").split("/"):
        yield Refused(f"{path}.path", f"must be without '..', got {given['path']!r}")


@_rule("core.v1.Toleration")
def _toleration(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    operator, value = given.get("operator") or "Equal", given.get("value") or ""
    if not given.get("key") and operator != "Exists":
        yield Refused(f"{path}.operator", "must be Exists where there is no key")
    if operator == "Exists" and value:
        yield Refused(f"{path}.value", "must be left out, because the operator is Exists")
    if operator == "Equal":
        yield from _check(f"{path}.value", names.label_value(value))
    if given.get("tolerationSeconds") is not None and given.get("effect") != "NoExecute":
        yield Refused(f"{path}.effect", "must be NoExecute beside tolerationSeconds")


@_rule("core.v1.TopologySpreadConstraint")
def _spread(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("minDomains") is not None and given.get("whenUnsatisfiable") != "DoNotSchedule":
        yield Refused(f"{path}.minDomains", "is for whenUnsatisfiable DoNotSchedule alone")


@_rule("core.v1.NodeSelectorRequirement")
def _node_requirement(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    values, operator = given.get("values") or [], given.get("operator")
    if "matchFields" in path:
        yield Unjudged(path)
        return
    if given.get("key"):
        yield from _check(f"{path}.key", names.key(given["key"]))
    if operator in ("In", "NotIn") and not values:
        yield Refused(f"{path}.values", f"is required, because the operator is {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        yield Refused(f"{path}.values", f"must be left out, because the operator is {operator}")
    if operator in ("Gt", "Lt") and len(values) != 1:
        yield Refused(f"{path}.values", f"must be one value, because the operator is {operator}")
    for index, value in enumerate(values if "required" in path else ()):
        yield from _check(f"{path}.values[{index}]", names.label_value(value))


# --- resources -------------------------------------------------------------------------------------------------------


def is_extended(name: str) -> bool:
    """Whether a device or another resource of nodes is meant that is not Kubernetes' own."""
    return "/" in name and f"{KUBERNETES_DOMAINS[0]}/" not in name and not name.startswith("requests.")


def is_whole(name: str) -> bool:
    """Whether a pod must ask for the same in requests and limits."""
    return is_extended(name) or name.startswith(HUGE_PAGES)


@_rule("core.v1.ResourceRequirements")
def _resources(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, value in amounts.items():
            yield from _amount(name, value, f"{path}.{kind}.{name}")
    yield from _against_limits(limits, requests, path)
    for kind, amounts in (("limits", limits), ("requests", requests)):
        yield from _lonely_pages(amounts, {*limits, *requests}, f"{path}.{kind}")


def _lonely_pages(amounts: Iterable[str], beside: Iterable[str], path: str) -> Iterator[Finding]:
    pages = [name for name in amounts if name.startswith(HUGE_PAGES)]
    if pages and not {"cpu", "memory"} & {*beside}:
        yield Refused(f"{path}.{pages[0]}", "needs cpu or memory beside it")


def _amount(name: str, value: Any, path: str) -> Iterator[Finding]:
    if (why := names.key(name)) and not name.startswith(HUGE_PAGES):
        yield Refused(path, f"is no name of a resource: it {why}")
    elif "/" not in name and name not in _CORE_RESOURCES and not name.startswith(HUGE_PAGES):
        yield Refused(path, f"is no resource of a container{hint(name, _CORE_RESOURCES)}")
    elif "/" in name and not is_extended(name):
        yield Unjudged(path)
    found = quantity(value)
    if found < 0:
        yield Refused(path, f"must be at least 0, got {value}")
    elif is_extended(name) and ceil(found * 1000) % 1000:
        yield Refused(path, f"must be a whole number, because nobody gets a part of a device, got {value}")
    elif name.startswith(HUGE_PAGES):
        try:
            size = quantity(name.removeprefix(HUGE_PAGES))
        except ValueError:
            yield Refused(path, "must have the size of its pages behind hugepages-, as hugepages-2Mi")
            return
        if size <= 0 or found % size:
            yield Refused(path, f"must be a multiple of its pages' size, got {value}")


def _against_limits(limits: Mapping[str, Any], requests: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for name, value in requests.items():
        at, limit = f"{path}.requests.{name}", limits.get(name)
        if limit is None:
            if is_whole(name):
                yield Refused(f"{path}.limits.{name}", f"is required beside the request of {value}: write {value}")
        elif is_whole(name) and quantity(value) != quantity(limit):
            yield Refused(at, f"must be the limit, {limit}, got {value}")
        elif quantity(value) > quantity(limit):
            yield Refused(at, f"must be at most the limit, {limit}, got {value}")


# --- workloads -------------------------------------------------------------------------------------------------------

for _kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
    _judges(f"apps.v1.{_kind}", "metadata spec", "spec")
_judges(
    "apps.v1.DeploymentSpec",
    "minReadySeconds>=0 paused progressDeadlineSeconds>=0 replicas>=0 revisionHistoryLimit>=0 selector strategy "
    "template",
    "selector template",
)
_judges("apps.v1.DeploymentStrategy", "type:|Recreate|RollingUpdate rollingUpdate")
_judges("apps.v1.RollingUpdateDeployment", "maxSurge maxUnavailable")
_judges("apps.v1.ReplicaSetSpec", "minReadySeconds>=0 replicas>=0 selector template", "selector template")
_judges("apps.v1.DaemonSetSpec", "minReadySeconds>=0 revisionHistoryLimit>=0 selector template", "selector template")
_judges(
    "apps.v1.StatefulSetSpec",
    "minReadySeconds>=0 replicas>=0 revisionHistoryLimit>=0 selector serviceName~dns_label "
    "podManagementPolicy:|OrderedReady|Parallel template",
    "selector template",
)
_judges("batch.v1.Job", "metadata spec", "spec")
_judges(
    "batch.v1.JobSpec",
    "activeDeadlineSeconds>=0 backoffLimit>=0 completionMode:NonIndexed|Indexed completions>=0 parallelism>=0 "
    "suspend template ttlSecondsAfterFinished>=0",
    "template",
)
_judges("batch.v1.CronJob", "metadata spec", "spec")
_judges(
    "batch.v1.CronJobSpec",
    "concurrencyPolicy:|Allow|Forbid|Replace failedJobsHistoryLimit>=0 jobTemplate schedule "
    "startingDeadlineSeconds>=0 successfulJobsHistoryLimit>=0 suspend",
    "schedule jobTemplate",
)
_judges("batch.v1.JobTemplateSpec", "metadata spec", "spec")


@_rule("apps.v1.DeploymentSpec", "apps.v1.StatefulSetSpec", "apps.v1.DaemonSetSpec", "apps.v1.ReplicaSetSpec")
def _workload(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    selector, template = given.get("selector") or {}, given.get("template") or {}
    wanted, found = selector.get("matchLabels") or {}, (template.get("metadata") or {}).get("labels") or {}
    if selector.get("matchExpressions"):
        yield Unjudged(f"{path}.selector.matchExpressions")
    elif not wanted and given.get("selector") is not None:
        yield Refused(f"{path}.selector", "must select something")
    if missing := [f"{key}={value}" for key, value in wanted.items() if found.get(key) != value]:
        yield Refused(f"{path}.template.metadata.labels", f"must have what the selector wants: {', '.join(missing)}")
    spec = template.get("spec") or {}
    if spec.get("restartPolicy") not in (None, "", "Always"):
        yield Refused(f"{path}.template.spec.restartPolicy", f"must be Always, got {spec['restartPolicy']!r}")
    if spec.get("activeDeadlineSeconds") is not None:
        yield Refused(f"{path}.template.spec.activeDeadlineSeconds", "must be left out")
    deadline = given.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (given.get("minReadySeconds") or 0):
        yield Refused(f"{path}.progressDeadlineSeconds", f"must be greater than minReadySeconds, got {deadline}")
    elif deadline is None and (given.get("minReadySeconds") or 0) >= 600:
        yield Unjudged(f"{path}.minReadySeconds")


@_rule("apps.v1.DeploymentStrategy")
def _strategy(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("type") == "Recreate" and given.get("rollingUpdate") is not None:
        yield Refused(f"{path}.rollingUpdate", "must be left out, because the type is Recreate")


@_rule("apps.v1.RollingUpdateDeployment")
def _rolling(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    surge, unavailable = given.get("maxSurge", "25%"), given.get("maxUnavailable", "25%")
    for key, value in (("maxSurge", surge), ("maxUnavailable", unavailable)):
        yield from _share(value, f"{path}.{key}")
    if isinstance(unavailable, str) and names.is_percent(unavailable) and int(unavailable[:-1]) > 100:
        yield Refused(f"{path}.maxUnavailable", f"must be at most 100%, got {unavailable}")
    if surge in (0, "0%") and unavailable in (0, "0%"):
        yield Refused(f"{path}.maxUnavailable", "must not be 0 where maxSurge is 0")


def _share(value: Any, path: str) -> Iterator[Finding]:
    if isinstance(value, str) and not names.is_percent(value):
        yield Refused(path, f"must be a count or a percentage, as 25%, got {value!r}")
    elif isinstance(value, int) and value < 0:
        yield Refused(path, f"must be at least 0, got {value}")


@_rule("batch.v1.JobSpec")
def _job(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    spec = (given.get("template") or {}).get("spec") or {}
    policy = spec.get("restartPolicy")
    if policy in (None, "", "Always"):
        yield Refused(f"{path}.template.spec.restartPolicy", f"must be OnFailure or Never, got {policy or 'none'}")
    if given.get("completionMode") == "Indexed":
        if given.get("completions") is None:
            yield Refused(f"{path}.completions", "is required, because completionMode is Indexed")
        if (given.get("completions") or 0) > 10**5 or (given.get("parallelism") or 0) > 10**5:
            yield Unjudged(f"{path}.completions")


_MINUTE, _HOUR, _DAY, _WEEKDAY = r"(\*|[0-9]|[1-5][0-9])", r"(\*|[0-9]|1[0-9]|2[0-3])", r"(\*|[1-9])", r"(\*|[0-6])"
_EVERY = "(/[1-9])?"
_CRON = re.compile(rf"{_MINUTE}{_EVERY} {_HOUR}{_EVERY} {_DAY}{_EVERY} \* {_WEEKDAY}")
"""Schedules that nobody disputes."""


@_rule("batch.v1.CronJobSpec")
def _cron(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    schedule = given.get("schedule") or ""
    if schedule and not _CRON.fullmatch(schedule):
        if len(schedule.split()) == 5 or schedule.startswith("@") or "TZ" in schedule:
            yield Unjudged(f"{path}.schedule")
        else:
            yield Refused(f"{path}.schedule", f"must have five parts, as */5 * * * *, got {schedule!r}")


# --- the other kinds -------------------------------------------------------------------------------------------------

_judges("core.v1.Namespace", "metadata")
_judges("core.v1.ServiceAccount", "metadata automountServiceAccountToken imagePullSecrets")
_judges("core.v1.ConfigMap", "metadata data binaryData immutable")
_judges("core.v1.Secret", "metadata data stringData immutable type")
_judges("core.v1.Service", "metadata spec", "spec")
_judges(
    "core.v1.ServiceSpec",
    "allocateLoadBalancerNodePorts clusterIP externalTrafficPolicy:|Cluster|Local loadBalancerClass~key "
    "loadBalancerSourceRanges ports publishNotReadyAddresses selector sessionAffinity:|None|ClientIP "
    "type:|ClusterIP|NodePort|LoadBalancer",
)
_judges("core.v1.ServicePort", "name~dns_label port=1..65535 protocol:|TCP|UDP|SCTP targetPort", "port")
_judges("policy.v1.PodDisruptionBudget", "metadata spec")
_judges(
    "policy.v1.PodDisruptionBudgetSpec",
    "maxUnavailable minAvailable selector unhealthyPodEvictionPolicy:IfHealthyBudget|AlwaysAllow",
)
_judges("autoscaling.v2.HorizontalPodAutoscaler", "metadata spec", "spec")
_judges(
    "autoscaling.v2.HorizontalPodAutoscalerSpec",
    "behavior maxReplicas>=1 metrics minReplicas>=1 scaleTargetRef",
    "maxReplicas scaleTargetRef",
)
_judges("autoscaling.v2.CrossVersionObjectReference", "apiVersion kind name", "kind name")
_judges("autoscaling.v2.MetricSpec", "resource type", "type")
_judges("autoscaling.v2.ResourceMetricSource", "name target", "name target")
_judges("autoscaling.v2.MetricTarget", "averageUtilization>=1 averageValue type:Utilization|AverageValue", "type")
_judges("autoscaling.v2.HorizontalPodAutoscalerBehavior", "scaleDown scaleUp")
_judges("autoscaling.v2.HPAScalingRules", "policies selectPolicy:Max|Min|Disabled stabilizationWindowSeconds=0..3600")
_judges(
    "autoscaling.v2.HPAScalingPolicy",
    "periodSeconds=1..1800 type:Pods|Percent value>=1",
    "periodSeconds type value",
)
_judges("networking.v1.NetworkPolicy", "metadata spec")
_judges("networking.v1.NetworkPolicySpec", "egress ingress podSelector policyTypes")
_judges("networking.v1.NetworkPolicyIngressRule", "from ports")
_judges("networking.v1.NetworkPolicyEgressRule", "to ports")
_judges("networking.v1.NetworkPolicyPort", "port protocol:TCP|UDP|SCTP")
_judges("networking.v1.NetworkPolicyPeer", "ipBlock namespaceSelector podSelector")
_judges("networking.v1.IPBlock", "cidr except", "cidr")
_judges("node.v1.RuntimeClass", "metadata handler overhead scheduling")
_judges("node.v1.Overhead", "podFixed")
_judges("node.v1.Scheduling", "nodeSelector tolerations")
_judges(
    "storage.v1.StorageClass",
    "allowVolumeExpansion metadata mountOptions parameters provisioner reclaimPolicy:|Delete|Retain "
    "volumeBindingMode:Immediate|WaitForFirstConsumer",
    "provisioner",
)


_POD_SECURITY, _LEVELS = "pod-security.kubernetes.io/", ("privileged", "baseline", "restricted")


@_rule("core.v1.ConfigMap", "core.v1.Secret")
def _data(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    texts = given.get("data") or {}
    other = given.get("binaryData") or {}
    size = 0
    for field in ("data", "binaryData", "stringData"):
        for key, value in (given.get(field) or {}).items():
            yield from _check(joined(joined(path, field), key), names.file_key(key))
            size += len((value or "").encode())
    for key in texts.keys() & other.keys():
        yield Refused(joined(joined(path, "data"), key), "is in binaryData too")
    if size > 2**20:
        yield Unjudged(joined(path, "data"))


@_rule("core.v1.Secret")
def _secret(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if str(given.get("type") or "").startswith((f"{KUBERNETES_DOMAINS[0]}/", f"bootstrap.{KUBERNETES_DOMAINS[0]}/")):
        yield Unjudged("type")


@_rule("core.v1.Namespace")
def _namespace(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Pod security standards are labels, and the API server reads them."""
    for key, value in ((given.get("metadata") or {}).get("labels") or {}).items():
        if key.startswith(_POD_SECURITY) and key.removeprefix(_POD_SECURITY) in ("enforce", "audit", "warn"):
            if value not in _LEVELS:
                yield Refused(f"metadata.labels.{key}", f"must be one of {', '.join(_LEVELS)}, got {value!r}")
        elif key.startswith(_POD_SECURITY) and value != "latest":
            yield Unjudged(f"metadata.labels.{key}")


@_rule("core.v1.ServiceSpec")
def _service(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kind, ports = given.get("type") or "ClusterIP", maps(given.get("ports"))
    headless = given.get("clusterIP") == "None"
    if given.get("clusterIP") not in (None, "", "None"):
        yield Unjudged(f"{path}.clusterIP")
    if headless and kind != "ClusterIP":
        yield Refused(f"{path}.clusterIP", f"must not be None, because the type is {kind}")
    if not ports and not headless:
        yield Refused(f"{path}.ports", "is required")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield Refused(f"{path}.ports[{index}].name", "is required where there are several ports")
        if port.get("targetPort") not in (None, 0, ""):
            yield from _is_port(port["targetPort"], f"{path}.ports[{index}].targetPort")
    yield from _twice([port.get("name") for port in ports], f"{path}.ports", "ports of the name")
    yield from _labels(given.get("selector"), f"{path}.selector")
    if kind == "ClusterIP" and given.get("externalTrafficPolicy"):
        yield Refused(f"{path}.externalTrafficPolicy", "is for the types NodePort and LoadBalancer alone")
    if kind != "LoadBalancer" and given.get("allocateLoadBalancerNodePorts") is not None:
        yield Refused(f"{path}.allocateLoadBalancerNodePorts", "is for the type LoadBalancer alone")
    if given.get("loadBalancerClass") == "":
        yield Refused(f"{path}.loadBalancerClass", "must not be empty")
    if kind != "LoadBalancer" and given.get("loadBalancerClass") is not None:
        yield Refused(f"{path}.loadBalancerClass", "is for the type LoadBalancer alone")
    if given.get("loadBalancerSourceRanges") and kind != "LoadBalancer":
        yield Refused(f"{path}.loadBalancerSourceRanges", "is for the type LoadBalancer alone")
    for index, cidr in enumerate(given.get("loadBalancerSourceRanges") or ()):
        yield from _cidr(cidr.strip(), f"{path}.loadBalancerSourceRanges[{index}]")


def _cidr(value: str, path: str) -> Iterator[Finding]:
    try:
        ip_network(value, strict=False)
    except ValueError:
        yield Refused(path, f"must be a range of addresses, as 10.0.0.0/16, got {value!r}")
        return
    if "/" not in value:
        yield Refused(path, f"must be a range of addresses, as 10.0.0.0/16, got {value!r}")


@_rule("policy.v1.PodDisruptionBudgetSpec")
def _budget(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("minAvailable") is not None and given.get("maxUnavailable") is not None:
        yield Refused(path, "must have one of minAvailable and maxUnavailable")
    for key in ("minAvailable", "maxUnavailable"):
        value = given.get(key)
        if value is not None:
            yield from _share(value, f"{path}.{key}")
            if isinstance(value, str) and names.is_percent(value) and int(value[:-1]) > 100:
                yield Refused(f"{path}.{key}", f"must be at most 100%, got {value}")


@_rule("autoscaling.v2.HorizontalPodAutoscalerSpec")
def _scaled(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    target = given.get("scaleTargetRef") or {}
    for key in ("kind", "name"):
        if "/" in str(target.get(key)) or "%" in str(target.get(key)):
            yield Refused(f"{path}.scaleTargetRef.{key}", f"must be without '/' and '%', got {target[key]!r}")
    if (target.get("apiVersion") or "").count("/") != 1 and target.get("kind") != "ReplicationController":
        yield Unjudged(f"{path}.scaleTargetRef.apiVersion")  # refused from some version on
    least, most = given.get("minReplicas") or 1, given.get("maxReplicas") or 0
    if most < least:
        yield Refused(f"{path}.maxReplicas", f"must be at least minReplicas, {least}, got {most}")


@_rule("autoscaling.v2.MetricSpec")
def _metric(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("type") != "Resource":
        yield Unjudged(path)
    elif given.get("resource") is None:
        yield Refused(f"{path}.resource", "is required, because the type is Resource")


@_rule("autoscaling.v2.MetricTarget")
def _target(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    utilization, average = given.get("averageUtilization"), given.get("averageValue")
    if utilization is None and average is None:
        yield Refused(path, "must have averageUtilization or averageValue")
    elif utilization is not None and average is not None:
        yield Refused(path, "must have one of averageUtilization and averageValue")
    if average is not None and quantity(average) <= 0:
        yield Refused(f"{path}.averageValue", f"must be greater than 0, got {average}")


@_rule("autoscaling.v2.HPAScalingRules")
def _behavior(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("policies") is not None and not given["policies"]:
        yield Refused(f"{path}.policies", "must have an item")


@_rule("networking.v1.NetworkPolicySpec")
def _policy(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kinds = given.get("policyTypes") or ()
    for index, kind in enumerate(kinds):
        if kind not in ("Ingress", "Egress"):
            yield Refused(f"{path}.policyTypes[{index}]", f"must be Ingress or Egress, got {kind!r}")
    if len(kinds) > 2:
        yield Refused(f"{path}.policyTypes", "must have at most two items")


@_rule("networking.v1.NetworkPolicyPort")
def _policy_port(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("port") is not None:
        yield from _is_port(given["port"], f"{path}.port")


@_rule("networking.v1.NetworkPolicyPeer")
def _peer(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if not given:
        yield Refused(path, "must have one of ipBlock, namespaceSelector and podSelector")
    if given.get("ipBlock") is not None and len(given) > 1:
        yield Refused(path, "must have nothing beside ipBlock")


@_rule("networking.v1.IPBlock")
def _block(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("cidr"):
        yield from _cidr(given["cidr"], f"{path}.cidr")
    if given.get("except"):
        yield Unjudged(f"{path}.except")


@_rule("storage.v1.StorageClass")
def _class(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("provisioner"):
        yield from _check("provisioner", names.key(given["provisioner"].lower()))
    for key in given.get("parameters") or {}:
        if not key:
            yield Refused("parameters", "must have no empty key")


@_rule("node.v1.RuntimeClass")
def _runtime(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _check("handler", names.dns_label(given.get("handler") or ""))


@_rule("node.v1.Overhead")
def _overhead(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """What a pod may be given beside its own, under the rules of a container's limits."""
    amounts = given.get("podFixed") or {}
    for name, value in amounts.items():
        yield from _amount(name, value, f"{path}.podFixed.{name}")
    yield from _lonely_pages(amounts, amounts, f"{path}.podFixed")


@_rule("node.v1.Scheduling")
def _scheduling(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _labels(given.get("nodeSelector"), joined(path, "nodeSelector"))
    seen = []
    for index, toleration in enumerate(maps(given.get("tolerations"))):
        key = [toleration.get(field) or "" for field in ("key", "operator", "value", "effect")]
        if key in seen:
            yield Refused(f"{path}.tolerations[{index}]", "is the same as another")
        seen.append(key)
