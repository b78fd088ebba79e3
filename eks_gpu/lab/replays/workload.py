"""Pods that a replay scales: a workload of the program's, or one that the scenario brings along."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu_components.values.value import Value

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"


class Workload(Value):
    """A Deployment, or a Job, which cannot be scaled."""

    namespace: str
    deployment: str = ""
    job: str = ""
    pod: Mapping[str, Any] | None = None
    """Spec of the pods of a Deployment that the program does not have: the scenario brings it, with no replica."""

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if bool(self.deployment) == bool(self.job):
            raise ValueError("a workload is either a deployment or a job")
        if self.job and self.pod:
            raise ValueError("the scenario brings deployments, no jobs")
        return self

    @property
    def folder(self) -> str:
        return (DEPLOYMENTS if self.deployment else JOBS).format(self.namespace)

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.deployment or self.job}"

    def running(self, api: ClusterApi) -> int:
        """Pods that are ready; of a Job also those that have succeeded."""
        status = api.get(self.path)["status"]
        return (
            status.get("readyReplicas", 0) if self.deployment else status.get("ready", 0) + status.get("succeeded", 0)
        )

    def homeless(self, api: ClusterApi) -> set[str]:
        """Names of its pods whose node is gone."""
        pods = api.list(f"/api/v1/namespaces/{self.namespace}/pods")  # before the nodes: a new one is no lost one
        nodes = {node["metadata"]["name"] for node in api.list("/api/v1/nodes")}
        return {
            pod["metadata"]["name"]
            for pod in pods
            if pod["metadata"]["name"].startswith(f"{self.deployment or self.job}-")
            and pod["spec"].get("nodeName", "") not in {"", *nodes}
        }

    def scale(self, api: ClusterApi, replicas: int) -> None:
        """As `kubectl scale` does: again when somebody else changed the object meanwhile."""
        while True:
            found = api.get(f"{self.path}/scale")
            try:
                return api.replace(f"{self.path}/scale", {**found, "spec": {"replicas": replicas}})
            except ApiRefusal as refusal:
                if refusal.status != 409:
                    raise

    def bring(self, api: ClusterApi) -> None:
        """Makes it when it is the scenario's own."""
        if self.pod:
            api.ensure(self.folder, self._manifest())

    def take_away(self, api: ClusterApi) -> None:
        if self.pod:
            api.delete(f"{self.path}?propagationPolicy=Background")

    def _manifest(self) -> dict[str, Any]:
        labels = {"app": self.deployment}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.deployment, "namespace": self.namespace},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self.pod},
            },
        }
