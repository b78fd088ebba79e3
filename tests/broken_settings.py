"""Settings of the project's own program, each with one value that breaks one rule, and what is said of it."""

from typing import Any

import yaml

from tests.programs import ROOT

REMOVED = "(removed)"


def settings() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "tests/settings.yaml").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    """Good settings with one value changed, added or removed."""
    all_of_it = here = settings()
    *way, last = path.split("/")
    for key in way:
        here = here.setdefault(key, {})
    if value is REMOVED:
        del here[last]
    else:
        here[last] = value
    return all_of_it


GPU = "gpu_node_groups/gpu/pool"
SPOT = "spot_node_groups/general/pool"
BOUGHT = "karpenter_gpu_pools/bought"
BROKEN: list[tuple[str, Any, str]] = [
    ("cluster", REMOVED, "cluster is required"),
    ("clutser", {}, "clutser is not a known key; nearest: cluster"),
    (
        "zones",
        ["us-west-2x", "us-west-2a"],
        "zones must be 2 or 3 of us-west-2a, us-west-2b, us-west-2c, us-west-2d, got us-west-2x, us-west-2a",
    ),
    ("zones", ["us-west-2a"], "zones must be 2 or 3 of us-west-2a, us-west-2b, us-west-2c, us-west-2d, got us-west-2a"),
    ("zones", "us-west-2a", "zones must be a list, got 'us-west-2a'"),
    ("network/nat", "singel", "network.nat must be one of none, single, per-zone, got 'singel'; nearest: single"),
    (
        "network/nat",
        "none",
        "network: nat none needs interface_endpoints: nodes without a way out cannot pull images or join the cluster",
    ),
    ("network/natt", "single", "network.natt is not a known key; nearest: nat"),
    (
        "network/cidr",
        "10.0.0.0/8",
        "network.cidr must have a prefix length of 16 to 28, got '10.0.0.0/8'; nearest: /16",
    ),
    ("network/cidr", "ten", "network.cidr must be an IPv4 network, as 10.0.0.0/16, got 'ten'"),
    (
        "network/private_prefix",
        17,
        "network: cidr must have room for 3 private /17 and 3 public /24 subnets, got 10.0.0.0/16",
    ),
    (
        "network/flow_logs",
        {"retention_days": 31},
        "network.flow_logs.retention_days must be one of CloudWatch's steps, got 31; nearest: 30",
    ),
    ("cluster/name", "", "cluster.name must be 1 to 100 letters, digits, '-' and '_', the first no sign, got ''"),
    ("cluster/name", REMOVED, "cluster.name is required"),
    (
        "cluster/kubernetes_version",
        "1.32",
        "cluster.kubernetes_version: Kubernetes version must be one of 1.33, 1.34, 1.35, 1.36, got 1.32",
    ),
    (
        "cluster/kubernetes_version",
        1.35,
        'cluster.kubernetes_version must be a string, got 1.35; nearest: "1.35"',
    ),
    (
        "cluster/endpoint",
        {"public": True, "public_cidrs": ["10.0.0.0/8"]},
        "cluster.endpoint.public_cidrs[0] must be of the internet, because EKS refuses a range that is private, got "
        "'10.0.0.0/8'; nearest: endpoint.clients, for whoever reaches the VPC",
    ),
    (
        "cluster/endpoint",
        {"public": True, "public_cidrs": ["203.0.113.7/32"]},
        "cluster.endpoint.public_cidrs[0] must be of the internet, because EKS refuses a range that is for "
        "documentation, got '203.0.113.7/32'; nearest: your own, which `curl -s https://checkip.amazonaws.com` prints",
    ),
    (
        "cluster/endpoint",
        {"public": True, "public_cidrs": ["0.0.0.0/0"]},
        "cluster.endpoint: public_cidrs holds 0.0.0.0/0: narrow it, or say open_to_world: true",
    ),
    (
        "cluster/endpoint",
        {"private": False},
        "cluster.endpoint: private or public must be true: nobody could reach the API",
    ),
    (
        "cluster/log_types",
        ["audits"],
        "cluster.log_types[0] must be one of api, audit, authenticator, controllerManager, scheduler, got 'audits'; nearest: audit",
    ),
    (
        "cluster/deletion_protection",
        "maybe",
        "cluster.deletion_protection must be true or false, got 'maybe'",
    ),
    ("cluster/support", "LONG", "cluster.support must be one of STANDARD, EXTENDED, got 'LONG'"),
    (
        "cluster/access_entries",
        {"ops": {"principal_arn": "ops", "policy": "AmazonEKSViewPolicy"}},
        "cluster.access_entries.ops.principal_arn must be the ARN of an IAM user or role, got 'ops'",
    ),
    ("cluster/system_nodes/nodes", 1, "cluster.system_nodes.nodes must be at least 2, got 1"),
    (
        "cluster/system_nodes/instance_types",
        ["g4dn.xlarge"],
        "cluster.system_nodes: instance_types must have no accelerator, got g4dn.xlarge with t4",
    ),
    (
        "cluster_autoscaler/expander",
        "price",
        "cluster_autoscaler.expander must be one of least-waste, most-pods, random, got 'price'",
    ),
    (
        "cluster_autoscaler/scale_down_unneeded_s",
        5,
        "cluster_autoscaler.scale_down_unneeded_s must be at least 30, got 5",
    ),
    (
        f"{SPOT}/instance_types",
        ["m5.xlarge"],
        "spot_node_groups.general.pool.instance_types: give 6 to 20 different types, got 1; types that fit m5.xlarge: m8a.xlarge, m8azn.xlarge, m8i-flex.xlarge, m8i.xlarge, m8ib.xlarge, m8id.xlarge",
    ),
    (f"{SPOT}/max_nodes", 0, "spot_node_groups.general.pool.max_nodes must be at least 1, got 0"),
    (f"{SPOT}/min_nodes", 9, "spot_node_groups.general.pool.min_nodes must be at most max_nodes 3, got 9"),
    (
        f"{SPOT}/labels",
        {"kubernetes.io/hostname": "x"},
        "spot_node_groups.general.pool.labels: kubernetes.io/hostname is in a domain that kubelet may not set; nearest: node.kubernetes.io/hostname",
    ),
    (
        f"{GPU}/instance_types",
        ["g4dn.xlrge"],
        "gpu_node_groups.gpu.pool.instance_types[0]: instance type g4dn.xlrge is not in the catalog; nearest: g4dn.xlarge",
    ),
    (
        f"{GPU}/instance_types",
        ["p2.xlarge"],
        "gpu_node_groups.gpu.pool.instance_types[0]: instance type p2.xlarge is no longer offered: AWS lists it no longer, and no EKS image has a driver for its K80; nearest: g4dn.xlarge",
    ),
    (
        f"{GPU}/instance_types",
        ["g4dn.xlarge", "g4dn.12xlarge"],
        "gpu_node_groups.gpu.pool.instance_types: types must have one accelerator count, because the autoscaler plans every node with the first type: g4dn.xlarge has 1, g4dn.12xlarge has 4",
    ),
    (f"{GPU}/instance_types", ["m5.xlarge"], "gpu_node_groups.gpu.pool.instance_types: m5.xlarge has no accelerator"),
    (
        f"{GPU}/instance_types",
        ["g6f.xlarge"],
        "gpu_node_groups.gpu.pool.instance_types: g6f.xlarge has 0.125 of a GPU, which no pod can request: nvidia.com/gpu counts whole devices",
    ),
    (
        f"{GPU}/instance_types",
        [],
        "gpu_node_groups.gpu.pool.instance_types: give instance_types, or a need that they must satisfy",
    ),
    (f"{GPU}/max_gpus", 0, "gpu_node_groups.gpu.pool.max_gpus must be at least 1, got 0"),
    (
        f"{GPU}/max_gpus",
        "many",
        "gpu_node_groups.gpu.pool.max_gpus must be a whole number, got 'many'",
    ),
    (
        f"{GPU}/capacity_types",
        ["spots"],
        "gpu_node_groups.gpu.pool.capacity_types[0] must be one of reserved, spot, on-demand, got 'spots'; nearest: spot",
    ),
    (
        f"{GPU}/capacity_types",
        ["spot", "spot"],
        "gpu_node_groups.gpu.pool.capacity_types must have one entry or more, none of them twice, got ['spot', 'spot']",
    ),
    (
        f"{GPU}/capacity_types",
        ["reserved"],
        "gpu_node_groups.gpu.pool.capacity_types: reserved needs reservations, so name one or more in pool.reservations",
    ),
    (f"{GPU}/disk_gib", 8, "gpu_node_groups.gpu.pool.disk_gib must be at least 30, got 8"),
    (
        f"{GPU}/zones",
        ["us-east-1a"],
        "gpu_node_groups.gpu.pool.zones: us-east-1a has no subnet; zones that have one: us-west-2a, us-west-2b, us-west-2c",
    ),
    (
        f"{GPU}/taint",
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
        "gpu_node_groups.gpu.pool.taint.effect must be one of NoSchedule, PreferNoSchedule, NoExecute, got 'NO_SCHEDULE'; nearest: NoSchedule",
    ),
    (
        f"{GPU}/taint",
        {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
        "gpu_node_groups.gpu.pool.taint.value is required",
    ),
    (
        f"{GPU}/labels",
        {"nvidia.com/gpu.present": "false"},
        "gpu_node_groups.gpu.pool.labels: nvidia.com/gpu.present follows from the pool itself",
    ),
    (
        f"{GPU}/sharing",
        {"strategy": "time-slicing", "replicas": 1},
        "gpu_node_groups.gpu.pool.sharing.replicas must be at least 2, got 1",
    ),
    (f"{GPU}/idle_s", 1, "gpu_node_groups.gpu.pool.idle_s must be at least 30, got 1"),
    (
        "gpu_node_groups/a-pool-whose-name-says-more-than-a-name-has-to",
        {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1}},
        "gpu_node_groups.a-pool-whose-name-says-more-than-a-name-has-to.name must be 34 characters or fewer, got 46: its groups are named a-pool-whose-name-says-more-than-a-name-has-to-us-west-2a-on-demand and the like, and EKS takes 63 with Pulumi's suffix",
    ),
    (
        "gpu_node_groups/gpu/backend",
        "asg",
        "gpu_node_groups.gpu.backend must be one of managed-node-group, auto-scaling-group, got 'asg'",
    ),
    ("cuda_vector_add/pool", "gpus", "cuda_vector_add.pool must be one of gpu, bought, got 'gpus'; nearest: gpu"),
    ("cuda_vector_add/replicas", -1, "cuda_vector_add.replicas must be at least 0, got -1"),
    (
        "training_queues/training/pools",
        ["gpu", "gpus"],
        "training_queues.training.pools[1] must be one of gpu, bought, got 'gpus'; nearest: gpu",
    ),
    (
        "training_queues/training/pools",
        ["gpu", "gpu"],
        "training_queues.training.pools must name each pool once, got gpu twice",
    ),
    ("training_queues/training/pools", "gpu", "training_queues.training.pools must be a list, got 'gpu'"),
    ("training_queues/training/pools", REMOVED, "training_queues.training.pools is required"),
    (
        "training_queues/training/queues",
        {"vision": {"gpus": {"gpu": 5}}},
        "training_queues.training.queues: 5 of pool gpu are given away, and its 4 nodes have 4",
    ),
    ("kueue", REMOVED, "training_queues: no Kueue serves them: add the section kueue, {} for its defaults"),
    ("kueue/integrations", [], "kueue.integrations must have one entry or more, none of them twice, got []"),
    ("kueue/replicas", 0, "kueue.replicas must be at least 1, got 0"),
    ("job_set_controller/replicas", 0, "job_set_controller.replicas must be at least 1, got 0"),
    ("karpenter/replicas", 0, "karpenter.replicas must be at least 1, got 0"),
    (
        "karpenter/feature_gates",
        {"node_repairs": True},
        "karpenter.feature_gates.node_repairs is not a known key; nearest: node_repair",
    ),
    (
        f"{BOUGHT}/pool/instance_types",
        ["g6"],
        "karpenter_gpu_pools.bought.pool.instance_types[0]: g6 is a family, and pods packed on one of its larger types can cost more than a small node for each: name the types; nearest: g6.xlarge",
    ),
    (
        f"{BOUGHT}/pool/capacity_types",
        ["on-demand", "spot"],
        "karpenter_gpu_pools.bought.pool.capacity_types: Karpenter takes reserved, spot, on-demand in this order, got on-demand, spot; nearest: spot, on-demand",
    ),
    (
        f"{BOUGHT}/pool/capacity_types",
        ["reserved"],
        "karpenter_gpu_pools.bought.capacity_reservation_ids: pool.capacity_types has reserved, so name one reservation or more",
    ),
    (
        f"{BOUGHT}/pool/disruption_budget",
        "half",
        "karpenter_gpu_pools.bought.pool.disruption_budget must be nodes, as 20% or 2, got 'half'",
    ),
    (f"{BOUGHT}/pool/weight", 0, "karpenter_gpu_pools.bought.pool.weight must be at least 1, got 0"),
    (f"{BOUGHT}/pool/max_age_h", 0, "karpenter_gpu_pools.bought.pool.max_age_h must be at least 1, got 0"),
    (
        f"{BOUGHT}/pool/termination_grace_s",
        0,
        "karpenter_gpu_pools.bought.pool.termination_grace_s must be at least 60, got 0",
    ),
    (
        f"{BOUGHT}/pool/node_image",
        "bottlerocket",
        "karpenter_gpu_pools.bought.image_version: name a release of Bottlerocket, as v1.46.0, or its nodes change without notice",
    ),
    (
        "karpenter_gpu_pools/gpu",
        {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1}},
        "karpenter_gpu_pools.gpu must have a name of its own, because gpu_node_groups has a gpu too",
    ),
    (
        f"{GPU}/max_age_h",
        24,
        "gpu_node_groups.gpu.pool.max_age_h: a node group replaces no node for its age, got 24: leave it out, or use KarpenterGpuPool",
    ),
    (
        f"{GPU}/weight",
        5,
        "gpu_node_groups.gpu.pool.weight: the cluster autoscaler chooses among node groups by its expander, got 5: leave it out, or use KarpenterGpuPool",
    ),
    (
        "auto_mode_gpu_pools/auto",
        {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1, "max_age_h": 400}},
        "auto_mode_gpu_pools.auto.pool.max_age_h must be at most 336: Auto Mode lets no node grow older, got 400",
    ),
    (
        "auto_mode_gpu_pools/auto",
        {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1, "sharing": {"strategy": "mps", "replicas": 2}}},
        "auto_mode_gpu_pools.auto.pool.sharing: Auto Mode counts whole GPUs, so it would buy a node for each pod, got mps-2: leave it out, or use a node group or Karpenter",
    ),
    (
        "auto_mode_gpu_pools/auto",
        {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1}, "storage": {"iops": 100}},
        "auto_mode_gpu_pools.auto.storage.iops must be at least 3000, got 100",
    ),
    (
        "cluster/auto_mode",
        {"built_in_pools": ["gpu"]},
        "cluster.auto_mode.built_in_pools[0] must be one of general-purpose, system, got 'gpu'",
    ),
    (
        "cluster/auto_mode",
        {},
        "cluster: system_nodes and auto_mode exclude each other: AWS runs the nodes for controllers too",
    ),
    (
        "gpu_operator",
        {"node_image": "bottlerocket"},
        "gpu_operator: node_image: bottlerocket brings driver, toolkit and device plugin, and lets nobody replace them: it needs no operator",
    ),
    (
        "gpu_operator",
        {"mig_strategy": "double"},
        "gpu_operator.mig_strategy must be one of none, single, mixed, got 'double'",
    ),
    (
        "resnet/settings/image",
        "tensorflow/serving:latest",
        "resnet.settings.image must have a tag that stays, or a digest, got 'tensorflow/serving:latest'; nearest: tensorflow/serving:2.20.0-gpu",
    ),
    (
        "resnet/settings/hpa",
        {"max_replicas": 9},
        "resnet.settings: the pool has GPUs for 4 pods (max_gpus 4), got 9 replicas",
    ),
    ("resnet/settings/model", {}, "resnet.settings.model: give one of from_image, s3_uri, volume_claim, got none"),
    (
        "resnet/settings/load_balancer",
        {"public": True},
        "resnet.settings.load_balancer: public needs source_ranges: whoever reaches a model server uses its GPUs; public needs certificate_arn, or allow_plain_http: true where nobody minds being read",
    ),
    (
        "resnet/settings/load_balancer",
        {"public": True, "source_ranges": ["0.0.0.0/0"], "allow_plain_http": True},
        "resnet.settings.load_balancer.source_ranges[0]: 0.0.0.0/0 is everyone, and whoever reaches a model server uses its GPUs: give the clients' ranges",
    ),
    (
        "resnet/settings/keda",
        {"max_replicas": 2, "cpu": {}},
        "resnet.settings.keda: cpu is measured on a running pod, so it never starts the first: use cron, prometheus or sqs",
    ),
    ("aws_load_balancer_controller/replicas", 0, "aws_load_balancer_controller.replicas must be at least 1, got 0"),
]
