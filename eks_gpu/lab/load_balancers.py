"""Simulates the controllers of load balancers as far as programs wait for them: a Service of type LoadBalancer gets a
host name.

`python -m eks_gpu.lab.load_balancers CLASS...`, for the Services of these classes; an empty one means those that name
none. It runs for as long as the release of the AWS Load Balancer Controller is there, or the cluster with Auto Mode.
"""

import hashlib
import sys
import time
from collections.abc import Collection, Mapping
from typing import Any

from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program, own
from eks_gpu.lab.state import recorded_lab
from eks_gpu_components.catalog import AUTO_MODE_LOAD_BALANCER_CLASS, CONTROLLER_LOAD_BALANCER_CLASS

EVERY_S = 0.5
CONTROLLER_CLASSES = (CONTROLLER_LOAD_BALANCER_CLASS,)
"""Services of another class, or of none, are not the controller's. Source: its documentation, Service annotations."""
AUTO_MODE_CLASSES = (AUTO_MODE_LOAD_BALANCER_CLASS, "")
"""Auto Mode's own is the default of its clusters. Source: EKS User Guide, Auto Mode, load balancing."""


def player(name: str, classes: Collection[str]) -> Program:
    """What plays the load balancers of these classes, as a process of this name."""
    return Program(name, own("load_balancers", *classes))


def hostname(service: Mapping[str, Any], region: str) -> str:
    """In the form of the controller's names. Nothing answers there."""
    metadata = service["metadata"]
    digest = hashlib.sha256(metadata["uid"].encode()).hexdigest()[:10]
    return f"k8s-{metadata['namespace'][:8]}-{metadata['name'][:8]}-{digest}.elb.{region}.amazonaws.com"


def reconcile(api: ClusterApi, region: str, classes: Collection[str]) -> list[str]:
    """Names each of these classes that waits for one; says which."""
    done = []
    for service in api.list("/api/v1/services"):
        metadata, spec = service["metadata"], service["spec"]
        waits = spec["type"] == "LoadBalancer" and (spec.get("loadBalancerClass") or "") in classes
        if waits and not service["status"]["loadBalancer"].get("ingress"):
            name = hostname(service, region)
            status = {"loadBalancer": {"ingress": [{"hostname": name}]}}
            path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status"
            api.replace(path, {**service, "apiVersion": "v1", "kind": "Service", "status": status})
            done.append(f"{metadata['namespace']}/{metadata['name']}: {name}")
    return done


def main() -> None:
    lab = recorded_lab()
    if lab is None:
        sys.exit("no lab is up")
    api = ClusterApi(lab)
    while True:
        try:
            for line in reconcile(api, lab.region, sys.argv[1:]):
                print(line, flush=True)
        except (OSError, LabProblem) as problem:  # a Service changed meanwhile: the next round sees it
            print(problem, flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
