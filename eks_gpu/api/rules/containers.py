"""Rules of one container: variables, ports, probes, handlers, privileges."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api.rules.common import is_port, one_of, twice
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged, maps

judges(
    "core.v1.Container",
    "args command env envFrom image imagePullPolicy:|Always|IfNotPresent|Never lifecycle livenessProbe "
    "name~dns_label ports readinessProbe resources restartPolicy securityContext startupProbe stdin stdinOnce "
    "terminationMessagePath terminationMessagePolicy:|File|FallbackToLogsOnError tty volumeMounts workingDir",
    "name image",
)
judges("core.v1.EnvVar", "name~variable value valueFrom", "name")
judges("core.v1.EnvVarSource", "configMapKeyRef fieldRef secretKeyRef resourceFieldRef")
judges("core.v1.ConfigMapKeySelector", "name~subdomain key~file_key optional", "name key")
judges("core.v1.SecretKeySelector", "name~subdomain key~file_key optional", "name key")
judges("core.v1.ObjectFieldSelector", "fieldPath apiVersion:v1", "fieldPath")
judges("core.v1.EnvFromSource", "prefix~variable configMapRef secretRef")
judges("core.v1.ConfigMapEnvSource", "name~subdomain optional", "name")
judges("core.v1.SecretEnvSource", "name~subdomain optional", "name")
judges(
    "core.v1.ContainerPort",
    "containerPort=1..65535 hostPort=0..65535 name~port_name protocol:|TCP|UDP|SCTP",
    "containerPort",
)
judges(
    "core.v1.Probe",
    "exec failureThreshold>=0 grpc httpGet initialDelaySeconds>=0 periodSeconds>=0 successThreshold>=0 tcpSocket "
    "timeoutSeconds>=0 terminationGracePeriodSeconds>=1",
)
judges("core.v1.ExecAction", "command", "command")
judges("core.v1.HTTPGetAction", "host httpHeaders path port scheme:|HTTP|HTTPS")
judges("core.v1.HTTPHeader", "name~header value", "name")
judges("core.v1.TCPSocketAction", "host port")
judges("core.v1.GRPCAction", "port=1..65535 service", "port")
judges("core.v1.SleepAction", "seconds>=0")
judges("core.v1.Lifecycle", "postStart preStop")
judges("core.v1.LifecycleHandler", "exec httpGet sleep tcpSocket")
judges(
    "core.v1.SecurityContext",
    "allowPrivilegeEscalation capabilities privileged readOnlyRootFilesystem runAsGroup=0..2147483647 "
    "runAsNonRoot runAsUser=0..2147483647 seccompProfile",
)
judges("core.v1.Capabilities", "add drop")
judges("core.v1.SeccompProfile", "type:RuntimeDefault|Unconfined|Localhost localhostProfile", "type")
_FIELDS_OF_PODS = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName")
_FIELDS_OF_PODS += ("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")


@rule("core.v1.Container")
def _container(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    named = [port.get("name") for port in maps(given.get("ports"))]
    yield from twice(named, f"{path}.ports", "ports of the name")
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


@rule("core.v1.EnvVar")
def _variable(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    source = given.get("valueFrom")
    if source is None:
        return
    if given.get("value"):
        yield Refused(f"{path}.valueFrom", "must be left out beside value")
    yield from one_of(source, f"{path}.valueFrom", "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef")


@rule("core.v1.EnvFromSource")
def _variables(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from one_of(given, path, "configMapRef secretRef")


@rule("core.v1.ObjectFieldSelector")
def _field(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    field = given.get("fieldPath") or ""
    if field in _FIELDS_OF_PODS or not field:
        return
    if "[" in field or path.split(".")[-2:-1] == ["items"]:
        yield Unjudged(f"{path}.fieldPath")
    else:
        yield Refused(f"{path}.fieldPath", f"must be one of {', '.join(_FIELDS_OF_PODS)}, got {field!r}")


@rule("core.v1.Probe")
def _probe(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from one_of(given, path, "exec grpc httpGet tcpSocket")


@rule("core.v1.LifecycleHandler")
def _handler(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from one_of(given, path, "exec httpGet sleep tcpSocket")


@rule("core.v1.HTTPGetAction", "core.v1.TCPSocketAction")
def _port(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from is_port(given.get("port"), f"{path}.port")


@rule("core.v1.SeccompProfile")
def _seccomp(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    local = given.get("type") == "Localhost"
    if local and not given.get("localhostProfile"):
        yield Refused(f"{path}.localhostProfile", "is required, because the type is Localhost")
    elif not local and given.get("localhostProfile") is not None:
        yield Refused(f"{path}.localhostProfile", "must be left out, because the type is not Localhost")
