"""The closed words of args, each list in one place: values are checked against them.

A type checker shows them on the args as well, by `arg_words.pyi`.
"""

from typing import Literal

AcceleratorKind = Literal["nvidia", "neuron"]
Architecture = Literal["amd64", "arm64"]
AutoscalerExpander = Literal["least-waste", "most-pods", "random"]
BuiltInPool = Literal["general-purpose", "system"]
ControlPlaneLog = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]
DcgmExporter = Literal["chart", "operator", "none"]
Devices = Literal["plugin", "claims"]
KvCacheFormat = Literal["auto", "fp8"]
KueueIntegration = Literal[
    "job",
    "jobset",
    "trainjob",
    "leaderworkerset",
    "mpijob",
    "pytorchjob",
    "raycluster",
    "rayjob",
    "deployment",
    "statefulset",
    "pod",
]
LoadBalancerController = Literal["aws-load-balancer-controller", "auto-mode"]
MigStrategy = Literal["none", "single", "mixed"]
NodeImage = Literal["al2023", "bottlerocket"]
OperatorImage = Literal["eks-nvidia", "ubuntu"]
QuotaReclaim = Literal["never", "lower-priority", "any"]
ReservationKind = Literal["on-demand", "capacity-block"]
SharingStrategy = Literal["time-slicing", "mps"]
SmokeTestBackend = Literal["karpenter", "auto-mode"]
VersionSupport = Literal["STANDARD", "EXTENDED"]
WeightFormat = Literal["bf16", "fp8", "int8", "int4", "mxfp4"]
