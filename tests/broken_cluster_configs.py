"""ClusterConfigs of eksctl, each of which breaks one rule of the importer."""

from tests.imports import NODE_TEMPLATE, Broken, cluster_config, managed, node_pool, plugin, self_managed

SPOT = {"name": "spot", "spot": True, "minSize": 0, "maxSize": 3}
SIX = ["m8i.xlarge", "m8a.xlarge", "m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m5.xlarge"]

BROKEN_CLUSTER_CONFIGS: list[Broken] = [
    ("lost", managed(maxPodsPerNode=30), "managedNodeGroups[0].maxPodsPerNode", "no place for maxPodsPerNode"),
    ("lost", [cluster_config(fargateProfiles=[{"name": "f"}])], "fargateProfiles", "no place for fargateProfiles"),
    (
        "lost",
        managed(tags={f"{NODE_TEMPLATE}/autoscaling-options/scaledownunneededtime": "1d"}),
        f"managedNodeGroups[0].tags[{NODE_TEMPLATE}/autoscaling-options/scaledownunneededtime]",
        "must be a duration such as 1h30m, got '1d'; nearest: 24h",
    ),
    ("lost", managed(ssh={"allow": True}), "managedNodeGroups[0].ssh", "session_manager"),
    ("lost", managed(volumeSiz=50), "managedNodeGroups[0].volumeSiz", "no place for volumeSiz; nearest: volumeSize"),
    (
        "api-is-private-or-restricted",
        [cluster_config(vpc={"clusterEndpoints": {"publicAccess": True}})],
        "vpc.clusterEndpoints.publicAccess",
        "open to the whole internet",
    ),
    (
        "api-is-private-or-restricted",
        [cluster_config(vpc={"publicAccessCIDRs": ["0.0.0.0/1", "128.0.0.0/1"]})],
        "vpc.publicAccessCIDRs",
        "open to 0.0.0.0/1, 128.0.0.0/1, much of the internet: it stays private",
    ),
    (
        "autoscaler-plans-with-the-smallest-type",
        managed(instanceType=None, instanceTypes=["g6.4xlarge", "g6.xlarge"]),
        "managedNodeGroups[0].instanceTypes[0]",
        "EC2 may start g6.xlarge, which is smaller",
    ),
    ("disks-have-room", managed(volumeSize=20), "managedNodeGroups[0].volumeSize", "30 is taken"),
    ("gpu-nodes-are-tainted", managed(taints=None), "managedNodeGroups[0].taints", "any pod may land there"),
    (
        "gpu-nodes-are-tainted",
        managed(taints={"nvidia.com/gpu": "true:PreferNoSchedule"}),
        "managedNodeGroups[0].taints[nvidia.com/gpu]",
        "keeps no pod away for certain: NoSchedule is taken",
    ),
    (
        "taints-have-an-effect",
        managed(taints={"nvidia.com/gpu": "true"}),
        "managedNodeGroups[0].taints[nvidia.com/gpu]",
        "nearest: true:NoSchedule",
    ),
    ("gpu-pools-start-at-zero", managed(minSize=1), "managedNodeGroups[0].minSize", "1 GPU nodes run"),
    (
        "gpus-are-whole-and-have-a-driver",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6f.xlarge"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "0.125 of a GPU",
    ),
    (
        "instance-types-offered-in-zones",
        managed(instanceType=None, instanceTypes=["p4d.24xlarge", "p3dn.24xlarge"], availabilityZones=["us-west-2a"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "p3dn.24xlarge is not offered in us-west-2a: it is in us-west-2b, us-west-2c",
    ),
    ("names-fit", managed(name="GPU.nodes"), "managedNodeGroups[0].name", "gpu-nodes is taken"),
    (
        "node-disks-are-encrypted",
        managed(volumeEncrypted=False),
        "managedNodeGroups[0].volumeEncrypted",
        "in the clear",
    ),
    (
        "one-gpu-count-a-group",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6.12xlarge"]),
        "managedNodeGroups[0].instanceTypes",
        "Types with 1 are taken",
    ),
    (
        "one-kind-of-node-a-pool",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g5g.xlarge"]),
        "managedNodeGroups[0].instanceTypes",
        "without g5g.xlarge arm64 nvidia",
    ),
    (
        "one-shape-a-group",
        [cluster_config(managedNodeGroups=[{**SPOT, "instanceTypes": [*SIX, "m5.2xlarge"]}])],
        "managedNodeGroups[0].instanceTypes",
        "without m5.2xlarge",
    ),
    ("one-zone-a-gpu-group", managed(availabilityZones=None), "managedNodeGroups[0].name", "makes a group a zone"),
    (
        "placeholders-are-filled-in",
        [cluster_config(metadata={"region": "${AWS_REGION}"})],
        "metadata.region",
        "${AWS_REGION} must be filled in",
    ),
    (
        "regions-and-zones-exist",
        [cluster_config(metadata={"region": "us-wset-2"})],
        "metadata.region",
        "nearest: us-west-2, which is taken",
    ),
    (
        "regions-and-zones-exist",
        [cluster_config(availabilityZones=["us-west-2a", "us-west-2x"])],
        "availabilityZones[1]",
        "is none of us-west-2's",
    ),
    (
        "scale-from-zero-labels-match-node",
        self_managed(labels={"team": "vision"}),
        "nodeGroups[0].labels",
        "no tag tells the autoscaler of team",
    ),
    (
        "scale-from-zero-labels-match-node",
        self_managed(tags={f"{NODE_TEMPLATE}/label/team": "audio"}),
        f"nodeGroups[0].tags[{NODE_TEMPLATE}/label/team]",
        "expects label team=audio, which no node gets",
    ),
    (
        "scale-from-zero-taints-match-node",
        self_managed(tags={f"{NODE_TEMPLATE}/taint/nvidia.com/gpu": "present:NoSchedule"}),
        f"nodeGroups[0].tags[{NODE_TEMPLATE}/taint/nvidia.com/gpu]",
        "the nodes' taint is true:NoSchedule",
    ),
    (
        "spot-groups-have-six-types",
        [cluster_config(managedNodeGroups=[{**SPOT, "instanceTypes": SIX[:4]}])],
        "managedNodeGroups[0].instanceTypes",
        "with 4 of one shape",
    ),
    (
        "taint-tags-have-value-and-effect",
        self_managed(tags={f"{NODE_TEMPLATE}/taint/nvidia.com/gpu": "true"}),
        f"nodeGroups[0].tags[{NODE_TEMPLATE}/taint/nvidia.com/gpu]",
        "must be value:Effect, got 'true'",
    ),
    (
        "taints-have-a-value",
        managed(taints=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]),
        "managedNodeGroups[0].taints[0].key",
        "its value is true",
    ),
    (
        "access-entries-instead-of-aws-auth",
        [cluster_config(accessConfig={"authenticationMode": "CONFIG_MAP"})],
        "accessConfig.authenticationMode",
        "uses access entries",
    ),
    ("disks-are-gp3", managed(volumeType="gp2"), "managedNodeGroups[0].volumeType", "gp3, which is taken"),
    (
        "instance-types-are-offered",
        managed(instanceType=None, instanceTypes=["g6.xlarge", "g6.xlrage"]),
        "managedNodeGroups[0].instanceTypes[1]",
        "nearest: g6.xlarge",
    ),
    ("instance-types-are-offered", managed(instanceType="p2.xlarge"), "managedNodeGroups[0].instanceType", "K80"),
    (
        "karpenter-is-current",
        [cluster_config(karpenter={"version": "0.37.0"}), plugin(), node_pool()],
        "karpenter.version",
        "the program installs 1.15.0",
    ),
    (
        "kubernetes-version-is-supported",
        [cluster_config(metadata={"version": "1.33"})],
        "metadata.version",
        "extended support, which costs more",
    ),
    ("node-images-are-current", managed(amiFamily="AmazonLinux2"), "managedNodeGroups[0].amiFamily", "AL2023 is taken"),
    (
        "node-policies-are-current",
        managed(iam={"attachPolicyARNs": ["arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM"]}),
        "managedNodeGroups[0].iam.attachPolicyARNs[0]",
        "AmazonSSMManagedInstanceCore",
    ),
    (
        "spot-allocation-is-current",
        self_managed(
            instancesDistribution={
                "spotAllocationStrategy": "lowest-price",
                "onDemandPercentageAboveBaseCapacity": 0,
            }
        ),
        "nodeGroups[0].instancesDistribution.spotAllocationStrategy",
        "price-capacity-optimized",
    ),
]
