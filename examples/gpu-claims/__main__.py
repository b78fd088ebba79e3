"""Pods that claim a share of a GPU (DRA): four on each, on nodes that Karpenter starts from zero."""

import pulumi
import pulumi_kubernetes as kubernetes

import eks_gpu_components as eks_gpu

REGION = "us-west-2"
IMAGE = "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal"

GPU: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g6.xlarge"],
    "max_gpus": 4,
    "idle_s": 30,
    "devices": "claims",
    "sharing": {"strategy": "time-slicing", "replicas": 4},
}

config = pulumi.Config()

network = eks_gpu.Network(
    "claims",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "claims"},
)
cluster = eks_gpu.Cluster(
    "claims",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "claims",
            "kubernetes_version": "1.36",  # the first on EKS in which claims share a GPU
            "endpoint": {"public": True, "public_cidrs": eks_gpu.stack_addresses()},
            "deletion_protection": False,
        },
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

karpenter = eks_gpu.Karpenter(
    "karpenter", {"cluster": cluster.reference, "settings": {"dra": {"nvidia": True}}}, in_cluster
)
gpu = eks_gpu.KarpenterGpuPool(
    "gpu",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "node_role_name": karpenter.node_role_name,
        "pool": GPU,
    },
    in_cluster,
)
driver = eks_gpu.NvidiaDraDriver("nvidia-dra-driver", {"cluster": cluster.reference, "pools": [GPU]}, in_cluster)

share = kubernetes.resource.v1.ResourceClaimTemplate(
    "share-of-a-gpu",
    metadata={"name": "share-of-a-gpu", "namespace": "default"},
    spec=eks_gpu.pool_claim("gpu", GPU, gpu_memory_gib=20, shares=1),
    opts=in_cluster,
)
labels = {"app.kubernetes.io/name": "claiming"}
kubernetes.apps.v1.Deployment(
    "claiming",
    # Whether a zone has GPUs to sell right now is not for `pulumi up` to wait for.
    metadata={"name": "claiming", "namespace": "default", "annotations": {"pulumi.com/skipAwait": "true"}},
    spec={
        "replicas": config.get_int("replicas") or 1,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "tolerations": eks_gpu.pool_tolerations(GPU),
                "node_selector": eks_gpu.pool_selector(GPU),
                "automount_service_account_token": False,
                "security_context": {
                    "run_as_non_root": True,
                    "run_as_user": 65532,
                    "seccomp_profile": {"type": "RuntimeDefault"},
                },
                "termination_grace_period_seconds": 5,
                "resource_claims": [{"name": "gpu", "resource_claim_template_name": share.metadata.name}],
                "containers": [
                    {
                        "name": "nvidia-smi",
                        "image": IMAGE,
                        "command": ["sh", "-c", "while nvidia-smi; do sleep 60; done"],
                        "resources": {
                            "requests": {"cpu": "100m", "memory": "128Mi"},
                            "limits": {"memory": "128Mi"},
                            "claims": [{"name": "gpu"}],
                        },
                        "security_context": {"allow_privilege_escalation": False, "capabilities": {"drop": ["ALL"]}},
                    }
                ],
            },
        },
    },
    # On the way down the pods go first: their nodes need Karpenter, and their devices the driver.
    opts=pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[gpu, driver]),
)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
