"""Training over two reserved nodes that talk over EFA, and notebooks on parts of a GPU, with Karpenter."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

import eks_gpu_components as eks_gpu

NAME, REGION = "research", "us-west-2"
NODES, GPUS, INTERFACES = 2, 8, 32
"""Nodes of a training run, and what each p5.48xlarge has."""

config = pulumi.Config()
api_cidrs = eks_gpu.stack_addresses()
reservation: Any = {**config.require_object("reservation"), "instance_type": "p5.48xlarge", "instances": NODES}
TRAINING: eks_gpu.GpuPoolArgs = {
    "instance_types": ["p5.48xlarge"],
    "max_gpus": NODES * GPUS,
    "capacity_types": ["reserved"],
    "reservations": [reservation],
    "zones": [reservation["zone"]],
    "efa": True,
    "labels": {"example.com/pool": "training"},
}
PARTS: dict[str, eks_gpu.GpuPoolArgs] = {
    "time-slicing": {
        "instance_types": ["g6.xlarge"],
        "max_gpus": 2,
        "sharing": {"strategy": "time-slicing", "replicas": 4},
        "labels": {"example.com/pool": "notebooks"},
    },
    "mig": {
        "instance_types": ["p4d.24xlarge"],
        "max_gpus": 8,
        "mig": "1g.5gb",
        "labels": {"example.com/pool": "notebooks"},
    },
}


def chosen(key: str, *words: str) -> str:
    if (word := config.require(key)) not in words:
        raise pulumi.RunError(f"reserved-training:{key} must be {' or '.join(words)}, got {word}")
    return word


part = chosen("notebooks", *PARTS)
by_karpenter = chosen("training", "karpenter", "node-groups") == "karpenter"
NOTEBOOKS = PARTS[part]
OF_KARPENTER = {"training": TRAINING, "notebooks": NOTEBOOKS} if by_karpenter else {"notebooks": NOTEBOOKS}

network = eks_gpu.Network(NAME, {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": NAME})
cluster = eks_gpu.Cluster(
    NAME,
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": NAME,
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
            "deletion_protection": False,
        },
    },
)


def in_cluster(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[cluster.provider], depends_on=list(after))


# The pools say which of its features Karpenter needs; a full reservation has no room for a node and its replacement.
karpenter = eks_gpu.Karpenter(
    "karpenter",
    {
        "cluster": cluster.reference,
        "pools": OF_KARPENTER,
        "settings": {"feature_gates": {"terminate_first_drift": True}},
    },
    in_cluster(),
)
pools: dict[str, pulumi.Resource] = {
    name: eks_gpu.KarpenterGpuPool(
        name,
        {
            "cluster": cluster.reference,
            "subnets": network.private_subnets,
            "node_role_name": karpenter.node_role_name,
            "pool": pool,
        },
        in_cluster(),
    )
    for name, pool in OF_KARPENTER.items()
}
if not by_karpenter:
    group: eks_gpu.GpuNodeGroupArgs = {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "pool": TRAINING,
    }
    pools["training"] = eks_gpu.GpuNodeGroup("training", group)
    eks_gpu.ClusterAutoscaler(
        "cluster-autoscaler", {"cluster": cluster.reference, "pools": {"training": TRAINING}}, in_cluster()
    )
# NVIDIA's operator cuts GPUs; shares need its device plugin alone.
nvidia = (
    eks_gpu.GpuOperator("gpu-operator", {"pools": [TRAINING, NOTEBOOKS]}, in_cluster())
    if part == "mig"
    else eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": [TRAINING, NOTEBOOKS]}, in_cluster())
)
fabric = eks_gpu.EfaDevicePlugin("efa-device-plugin", {"pools": [TRAINING]}, in_cluster())

namespace = kubernetes.core.v1.Namespace(NAME, metadata={"name": NAME}, opts=in_cluster())


def pod(pool: eks_gpu.GpuPoolArgs, container: dict[str, Any], **more: Any) -> Any:
    """A pod on the pool, whose one container may gain no privileges."""
    return {
        "tolerations": eks_gpu.pool_tolerations(pool),
        "nodeSelector": eks_gpu.pool_selector(pool),
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {**container, "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
        ],
        **more,
    }


# Gives each member of the run a name that the others can reach.
members = kubernetes.core.v1.Service(
    "training",
    metadata={"name": "training", "namespace": NAME},
    spec={"cluster_ip": "None", "selector": {"app": "training"}, "publish_not_ready_addresses": True},
    opts=in_cluster(namespace),
)
kubernetes.batch.v1.Job(
    "training",
    metadata={"name": "training", "namespace": NAME},
    spec={
        "completion_mode": "Indexed",
        "completions": NODES,
        "parallelism": NODES,
        "backoff_limit": 4,
        "template": {
            "metadata": {"labels": {"app": "training"}},
            "spec": pod(
                TRAINING,
                {
                    "name": "train",
                    "image": config.require("image"),
                    "command": [
                        "torchrun",
                        f"--nnodes={NODES}",
                        f"--nproc-per-node={GPUS}",
                        "--rdzv-backend=c10d",
                        "--rdzv-endpoint=training-0.training:29500",
                        "train.py",
                    ],
                    "env": [{"name": "FI_PROVIDER", "value": "efa"}],
                    "ports": [{"name": "rendezvous", "containerPort": 29500}],
                    "resources": {
                        "requests": {"cpu": "96", "memory": "1000Gi"},
                        "limits": {
                            "memory": "1000Gi",
                            "nvidia.com/gpu": str(GPUS),
                            "vpc.amazonaws.com/efa": str(INTERFACES),
                        },
                    },
                    "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],
                },
                subdomain="training",
                restartPolicy="Never",
                volumes=[{"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}}],
            ),
        },
    },
    opts=in_cluster(namespace, members, nvidia, fabric, pools["training"]),
)

kubernetes.apps.v1.Deployment(
    "notebook",
    metadata={"name": "notebook", "namespace": NAME},
    spec={
        "replicas": 1,
        "strategy": {"type": "Recreate"},  # a notebook's work is in its pod
        "selector": {"match_labels": {"app": "notebook"}},
        "template": {
            "metadata": {"labels": {"app": "notebook"}},
            "spec": pod(
                NOTEBOOKS,
                {
                    "name": "notebook",
                    "image": config.require("image"),
                    "command": ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"],
                    "ports": [{"name": "http", "containerPort": 8888}],
                    "resources": {
                        "requests": {"cpu": "500m", "memory": "2Gi"},
                        "limits": {
                            "memory": "2Gi",
                            "nvidia.com/mig-1g.5gb" if part == "mig" else "nvidia.com/gpu": "1",
                        },
                    },
                },
            ),
        },
    },
    opts=in_cluster(namespace, nvidia, pools["notebooks"]),
)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
