"""PyTorch DDP on EKS: two runs of four members each take turns on four Spot GPUs, and survive the loss of a node."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

import eks_gpu_components as eks_gpu

NAME, REGION = "training", "us-west-2"
NAMESPACE, ACCOUNT, MEMBERS = "training", "trainer", 4
RUNS = {"fast": "0.003", "slow": "0.0003"}
"""Learning rate of each run."""

GPU: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g6.xlarge", "g5.xlarge", "g6.2xlarge"],
    "capacity_types": ["spot", "on-demand"],
    "max_gpus": MEMBERS,
}

config = pulumi.Config()
api_cidrs = eks_gpu.stack_addresses()

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


karpenter = eks_gpu.Karpenter("karpenter", {"cluster": cluster.reference}, in_cluster())
pool = eks_gpu.KarpenterGpuPool(
    "gpu",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "node_role_name": karpenter.node_role_name,
        "pool": GPU,
    },
    in_cluster(),
)
eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": [GPU]}, in_cluster())

job_sets = eks_gpu.JobSetController("jobset", {}, in_cluster())
kueue = eks_gpu.Kueue("kueue", {"settings": {"integrations": ["job", "jobset"]}}, in_cluster(job_sets))
namespace = kubernetes.core.v1.Namespace(NAMESPACE, metadata={"name": NAMESPACE}, opts=in_cluster())
queue = eks_gpu.TrainingQueue(
    "gangs",
    {"pools": {"gpu": GPU}, "queues": {"gangs": {"namespaces": [NAMESPACE]}}, "strict_order": True},
    in_cluster(kueue, namespace),
)

BUCKET = f"{NAME}-checkpoints-{aws.get_caller_identity().account_id}-{REGION}"
checkpoints = aws.s3.Bucket("checkpoints", bucket=BUCKET, force_destroy=True)
role = aws.iam.Role(
    "trainer",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                }
            ],
        }
    ),
)
may_save = aws.iam.RolePolicy(
    "trainer",
    role=role.name,
    policy=checkpoints.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{arn}/*"},
                    # Without it S3 says of a checkpoint that is not there yet that access is denied.
                    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
                ],
            }
        )
    ),
)
identity = aws.eks.PodIdentityAssociation(
    "trainer",
    cluster_name=cluster.reference["name"],
    namespace=NAMESPACE,
    service_account=ACCOUNT,
    role_arn=role.arn,
    opts=pulumi.ResourceOptions(depends_on=[may_save]),
)
account = kubernetes.core.v1.ServiceAccount(
    ACCOUNT, metadata={"name": ACCOUNT, "namespace": NAMESPACE}, opts=in_cluster(namespace)
)


def member(run: str, rate: str) -> dict[str, pulumi.Input[object]]:
    """The pod of one member. It needs neither toleration nor node selector: the queue adds those of the pool."""
    env = {
        "RUN": run,
        "LEARNING_RATE": rate,
        "MEMBERS": str(MEMBERS),
        "MASTER_ADDR": f"{run}-members-0-0.{run}",  # the first pod, by the name that JobSet gives it
        "MASTER_PORT": "29500",
        "AWS_REGION": REGION,
        "BUCKET": BUCKET,
    }
    return {
        "serviceAccountName": ACCOUNT,
        "restartPolicy": "Never",
        # Of the 120 s of a Spot notice: time for the step, the checkpoint and some for Karpenter.
        "terminationGracePeriodSeconds": 100,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "train",
                "image": config.require("image"),
                "env": [{"name": name, "value": value} for name, value in env.items()],
                "ports": [{"name": "rendezvous", "containerPort": 29500}],
                "resources": {
                    "requests": {"cpu": "3", "memory": "12Gi"},
                    "limits": {"memory": "12Gi", "nvidia.com/gpu": "1"},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


for run, rate in RUNS.items():
    kubernetes.apiextensions.CustomResource(
        run,
        api_version="jobset.x-k8s.io/v1alpha2",
        kind="JobSet",
        metadata={
            "name": run,
            "namespace": NAMESPACE,
            "labels": {"kueue.x-k8s.io/queue-name": "gangs"},
        },
        spec={
            # One member that ends early ends its Job; all of them start again, from the checkpoint.
            "failurePolicy": {"maxRestarts": 20},
            "replicatedJobs": [
                {
                    "name": "members",
                    "template": {
                        "spec": {
                            "parallelism": MEMBERS,
                            "completions": MEMBERS,
                            "completionMode": "Indexed",
                            "backoffLimit": 0,
                            "template": {"spec": member(run, rate)},
                        }
                    },
                }
            ],
        },
        opts=in_cluster(pool, queue, account, identity, checkpoints),
    )

pulumi.export("checkpoints", BUCKET)
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
