"""Karpenter in the lab: the controller with its own AWS provider; only CreateFleet and the machines are simulated."""

from collections.abc import Mapping
from datetime import datetime

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import run, wait_for
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.programs import Program, own
from eks_gpu.lab.scraped import expose
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain
from eks_gpu_components.catalog.metrics import KARPENTER_METRICS

ANY_CREDENTIALS = {name.upper(): value for name, value in LAB_KEYS.items()}
"""The lab's own, which may do everything in its AWS."""
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
MACHINES = "kwok-aws-instances-"
"""How the ConfigMaps begin in which Karpenter's simulated EC2 lists its machines, so that a new process knows them."""


def start_karpenter(
    lab: Lab,
    cluster: str,
    queue: str = "",
    credentials: Mapping[str, str] = ANY_CREDENTIALS,
    settings: Mapping[str, str] | None = None,
) -> Lab:
    """Starts Karpenter and returns when it works; the lab with it. The cluster, its subnets and the queue must exist in
    moto by then: where CreateFleet is played, subnets are read once, at the start.

    `queue` is the interruption queue's name, `credentials` the AWS_* variables it calls AWS with, `settings` further
    variables of its environment, as FEATURE_GATES. Raises LabProblem.
    """
    _forget_machines_before(lab, cluster)
    ports = free_ports(("pricing", "metrics", "health"))
    pricing = Program(
        "karpenter-pricing", own("pricing", str(ports["pricing"])), f"http://{LOOPBACK}:{ports['pricing']}/"
    )
    controller = Program(
        "karpenter",
        (str(toolchain(["karpenter"])["karpenter"]),),
        f"http://{LOOPBACK}:{ports['health']}/readyz",
        {
            **environment(lab, cluster, queue),
            "AWS_ENDPOINT_URL_PRICING": pricing.ready.rstrip("/"),
            "METRICS_PORT": str(ports["metrics"]),
            "HEALTH_PROBE_PORT": str(ports["health"]),
            **credentials,
            **(settings or {}),
        },
    )
    lab = run(lab, pricing)
    wait_for(lab, pricing)
    lab = run(lab, controller)
    wait_for(lab, controller)
    expose(lab, KARPENTER_METRICS.job, ports["metrics"])
    return lab


def _forget_machines_before(lab: Lab, cluster: str) -> None:
    """Deletes the lists that are older than the cluster: they are of one that is gone, whose ConfigMaps went with it on
    AWS. Karpenter would give each machine a node again, and ends where the machine's subnet is gone.
    """
    made: datetime = aws_client(lab, "eks").describe_cluster(name=cluster)["cluster"]["createdAt"]
    api = ClusterApi(lab)
    for each in (each["metadata"] for each in api.list(CONFIG_MAPS)):
        written = datetime.fromisoformat(each["creationTimestamp"])
        if each["name"].startswith(MACHINES) and written < made.replace(microsecond=0):
            api.delete(f"{CONFIG_MAPS}/{each['name']}")


def environment(lab: Lab, cluster: str, queue: str) -> dict[str, str]:
    """What its pod would have from the chart, pointed at the lab. Source: Karpenter 1.15, settings."""
    return {
        "KUBECONFIG": str(lab.kubeconfig),
        "AWS_ENDPOINT_URL": lab.aws_endpoint,
        "AWS_REGION": lab.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CLUSTER_NAME": cluster,
        "CLUSTER_ENDPOINT": lab.server,
        "INTERRUPTION_QUEUE": queue,
        "SYSTEM_NAMESPACE": "kube-system",
        "ISOLATED_VPC": "false",  # true leaves its instance profile behind, and with it the node role
        "DISABLE_LEADER_ELECTION": "true",
    }
