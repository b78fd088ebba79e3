"""Changes of objects: most make the API server refuse the object."""

import copy
import random
from collections.abc import Iterator, Mapping
from typing import Any

from tests.e2e.rich_objects import RICH

Path = tuple[str | int, ...]

VALUES: tuple[Any, ...] = (
    -1,
    0,
    1,
    3,
    70000,
    2**40,
    1.5,
    True,
    False,
    "",
    "x",
    "Bad_Name!",
    "two words",
    "-a",
    "a.b",
    "UPPER",
)
VALUES += (
    "1",
    "-1",
    "1.5",
    "500m",
    "1Gi",
    "10GB",
    "1h",
    "5m",
    "50%",
    "150%",
    "Never",
    "Always",
    "NoSchedule",
    "Exists",
    "In",
)
VALUES += (
    "a" * 64,
    "a" * 300,
    "10.0.0.0/8",
    "/path",
    "../up",
    "a/b",
    "a/b/c",
    "g5.xlarge",
    [],
    {},
    [1],
    ["x"],
    {"x": "y"},
    [{}],
)
FRAGMENTS: tuple[tuple[str, Any], ...] = (
    ("resources", {"requests": {"nvidia.com/gpu": 1}}),
    ("resources", {"limits": {"vpc.amazonaws.com/efa": "1500m"}}),
    ("resources", {"limits": {"hugepages-2Mi": "4Mi"}}),
    ("resources", {"limits": {"hugepages-2Mi": "3Mi", "cpu": 1}}),
    ("resources", {"requests": {"hugepages-1Gi": "1Gi", "memory": "1Gi"}}),
    ("resources", {"limits": {"hugepages-big": "1Gi", "cpu": 1}}),
    ("resources", {"limits": {"cpu": 1}, "requests": {"cpu": 2}}),
    ("resources", {"limits": {"aws.amazon.com/neuroncore": 2}, "requests": {"aws.amazon.com/neuroncore": 1}}),
    ("resources", {"limits": {"gpu": 1}}),
    ("resources", {"limits": {"nvidia.com/gpu": "1k"}, "requests": {"nvidia.com/gpu": 1000}}),
    ("resources", {"limits": {"Nvidia.com/GPU": 1}}),
    ("resources", {"limits": {"a/b/c": 1}}),
    ("resources", {"limits": {"memory": "-1Gi"}}),
    ("resources", {"limits": {"cpu": "0.1m"}}),
    ("resources", {"limits": {"nvidia.com/gpu": "0.5"}}),
    ("tolerations", [{"value": "x"}]),
    ("tolerations", [{"key": "a", "operator": "Exists", "value": "x"}]),
    ("tolerations", [{"key": "a", "tolerationSeconds": 5}]),
    ("tolerations", [{"key": "a", "effect": "NoExecutes"}]),
    ("tolerations", [{"key": "a", "operator": "In"}]),
    ("tolerations", [{"operator": "Exists"}, {"operator": "Exists"}]),
    ("livenessProbe", {"periodSeconds": 3}),
    ("livenessProbe", {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}),
    ("livenessProbe", {"httpGet": {"port": 0}}),
    ("livenessProbe", {"httpGet": {"port": "Web"}}),
    ("livenessProbe", {"httpGet": {"port": 80, "scheme": "https"}}),
    ("livenessProbe", {"tcpSocket": {"port": 80}, "successThreshold": 2}),
    ("livenessProbe", {"grpc": {"port": 70000}}),
    ("readinessProbe", {"grpc": {"port": 50051}, "successThreshold": 2}),
    ("readinessProbe", {"exec": {"command": []}}),
    ("env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    ("env", [{"name": "A=B", "value": "1"}]),
    ("env", [{"name": "1A", "value": "1"}]),
    ("env", [{"name": "A", "value": 1}]),
    ("env", [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
    ("env", [{"name": "A", "valueFrom": {}}]),
    ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.hostname"}}}]),
    ("env", [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "a b"}}}]),
    ("env", [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a"}}}]),
    ("ports", [{"containerPort": 80}, {"containerPort": 80}]),
    ("ports", [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
    ("ports", [{"name": "a", "containerPort": 80}, {"name": "a", "containerPort": 81}]),
    ("ports", [{"containerPort": 80, "hostPort": 90}]),
    ("ports", [{"containerPort": 80, "name": "a-very-long-name-of-a-port"}]),
    ("ports", [{"containerPort": 80, "protocol": "tcp"}]),
    ("volumeMounts", [{"name": "gone", "mountPath": "/x"}]),
    ("volumeMounts", [{"name": "scratch", "mountPath": "/x"}, {"name": "scratch", "mountPath": "/x"}]),
    ("volumeMounts", [{"name": "scratch", "mountPath": "/x", "mountPropagation": "Bidirectional"}]),
    ("volumes", [{"name": "a"}]),
    ("volumes", [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]),
    ("volumes", [{"name": "a", "emptyDir": {"sizeLimit": "-1"}}]),
    ("volumes", [{"name": "a", "secret": {"name": "x"}}]),
    ("volumes", [{"name": "a", "configMap": {}}]),
    ("volumes", [{"name": "a", "configMap": {"name": "x", "defaultMode": 1000}}]),
    ("containers", []),
    ("containers", [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]),
    ("containers", [{"name": "a"}]),
    ("containers", [{"image": "x"}]),
    ("containers", [{"name": "a", "image": " x"}]),
    ("initContainers", [{"name": "main", "image": "x"}]),
    ("initContainers", [{"name": "i", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]),
    (
        "initContainers",
        [{"name": "i", "image": "x", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}}],
    ),
    ("resourceClaims", [{"name": "gpu"}]),
    ("resourceClaims", [{"name": "gpu", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}]),
    ("resources", {"claims": [{"name": "none"}]}),
    ("nodeSelector", {"a b": "c"}),
    ("nodeSelector", {"a": "c d"}),
    ("nodeSelector", {"a": True}),
    ("securityContext", {"runAsUser": -5}),
    ("securityContext", {"runAsUser": "root"}),
    ("securityContext", {"seccompProfile": {"type": "Localhost"}}),
    ("restartPolicy", "Sometimes"),
    ("restartPolicy", "Never"),
    ("dnsPolicy", "None"),
    ("selector", {"matchLabels": {"app": "other"}}),
    ("selector", {}),
    ("strategy", {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
    ("strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
    ("strategy", {"rollingUpdate": {"maxSurge": "x"}}),
    ("taints", [{"key": "a", "effect": "NoSchedule", "operator": "Exists"}]),
    ("taints", [{"key": "a"}]),
    ("taints", [{"key": "a", "effect": "NO_SCHEDULE"}]),
    ("taints", [{"key": "a", "value": "", "effect": "NoSchedule"}]),
    ("requirements", [{"key": "karpenter.sh/nodepool", "operator": "Exists"}]),
    ("requirements", [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["x"]}]),
    ("requirements", [{"key": "karpenter.k8s.aws/instance-familly", "operator": "Exists"}]),
    ("requirements", [{"key": "a", "operator": "In"}]),
    ("requirements", [{"key": "a", "operator": "In", "values": []}]),
    ("requirements", [{"key": "a", "operator": "Gt", "values": ["1", "2"]}]),
    ("requirements", [{"key": "a", "operator": "Gte", "values": ["x"]}]),
    ("requirements", [{"key": "a", "operator": "In", "values": ["x"], "minValues": 2}]),
    ("requirements", [{"key": "a", "operator": "Equals", "values": ["x"]}]),
    ("budgets", [{"nodes": 1}]),
    ("budgets", [{"nodes": "1", "schedule": "@daily"}]),
    ("budgets", [{"nodes": "1", "schedule": "every day", "duration": "1h"}]),
    ("budgets", [{"nodes": "1", "reasons": ["Full"]}]),
    ("nodeClassRef", {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass"}),
    ("nodeClassRef", {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "name": "x"}),
    ("consolidateAfter", "5 minutes"),
    ("limits", {"cpu": "lots"}),
    ("limits", {"nodes": "5"}),
    ("replicas", 3),
    ("weight", 101),
    ("instanceProfile", "nodes"),
    ("amiSelectorTerms", []),
    ("amiSelectorTerms", [{"alias": "al2023@latest"}, {"id": "ami-0123456789abcdef0"}]),
    ("amiSelectorTerms", [{"alias": "ubuntu@latest"}]),
    ("amiSelectorTerms", [{"alias": "bottlerocket@latest"}]),
    ("amiSelectorTerms", [{"id": "ami-0123456789abcdef0", "tags": {"a": "b"}}]),
    ("amiSelectorTerms", [{"tags": {"a": ""}}]),
    ("subnetSelectorTerms", [{"tags": {"a": "b"}, "id": "subnet-0123456789abcdef0"}]),
    ("subnetSelectorTerms", [{"id": "private"}]),
    ("securityGroupSelectorTerms", [{}]),
    ("metadataOptions", {"httpTokens": "must"}),
    ("metadataOptions", {"httpPutResponseHopLimit": 65}),
    ("kubelet", {"maxPods": -1}),
    ("kubelet", {"kubeReserved": {"gpu": "1"}}),
    ("kubelet", {"evictionSoft": {"memory.available": "5%"}}),
    ("blockDeviceMappings", [{"deviceName": "/dev/xvda", "ebs": {}}]),
    ("blockDeviceMappings", [{"deviceName": "a", "ebs": {"volumeSize": "100G", "volumeType": "gp4"}}]),
    ("blockDeviceMappings", [{"rootVolume": True, "ebs": {"volumeSize": "1Gi"}}] * 2),
    ("tags", {"karpenter.sh/nodeclaim": "x"}),
    ("tags", {"kubernetes.io/cluster/shop": "owned"}),
    ("clusterIP", "None"),
    ("type", "Internal"),
    ("minAvailable", 1),
    ("maxUnavailable", 1),
    ("schedule", "every day"),
    ("schedule", "61 * * * *"),
    ("completions", -1),
    ("metrics", []),
    ("metrics", [{"type": "Pods", "pods": {"metric": {"name": "a"}, "target": {"type": "Value", "value": 1}}}]),
    (
        "metrics",
        [{"type": "External", "external": {"metric": {"name": "a/b"}, "target": {"type": "Value", "value": 1}}}],
    ),
    ("metrics", [{"type": "Resource", "pods": {"metric": {"name": "a"}, "target": {"type": "Value"}}}]),
    ("metrics", [{"type": "Disk", "resource": {"name": "cpu"}}]),
    ("target", {"type": "Utilization", "averageUtilization": 50, "averageValue": 1}),
    ("target", {"type": "Value", "value": 1, "averageValue": 1}),
    ("target", {"type": "AverageValue", "averageValue": "0"}),
    ("target", {"type": "Share", "value": 1}),
    ("metric", {"name": "a", "selector": {"matchLabels": {"a b": "c d"}}}),
    ("metric", {"name": ".."}),
    ("describedObject", {"apiVersion": "v1", "kind": "Service", "name": "web"}),
    ("describedObject", {"kind": "Service"}),
    ("containerResource", {"name": "gpu", "container": "web", "target": {"type": "AverageValue", "averageValue": 1}}),
    ("containerResource", {"name": "cpu", "target": {"type": "AverageValue", "averageValue": 1}}),
    ("tolerance", "-0.1"),
    ("accessModes", []),
    ("accessModes", ["ReadWriteOnce", "ReadWriteOncePod"]),
    ("accessModes", ["ReadWriteTwice"]),
    ("resources", {"requests": {"storage": "0"}}),
    ("resources", {"requests": {"cpu": 1}}),
    ("resources", {"limits": {"storage": "1Gi"}}),
    ("volumeMode", "Blocks"),
    ("volumeMode", ""),
    ("dataSource", {"kind": "PersistentVolumeClaim", "name": "a"}),
    ("dataSource", {"kind": "PersistentVolumeClaim"}),
    ("dataSourceRef", {"kind": "VolumeSnapshot", "name": "a"}),
    ("dataSourceRef", {"apiGroup": "a_b", "kind": "Populator", "name": "a"}),
    ("dataSourceRef", {"apiGroup": "example.com", "kind": "Populator", "name": "a"}),
    ("rules", []),
    ("rules", [{"apiGroups": [""], "resources": ["pods"]}]),
    ("rules", [{"resources": ["pods"], "verbs": ["get"]}]),
    ("rules", [{"apiGroups": [""], "verbs": ["get"]}]),
    ("rules", [{"nonResourceURLs": ["/a"], "verbs": ["get"]}]),
    ("rules", [{"nonResourceURLs": ["/a"], "resourceNames": ["a"], "verbs": ["get"]}]),
    ("rules", [{"apiGroups": [], "resources": ["pods"], "verbs": [""]}]),
    ("rules", [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]),
    ("roleRef", {"kind": "Role", "name": "a"}),
    ("roleRef", {"kind": "ClusterRole", "name": "a/b"}),
    ("roleRef", {"apiGroup": "example.com", "kind": "ClusterRole", "name": "a"}),
    ("roleRef", {"kind": "User", "name": "a"}),
    ("subjects", [{"kind": "ServiceAccount", "name": "a"}]),
    ("subjects", [{"kind": "ServiceAccount", "name": "A b", "namespace": "a"}]),
    ("subjects", [{"kind": "ServiceAccount", "name": "a", "namespace": "a", "apiGroup": "rbac.authorization.k8s.io"}]),
    ("subjects", [{"kind": "User", "name": "A b"}]),
    ("subjects", [{"kind": "User", "name": "a", "apiGroup": "example.com"}]),
    ("subjects", [{"kind": "Robot", "name": "a"}]),
    ("subjects", [{"kind": "Group"}]),
    ("aggregationRule", {"clusterRoleSelectors": []}),
    ("aggregationRule", {"clusterRoleSelectors": [{"matchLabels": {"a b": "c"}}]}),
    ("aggregationRule", {"clusterRoleSelectors": [{}]}),
    ("host", "10.0.0.1"),
    ("host", "999.0.0.1"),
    ("host", "*.a.b"),
    ("host", "a.*.b"),
    ("host", "*"),
    ("hosts", ["*.a", "A.b"]),
    ("paths", []),
    ("paths", [{"path": "/", "backend": {"service": {"name": "a", "port": {"number": 1}}}}]),
    ("pathType", "Exact"),
    ("path", "/a//b"),
    ("path", "/a/.."),
    ("path", "/a%2fb"),
    ("path", "a"),
    ("backend", {}),
    ("backend", {"service": {"name": "a"}}),
    ("backend", {"service": {"name": "a", "port": {"number": 80, "name": "http"}}}),
    ("backend", {"service": {"name": "A", "port": {"number": 80}}}),
    ("backend", {"service": {"name": "1a", "port": {"number": 80}}}),
    ("backend", {"resource": {"kind": "Bucket", "name": "a"}, "service": {"name": "a", "port": {"number": 1}}}),
    ("backend", {"resource": {"kind": "Bucket", "name": "a/b"}}),
    ("defaultBackend", {"service": {"name": "a", "port": {"number": 70000}}}),
    ("ingressClassName", "Alb"),
    ("ingressClassName", ""),
    ("annotations", {"kubernetes.io/ingress.class": "nginx"}),
    ("annotations", {"kubernetes.io/ingress.class": "alb"}),
    ("controller", "alb"),
    ("controller", "ingress.k8s.aws/"),
    ("controller", "ingress.k8s.aws/a b"),
    ("parameters", {"kind": "A", "name": "b", "scope": "Namespace"}),
    ("parameters", {"kind": "A", "name": "b", "namespace": "c"}),
    ("parameters", {"kind": "A", "name": "b", "namespace": "c", "scope": "Namespace"}),
    ("parameters", {"kind": "A", "name": "b", "apiGroup": ""}),
    ("handler", "Kata"),
    ("handler", ""),
    ("podFixed", {"cpus": 1}),
    ("podFixed", {"memory": "-1"}),
    ("podFixed", {"nvidia.com/gpu": "0.5"}),
    ("tolerations", [{"key": "a"}, {"key": "a"}]),
    ("value", 2000000000),
    ("value", -5),
    ("preemptionPolicy", "Sometimes"),
    ("globalDefault", True),
    ("labels", {"a b": "c"}),
    ("labels", {"a": "-"}),
    ("labels", {"a": 5}),
    ("annotations", {"a/b/c": ""}),
    ("name", "Bad_Name"),
    ("name", "a" * 60),
    ("name", "1-name"),
)
"""A field, wherever an object has one of its name or a sibling of it, and what is put there."""


def mutated(objects: list[dict[str, Any]], count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was changed, and the object with it."""
    draw = random.Random(seed)
    while count:
        made = copy.deepcopy(draw.choice(draw.choice((objects, RICH))))
        change = draw.choice(
            (_replace, _replace, _remove, _unknown, _double, _fragment, _fragment, _fragment, _fragment)
        )
        said = change(draw, made)
        if said:
            count -= 1
            yield f"{made['kind']} {said}", made


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below an object but what says which kind it is."""
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        if path or key not in ("apiVersion", "kind"):
            yield (*path, key)
            yield from places(item, (*path, key))


def _holder(made: Any, path: Path) -> Any:
    for key in path[:-1]:
        made = made[key]
    return made


def _replace(draw: random.Random, made: dict[str, Any]) -> str:
    kept = (("metadata",), ("metadata", "name"), ("metadata", "namespace"))
    if not (found := [each for each in places(made) if each not in kept]):
        return ""
    path = draw.choice(found)
    value = copy.deepcopy(draw.choice(VALUES))
    _holder(made, path)[path[-1]] = value
    return f"{_shown(path)} = {value!r:.40}"


def _remove(draw: random.Random, made: dict[str, Any]) -> str:
    path = draw.choice([each for each in places(made) if each[0] != "metadata"] or [("metadata", "labels")])
    holder: Any = _holder(made, path)
    if isinstance(holder, dict) and path[-1] not in holder:
        return ""
    del holder[path[-1]]
    return f"without {_shown(path)}"


def _unknown(draw: random.Random, made: dict[str, Any]) -> str:
    maps = [path for path in places(made) if isinstance(_holder(made, (*path, "")), dict)]
    path = draw.choice(maps)
    name = draw.choice(("extra", "Name", "image_pull_policy", "nodeselector", "operator", "values", "enabled"))
    _holder(made, (*path, ""))[name] = draw.choice(("x", 1, True, ["x"], {"x": "y"}))
    return f"{_shown(path)}.{name} added"


def _double(draw: random.Random, made: dict[str, Any]) -> str:
    lists = [path for path in places(made) if isinstance(_holder(made, (*path, "")), list)]
    if not lists:
        return ""
    path = draw.choice(lists)
    items = _holder(made, (*path, ""))
    if not items:
        return ""
    items.append(copy.deepcopy(draw.choice(items)))
    return f"{_shown(path)} twice"


def _fragment(draw: random.Random, made: dict[str, Any]) -> str:
    field, value = draw.choice(FRAGMENTS)
    found = [path for path in places(made) if path[-1] == field]
    if not found:
        return ""
    path = draw.choice(found)
    _holder(made, path)[field] = copy.deepcopy(value)
    return f"{_shown(path)} = {value!r:.60}"


def _shown(path: Path) -> str:
    return ".".join(map(str, path))
