"""Pods and their node: none takes it over, none reads its credentials, and no secret lies in the open."""

import re
from collections.abc import Iterator
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.access import template_of
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import is_unknown
from eks_gpu.karpenter.objects import NODE_POOL, node_pool, part
from eks_gpu.pools.pool import AUTO_MODE
from eks_gpu.pools.user_data import decoded

_CAPABILITIES = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "NET_ADMIN", "BPF", "DAC_READ_SEARCH"}
)
_PATHS = ("/", "/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/usr", "/var", "/var/lib")
_BELOW = ("/etc/kubernetes", "/run/containerd", "/var/lib/kubelet", "/var/lib/containerd", "/var/run")
_SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|SECRET|(?<!MAX_)(?<!NUM_)TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bhf_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bnvapi-[A-Za-z0-9_-]{20,}|\bxox[abp]-[A-Za-z0-9-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_ASSIGNED = re.compile(
    r"\b[A-Z0-9_]*(PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY)\s*=\s*['\"]?[^\s'\"$]{6,}", re.IGNORECASE
)


@check(
    "workloads-leave-their-node-alone",
    subject="workload",
    severity="warning",
    fix="ask for the device by its resource, such as nvidia.com/gpu, and for nothing of the node",
    sources=(sources.kubernetes("pod-security-standards"),),
)
def leave_alone(context: Context) -> Iterator[Said]:
    """Whoever gets into the pod has the node, its role and every pod on it.

    DaemonSets pass: device plugins, drivers and agents work on the node. A GPU needs no privileges.
    """
    for spec in pod_specs(context.graph):
        problems = [] if spec.kind == "DaemonSet" else list(_of_the_node(spec))
        yield verdict(str(spec), problems, "its pods have nothing of the node")


def _of_the_node(spec: PodSpec) -> Iterator[Problem]:
    for key in ("hostPID", "hostIPC", "hostNetwork"):
        if spec.spec.get(key) is True:
            yield Problem(f"{key} shares the node's own", f"remove {key}")
    for volume in spec.spec.get("volumes") or ():
        path = str(part(volume, "hostPath").get("path") or "")
        if path and ((path.rstrip("/") or "/") in _PATHS or path.startswith(_BELOW) or path.endswith(".sock")):
            yield Problem(f"volume {volume.get('name')} is {path} of the node", "remove the hostPath volume")
    for container in spec.all_containers:
        context = part(container, "securityContext")
        if context.get("privileged") is True:
            yield Problem(f"container {container.get('name')} is privileged", "remove privileged")
        taken = sorted(_CAPABILITIES.intersection(map(str, part(context, "capabilities").get("add") or ())))
        if taken:
            yield Problem(f"container {container.get('name')} has {', '.join(taken)}", "drop ALL capabilities")


@check(
    "pods-get-no-credentials-of-their-node",
    subject="pool",
    severity="warning",
    fix="set the hop limit to 1, and give pods a role by EKS Pod Identity",
    sources=(
        sources.EC2_GUIDE,
        sources.eks_guide("best-practices"),
    ),
)
def no_credentials(context: Context) -> Iterator[Said]:
    """Every pod can ask the metadata service for the credentials of the node's role: two hops reach into pods."""
    for pool in context.pools:
        template, made = template_of(pool, context.graph), context.graph.get(pool.urn)
        options = part(template.inputs, "metadataOptions") if template else {}
        if made and made.type == NODE_POOL:
            node_class = node_pool(made, context.graph).node_class
            options = part(node_class.inputs, "spec", "metadataOptions") if node_class else {}
        hops = options.get("httpPutResponseHopLimit")
        far = pool.backend != AUTO_MODE and str(hops).isdigit() and int(str(hops)) > 1
        problem = Problem(f"its hop limit is {hops}") if far else None
        yield verdict(pool.name, problem, "nothing raises its hop limit")


@check(
    "secrets-stay-out-of-the-open",
    subject="workload, ConfigMap, launch template",
    severity="warning",
    fix="keep the value in a Secret, or in Secrets Manager, and refer to it",
    sources=(sources.kubernetes("secret"),),
)
def out_of_the_open(context: Context) -> Iterator[Said]:
    """Everybody who may read the object reads the secret: pods, ConfigMaps and user data are no secrets.

    The check looks at the names of variables that have a value, and for the forms of well-known keys.
    """
    for spec in pod_specs(context.graph):
        yield verdict(str(spec), _told(spec), "no variable of its containers has a secret as value")
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "ConfigMap":
            data = part(manifest, "data")
            names = [key for key, value in data.items() if _is_secret(str(key), value)]
            problem = Problem(f"{', '.join(names)} looks like a secret") if names else None
            yield verdict(subject(manifest), problem, "nothing in it looks like a secret")
    for template in context.graph.of("aws:ec2/launchTemplate:LaunchTemplate"):
        if is_unknown(template.inputs, "userData"):
            continue  # nothing says that a secret is in it
        text = decoded(template.inputs.get("userData")) or ""
        problem = None
        if _SECRET_VALUE.search(text) or _ASSIGNED.search(text):
            problem = Problem("its user data holds a secret, which every pod on the node can ask for")
        yield verdict(template.name, problem, "no secret is in its user data")


def _told(spec: PodSpec) -> Iterator[Problem]:
    for container in spec.all_containers:
        for variable in container.get("env") or ():
            name, value = str(variable.get("name")), variable.get("value")
            if _is_secret(name, value):
                yield Problem(f"variable {name} of container {container.get('name')} has its value in the open")
        words = [str(word) for key in ("command", "args") for word in container.get(key) or ()]
        if any(_SECRET_VALUE.search(word) for word in words):
            yield Problem(f"the command of container {container.get('name')} holds a secret")


def _is_secret(name: str, value: Any) -> bool:
    if not isinstance(value, str) or not value:
        return False
    if _SECRET_VALUE.search(value):
        return True
    # A reference, a path, a number or a switch is no secret.
    plain = value.startswith(("$(", "/", "arn:", "http")) or value.isdigit() or value.lower() in ("true", "false")
    return bool(_SECRET_NAME.search(name)) and not plain
