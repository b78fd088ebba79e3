"""Writes the types of Kubernetes and Karpenter that `eks_gpu/api` judges objects by, from the lab's Go modules.

python -m tools.refresh_api_schema
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.api import KARPENTER_FILE, KUBERNETES_FILE
from eks_gpu.lab.toolchain import module_folder

KINDS = {
    "v1": "Pod Service ConfigMap Secret ServiceAccount Namespace PersistentVolumeClaim ResourceQuota LimitRange",
    "apps/v1": "Deployment StatefulSet DaemonSet ReplicaSet",
    "batch/v1": "Job CronJob",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "policy/v1": "PodDisruptionBudget",
    "networking.k8s.io/v1": "NetworkPolicy Ingress IngressClass",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "storage.k8s.io/v1": "StorageClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "node.k8s.io/v1": "RuntimeClass",
}
"""Kinds of Kubernetes that stacks have, by their API version."""
KARPENTER_KINDS = ("NodePool", "EC2NodeClass", "NodeOverlay", "NodeClaim")
"""Kinds of Karpenter that stacks have."""

_FORMATS = {"byte": "bytes", "int32": "int32", "int64": "int64", "date-time": "time"}
_SPECIAL = {
    "api.resource.Quantity": "quantity",
    "util.intstr.IntOrString": "int-or-string",
    "meta.v1.Time": "time",
    "meta.v1.MicroTime": "time",
    "meta.v1.FieldsV1": "any",
    "runtime.RawExtension": "any",
}
_DROPPED = ("description", "x-kubernetes-group-version-kind")


def main() -> None:
    folder = module_folder("kubernetes", "k8s.io/kubernetes") / "api" / "openapi-spec" / "v3"
    _write(KUBERNETES_FILE, kubernetes(folder))
    crds = module_folder("karpenter", "github.com/aws/karpenter-provider-aws") / "pkg" / "apis" / "crds"
    _write(KARPENTER_FILE, karpenter(crds))


def kubernetes(folder: Path) -> dict[str, Any]:
    """`{"kinds": {"v1/Pod": "core.v1.Pod"}, "types": {"core.v1.Pod": {field: type}}}`.

    A type is a word, `#` and another's name, `["list", type, keys]`, or `["map", type]`.
    """
    schemas: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for file in sorted(folder.glob("*_openapi.json")):
        found = json.loads(file.read_bytes()).get("components", {}).get("schemas", {})
        schemas |= {_short(name): schema for name, schema in found.items()}
    for name, schema in schemas.items():
        for served in schema.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (served["group"], served["version"])))
            if served["kind"] in KINDS.get(version, "").split():
                kinds[f"{version}/{served['kind']}"] = name
    types: dict[str, Any] = {}
    waiting = list(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in types:
            properties = schemas[name].get("properties", {})
            types[name] = {field: _type(schema) for field, schema in sorted(properties.items()) if field != "status"}
            waiting += [ref for type_ in types[name].values() for ref in _refs(type_)]
    return {"kinds": dict(sorted(kinds.items())), "types": dict(sorted(types.items()))}


def karpenter(folder: Path) -> dict[str, Any]:
    """`karpenter.sh/v1/NodePool` -> the schema of its definition, without descriptions and status."""
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        if spec["names"]["kind"] not in KARPENTER_KINDS:
            continue
        for version in spec["versions"]:
            if version["served"]:
                schema = _bare(version["schema"]["openAPIV3Schema"])
                schema["properties"].pop("status", None)
                found[f"{spec['group']}/{version['name']}/{spec['names']['kind']}"] = schema
    return found


def _short(name: str) -> str:
    for prefix in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _type(schema: Mapping[str, Any]) -> Any:
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "$ref" in schema:
        name = _short(schema["$ref"].rpartition("/")[2])
        return _SPECIAL.get(name, f"#{name}")
    kind = schema.get("type")
    if kind == "array":
        keys = schema.get("x-kubernetes-list-map-keys")
        unique = "set" if schema.get("x-kubernetes-list-type") == "set" else ""
        return ["list", _type(schema["items"]), keys or unique]
    if kind == "object":
        return ["map", _type(schema["additionalProperties"])] if "additionalProperties" in schema else "any"
    return _FORMATS.get(schema.get("format", ""), kind or "any")


def _refs(type_: Any) -> Iterator[str]:
    if isinstance(type_, list):
        yield from _refs(type_[1])
    elif type_.startswith("#"):
        yield type_[1:]


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: {name: _bare(each) for name, each in value.items()} if key == "properties" else _bare(value)
            for key, value in schema.items()
            if key not in _DROPPED
        }
    return [_bare(each) for each in schema] if isinstance(schema, list) else schema


def _write(file: Path, data: Mapping[str, Any]) -> None:
    """One type a line."""
    if "types" in data:
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(type_)}" for name, type_ in data["types"].items())
        text = f'{{"kinds": {json.dumps(data["kinds"])},\n"types": {{\n{lines}\n}}}}\n'
    else:
        text = json.dumps(data, indent=1) + "\n"
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
