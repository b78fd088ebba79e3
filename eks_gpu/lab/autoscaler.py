"""Cluster Autoscaler in the lab, on the auto scaling groups that a program made in moto."""

from collections.abc import Mapping

from eks_gpu.lab.control_plane import run, wait_for
from eks_gpu.lab.karpenter import ANY_CREDENTIALS
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.programs import Program
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain
from eks_gpu_components.catalog import AUTOSCALER_ENABLED_TAG, autoscaler_cluster_tag

SERVICES = ("autoscaling", "ec2", "eks")


def start_autoscaler(
    lab: Lab, cluster: str, arguments: Mapping[str, str] | None = None, credentials: Mapping[str, str] = ANY_CREDENTIALS
) -> Lab:
    """Starts the autoscaler for a cluster's tagged groups, and returns when it works; the lab with it.

    `arguments` are its flags without dashes, as the chart's `extraArgs`: `{"scale-down-unneeded-time": "10s"}`;
    `credentials` the AWS_* variables it calls AWS with. Raises LabProblem.
    """
    cloud_config = lab.folder / "cloud.conf"
    cloud_config.write_text(endpoints(lab), encoding="utf-8")
    address = f"{LOOPBACK}:{free_ports(['metrics'])['metrics']}"
    flags = {
        "kubeconfig": str(lab.kubeconfig),
        "cloud-provider": "aws",
        "cloud-config": str(cloud_config),
        "node-group-auto-discovery": f"asg:tag={AUTOSCALER_ENABLED_TAG},{autoscaler_cluster_tag(cluster)}",
        "scan-interval": "2s",
        "address": address,
        **(arguments or {}),
    }
    autoscaler = Program(
        "cluster-autoscaler",
        (
            str(toolchain(["cluster-autoscaler"])["cluster-autoscaler"]),
            *(f"--{flag}={value}" for flag, value in flags.items()),
        ),
        f"http://{address}/health-check",
        {"AWS_REGION": lab.region, "AWS_EC2_METADATA_DISABLED": "true", **credentials},
    )
    lab = run(lab, autoscaler)
    wait_for(lab, autoscaler)
    return lab


def endpoints(lab: Lab) -> str:
    """The autoscaler's cloud configuration: every AWS service it calls is moto. Source: its AWS provider, 1.33."""
    sections = (
        f'[ServiceOverride "{number}"]\n'
        f'Service = "{service}"\nRegion = "{lab.region}"\nURL = "{lab.aws_endpoint}"\nSigningRegion = "{lab.region}"\n'
        for number, service in enumerate(SERVICES, start=1)
    )
    return "\n".join(sections)
