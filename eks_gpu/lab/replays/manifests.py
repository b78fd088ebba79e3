"""Manifests of a plan before the lab's API server, which takes no field that it does not know."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.lab.charts import PLAYED
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi

STRICTLY = "fieldValidation=Strict&dryRun=All"
AS_PULUMI = "fieldManager=pulumi-kubernetes&force=true&fieldValidation=Warn&dryRun=All"
"""Source: pulumi-kubernetes 4.25, provider/pkg/await, Creation."""
NAMESPACES = "/api/v1/namespaces"
OF_FURTHER_TOOLS = frozenset(group for played in PLAYED.values() for group in played.groups)
"""Groups whose kinds a further controller brings, which not every lab has: its own replay makes their objects."""


class StrictApi:
    """Tries objects without making them; only the namespaces that they want are made."""

    def __init__(self, api: ClusterApi):
        self._api = api
        self._resources = cache(self._discovered)

    def refusals(self, graph: Graph) -> list[str]:
        """Why objects of a program are refused, a sentence each. Raises OSError when nobody answers."""
        made = [manifest for _, manifest in kubernetes_objects(graph) if _group(manifest) not in OF_FURTHER_TOOLS]
        self.make_namespaces(made)
        return [refusal for manifest in made if (refusal := self.refusal(manifest))]

    def make_namespaces(self, made: Iterable[Mapping[str, Any]]) -> None:
        """Those that the objects are in."""
        for name in sorted(_namespaces(made)):
            self._api.ensure(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def refusal(self, manifest: Mapping[str, Any]) -> str:
        """Empty for an object that the API server would make."""
        try:
            self._api.create(f"{self._path(manifest)}?{STRICTLY}", manifest)
        except ApiRefusal as refusal:
            if refusal.status != 409 or "already exists" not in str(refusal):
                return f"{manifest['kind']} {manifest['metadata']['name']}: {refusal}"
        return ""

    def applied(self, manifest: Mapping[str, Any]) -> str:
        """Why Pulumi's provider could not make the object, which it applies; empty for one that would be made."""
        name = quote(str(manifest["metadata"]["name"]), safe="")
        try:
            self._api.apply(f"{self._path(manifest)}/{name}?{AS_PULUMI}", manifest)
        except ApiRefusal as refusal:
            return str(refusal)
        return ""

    def _path(self, manifest: Mapping[str, Any]) -> str:
        """Where objects of the kind are made. Raises ApiRefusal for a group and version that nobody serves."""
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        resource = self._resources(root).get(manifest["kind"])
        if resource is None:
            raise ApiRefusal(404, f"no kind {manifest['kind']} is served in {version}")
        if not resource["namespaced"]:
            return f"{root}/{resource['name']}"
        return f"{root}/namespaces/{manifest['metadata'].get('namespace') or 'default'}/{resource['name']}"

    def _discovered(self, root: str) -> dict[str, Any]:
        """Resources of a group's version, by kind."""
        return {found["kind"]: found for found in self._api.get(root)["resources"] if "/" not in found["name"]}


def _group(manifest: Mapping[str, Any]) -> str:
    return str(manifest["apiVersion"]).rpartition("/")[0]


def _namespaces(made: Iterable[Mapping[str, Any]]) -> set[str]:
    wanted = {manifest["metadata"].get("namespace") for manifest in made}
    return {name for name in wanted if name and name not in ("default", "kube-system")}
